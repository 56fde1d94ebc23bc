#include "adapters/controller/state.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "libs/base/json_member.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

std::int64_t NumberOf(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

const json& ListOf(const json& object, const char* key) {
  static const json kEmpty = json::array();
  const auto found = object.find(key);
  return found != object.end() && (found->is_array() || found->is_object()) ? *found : kEmpty;
}

SourceRecord ReadRecord(const json& entry) {
  SourceRecord record;
  record.uid = MemberText(entry, "uid");
  record.generation = NumberOf(entry, "generation");
  record.level = MemberText(entry, "level");
  record.degraded_until_ms = NumberOf(entry, "degradedUntil");
  for (const auto& [name, digest] : ListOf(entry, "references").items()) {
    if (digest.is_string()) record.references[name] = digest.get<std::string>();
  }
  for (const json& loss : ListOf(entry, "losses")) {
    if (loss.is_string()) record.losses.insert(loss.get<std::string>());
  }
  return record;
}

}  // namespace

std::string PrintState(const State& state) {
  json objects = json::array();
  for (const kube::ObjectRef& ref : state.objects) {
    objects.push_back(json::array({ref.gvk.ApiVersion(), ref.gvk.kind, ref.name_space, ref.name}));
  }
  json sources = json::object();
  for (const auto& [name, record] : state.sources) {
    json entry = {{"uid", record.uid}, {"generation", record.generation}, {"level", record.level}};
    if (!record.references.empty()) entry["references"] = record.references;
    if (!record.losses.empty()) entry["losses"] = record.losses;
    if (record.degraded_until_ms != 0) entry["degradedUntil"] = record.degraded_until_ms;
    sources[name] = std::move(entry);
  }
  return DumpJson({{"objects", std::move(objects)}, {"sources", std::move(sources)}});
}

State ReadState(std::string_view text) {
  State state;
  const auto document = ParseJson(text, {.max_bytes = 2 * kMaxStateBytes});
  if (!document || !document->is_object()) return state;
  for (const json& entry : ListOf(*document, "objects")) {
    const bool whole = entry.is_array() && entry.size() == 4 && entry[0].is_string() && entry[1].is_string() &&
                       entry[2].is_string() && entry[3].is_string();
    if (!whole) continue;
    state.objects.push_back({kube::MakeGvk(entry[0].get<std::string>(), entry[1].get<std::string>()),
                             entry[2].get<std::string>(), entry[3].get<std::string>()});
  }
  for (const auto& [name, entry] : ListOf(*document, "sources").items()) {
    if (entry.is_object()) state.sources[name] = ReadRecord(entry);
  }
  return state;
}

bool HasFinalizer(const json& object) {
  const json& all = kube::ValueAt(object, "/metadata/finalizers");
  return all.is_array() && std::find(all.begin(), all.end(), json(kFinalizer)) != all.end();
}

json OtherFinalizers(const json& object) {
  json kept = json::array();
  const json& all = kube::ValueAt(object, "/metadata/finalizers");
  for (const json& one : all.is_array() ? all : json::array()) {
    if (one != json(kFinalizer)) kept.push_back(one);
  }
  return kept;
}

std::vector<std::string> SourcesOf(const json& object) {
  std::vector<std::string> sources;
  const std::string listed = kube::AnnotationOf(object, kSourcesAnnotation);
  for (std::size_t start = 0; start < listed.size();) {
    const std::size_t end = std::min(listed.find(',', start), listed.size());
    if (end > start) sources.push_back(listed.substr(start, end - start));
    start = end + 1;
  }
  return sources;
}

}  // namespace meshplay::controller
