#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/convert.h"
#include "libs/smi/validate.h"
#include "tests/unit/smi/cases.h"
#include "tests/unit/translate/emitters.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace smi = meshplay::smi;
namespace translate = meshplay::translate;

namespace {

const std::vector<json>& Cases() {
  static const std::vector<json> kCases = LoadCases("diagnostics.yaml");
  return kCases;
}

translate::TranslateEmitter EmitterOf(const std::string& mesh) {
  if (mesh == "gamma-unknown") return meshplay::gamma::Emitter("");
  const auto all = meshplay::testing::AllEmitters();
  const auto it = std::find_if(all.begin(), all.end(), [&](const auto& tried) { return tried.emitter.name == mesh; });
  if (it == all.end()) throw std::runtime_error("no emitter " + mesh);
  return it->emitter;
}

// "LETTERS-1025" stands for that many letters.
void WriteOut(json& value) {
  if (value.is_structured()) {
    for (json& item : value) WriteOut(item);
    return;
  }
  if (!value.is_string() || !value.get_ref<const std::string&>().starts_with("LETTERS-")) return;
  value = std::string(std::stoul(value.get<std::string>().substr(8)), 'a');
}

std::set<std::string> CodesOf(json c) {
  WriteOut(c);
  std::set<std::string> codes;
  const smi::DocumentSet set = smi::ParseDocuments(ListAt(c, "documents"), {"shop"});
  if (c.contains("convert")) {
    smi::TargetVersions versions;
    versions.access = c["convert"].value("access", versions.access);
    versions.specs = c["convert"].value("specs", versions.specs);
    versions.split = c["convert"].value("split", versions.split);
    const auto conversion = smi::Convert(set, versions);
    REQUIRE(conversion.has_value());
    for (const smi::Finding& finding : conversion->findings) codes.insert(finding.diagnostic.code);
    return codes;
  }
  const smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(ListAt(c, "objects"), {"shop"});
  if (c.contains("mesh")) {
    const auto emission = EmitterOf(c["mesh"]).emit(set, facts, c.value("options", translate::OptionMap()));
    REQUIRE(emission.has_value());
    for (const smi::SmiReport& report : emission->reports) {
      for (const smi::Diagnostic& diagnostic : report.diagnostics) codes.insert(diagnostic.code);
    }
    return codes;
  }
  const smi::FactsIndex index(facts);
  for (const smi::Finding& finding : smi::Validate(set, c.contains("objects") ? &index : nullptr)) {
    codes.insert(finding.diagnostic.code);
  }
  return codes;
}

// The codes of the table in the document: first column, several separated by commas.
std::set<std::string> DocumentedCodes() {
  const auto text = meshplay::ReadFile(std::string(MESHPLAY_SOURCE_DIR) + "/docs/smi-diagnostics.md");
  REQUIRE(text.has_value());
  std::set<std::string> codes;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 4 || !line.starts_with("| ") || line[2] < 'A' || line[2] > 'Z') continue;
    std::istringstream names(line.substr(2, line.find(" |", 2) - 2));
    for (std::string name; std::getline(names, name, ',');) {
      name.erase(0, name.find_first_not_of(' '));
      codes.insert(name);
    }
  }
  return codes;
}

}  // namespace

TEST_CASE("every diagnostic is said where it holds, and not where it nearly does", "[translate][diagnostics]") {
  for (const json& c : Cases()) {
    const std::string code = c["code"].get<std::string>();
    INFO(code);
    CHECK(CodesOf(c).count(code) == 1);
    json near = c;
    REQUIRE_FALSE(c["near"].empty());
    for (const auto& [pointer, value] : c["near"].items()) near[json::json_pointer(pointer)] = value;
    CHECK(CodesOf(near).count(code) == 0);
  }
}

TEST_CASE("every documented diagnostic has its two cases, and every case is documented", "[translate][diagnostics]") {
  std::set<std::string> tried;
  for (const json& c : Cases()) tried.insert(c["code"].get<std::string>());
  const std::set<std::string> documented = DocumentedCodes();
  CHECK(documented.size() > 40);
  for (const std::string& code : documented) {
    INFO(code);
    CHECK(tried.count(code) == 1);
  }
  for (const std::string& code : tried) {
    INFO(code);
    CHECK(documented.count(code) == 1);
  }
}

TEST_CASE("every diagnostic that another case of the data files expects is documented", "[translate][diagnostics]") {
  const std::set<std::string> documented = DocumentedCodes();
  for (const char* file : {"istio.yaml", "istio-ambient.yaml", "kuma.yaml", "gamma.yaml", "linkerd.yaml", "consul.yaml",
                           "cilium.yaml", "osm.yaml", "traefik-mesh.yaml", "nginx-service-mesh.yaml"}) {
    for (const json& c : LoadCases(file)) {
      for (const json& report : ListAt(c, "reports")) {
        for (const json& code : report.value("codes", json::array())) {
          INFO(file << ": " << code.dump());
          CHECK(documented.count(code.get<std::string>()) == 1);
        }
      }
    }
  }
}
