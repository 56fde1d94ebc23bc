// Any text as SMI documents and cluster objects: read, validated, converted and translated without a crash, within the
// limits, and never into a policy that a pattern could open.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "adapters/istio/emitter/emit.h"
#include "libs/base/yaml.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/convert.h"
#include "libs/smi/parse.h"
#include "libs/smi/validate.h"

namespace {

using nlohmann::json;

void CheckPolicy(const json& object) {
  if (object["kind"] != "AuthorizationPolicy" || !object["spec"].contains("rules")) return;
  for (const json& rule : object["spec"]["rules"]) {
    if (!rule.contains("from") || rule["from"].empty()) std::abort();
    if (rule["from"].dump().find('*') != std::string::npos) std::abort();
  }
}

// What was written reads back without a fault.
void CheckConversion(const meshplay::smi::DocumentSet& set, std::size_t chosen) {
  const auto version = [&chosen] {
    const int out = static_cast<int>(chosen % 4) + 1;
    chosen /= 4;
    return out;
  };
  const auto shape = chosen % 2 == 0 ? meshplay::smi::HeaderShape::kMap : meshplay::smi::HeaderShape::kList;
  const auto conversion = meshplay::smi::Convert(set, {version(), version(), version(), shape});
  if (!conversion.has_value()) std::abort();
  if (meshplay::smi::HasErrors(meshplay::smi::ParseDocuments(conversion->documents).findings)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  meshplay::YamlLimits limits;
  limits.max_bytes = 64 * 1024;
  const auto read = meshplay::ParseYaml({reinterpret_cast<const char*>(data), size}, limits);
  if (!read.has_value()) return 0;
  std::vector<json> documents;
  for (const auto& document : *read) documents.push_back(document.value);

  const auto set = meshplay::smi::ParseDocuments(documents, {"shop"});
  const auto facts = meshplay::facts::FactsFromObjects(documents, {"shop"});
  meshplay::istio::EmitOptions options;
  options.owner = "fuzz";
  const auto emission = meshplay::istio::EmitSmi(set, facts, options);
  if (!emission.has_value()) std::abort();
  for (const json& object : emission->objects) CheckPolicy(object);
  // The input chooses the versions, so that a finding stays one when it is replayed.
  std::size_t chosen = size;
  for (std::size_t i = 0; i < size; i += 5) chosen += data[i];
  for (int k = 0; k < 4; ++k) CheckConversion(set, chosen + static_cast<std::size_t>(k) * 21);
  return 0;
}
