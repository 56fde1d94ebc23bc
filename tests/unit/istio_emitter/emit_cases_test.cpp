#include <catch2/catch.hpp>

#include "adapters/istio/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cases.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

// What varies by content only is checked elsewhere; here the objects are compared by what they say. A hash at the end
// of a name may be written HASH.
json Plain(const json& object, bool hide_hash) {
  std::string name = object["metadata"]["name"];
  const std::size_t dash = name.rfind('-');
  if (hide_hash && name.size() - dash == 9) name = name.substr(0, dash) + "-HASH";
  return {{"kind", object["kind"]},
          {"name", object["metadata"]["namespace"].get<std::string>() + "/" + name},
          {"spec", object["spec"]}};
}

json Plain(const smi::SmiReport& report, bool with_objects) {
  json codes = json::array();
  for (const auto& diagnostic : report.diagnostics) codes.push_back(diagnostic.code);
  json out = {{"source", report.source.kind + " " + report.source.name},
              {"level", smi::SupportLevelName(report.level)},
              {"codes", codes}};
  json generated = json::array();
  for (const auto& key : report.generated) generated.push_back(key.kind + " " + key.namespace_name + "/" + key.name);
  if (with_objects && !generated.empty()) out["generated"] = generated;
  return out;
}

}  // namespace

TEST_CASE("SMI becomes the Istio objects and reports of the design's cases", "[istio][emit]") {
  const std::string file = GENERATE("istio.yaml", "istio-ambient.yaml");
  const bool ambient = file == "istio-ambient.yaml";
  const std::vector<json> cases = LoadCases(file);
  for (const json& c : cases) {
    INFO(c["name"].get<std::string>());
    const auto documents = ListAt(c, "documents");
    const smi::DocumentSet set = smi::ParseDocuments(documents, {"shop"});
    smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(ListAt(c, "cluster"), {"shop"});
    if (c.contains("fields")) {
      for (const json& field : c["fields"]) facts.api_fields.insert(field.get<std::string>());
    }
    istio::EmitOptions options;
    options.owner = "test";
    const json wanted = c.value("options", json::object());
    for (const auto& [name, value] : wanted.items()) {
      REQUIRE(istio::SetOption(options, name, value.get<std::string>()).has_value());
    }

    const auto emission = istio::EmitSmi(set, facts, options);

    REQUIRE(emission.has_value());
    json objects = json::array();
    for (const json& object : emission->objects) objects.push_back(Plain(object, ambient));
    CHECK(objects == json(ListAt(c, "objects")));
    json reports = json::array();
    for (const auto& report : emission->reports) {
      // Groups and routes that just work are left out of the expectations.
      const bool target = report.source.kind == "TrafficTarget" || report.source.kind == "TrafficSplit";
      if (target || report.level != smi::SupportLevel::kFull) reports.push_back(Plain(report, !ambient));
    }
    CHECK(reports == json(ListAt(c, "reports")));
  }
}
