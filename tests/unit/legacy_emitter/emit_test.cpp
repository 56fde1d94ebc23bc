#include "adapters/legacy/emitter/emit.h"

#include <catch2/catch.hpp>

#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cases.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace legacy = meshplay::legacy;
namespace smi = meshplay::smi;

namespace {

// The hash at the end of a generated name is written HASH.
std::string WithoutHash(std::string name) {
  const std::size_t dash = name.rfind('-');
  const bool hashed = name.starts_with("smi-") && dash != std::string::npos && name.size() - dash == 9;
  return hashed ? name.substr(0, dash) + "-HASH" : name;
}

json Plain(const json& object) {
  json spec = object["spec"];
  if (object["kind"] == "TrafficTarget") {
    for (json& rule : spec["rules"]) rule["name"] = WithoutHash(rule["name"]);
  }
  return {{"kind", object["apiVersion"].get<std::string>() + " " + object["kind"].get<std::string>()},
          {"name", object["metadata"]["namespace"].get<std::string>() + "/" + WithoutHash(object["metadata"]["name"])},
          {"spec", spec}};
}

json Plain(const smi::SmiReport& report) {
  json codes = json::array();
  for (const auto& diagnostic : report.diagnostics) codes.push_back(diagnostic.code);
  return {{"source", report.source.kind + " " + report.source.name},
          {"level", smi::SupportLevelName(report.level)},
          {"codes", codes}};
}

}  // namespace

TEST_CASE("SMI becomes what each mesh reads itself, with the reports of the design's cases", "[legacy][emit]") {
  for (const legacy::Mesh mesh : {legacy::Mesh::kOsm, legacy::Mesh::kTraefik, legacy::Mesh::kNginx}) {
    for (const json& c : LoadCases(std::string(legacy::NameOf(mesh)) + ".yaml")) {
      INFO(legacy::NameOf(mesh) << ": " << c["name"].get<std::string>());
      const smi::DocumentSet set = smi::ParseDocuments(ListAt(c, "documents"), {"shop"});
      const smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(ListAt(c, "cluster"), {"shop"});
      legacy::EmitOptions options;
      const json wanted = c.value("options", json::object());
      for (const auto& [name, value] : wanted.items()) {
        REQUIRE(legacy::SetOption(options, name, value.get<std::string>()).has_value());
      }

      const auto emission = legacy::EmitSmi(mesh, set, facts, options);

      REQUIRE(emission.has_value());
      json objects = json::array();
      for (const json& object : emission->objects) objects.push_back(Plain(object));
      CHECK(objects == json(ListAt(c, "objects")));
      json reports = json::array();
      for (const auto& report : emission->reports) {
        const bool target = report.source.kind == "TrafficTarget" || report.source.kind == "TrafficSplit";
        if (target || report.level != smi::SupportLevel::kFull) reports.push_back(Plain(report));
      }
      CHECK(reports == json(ListAt(c, "reports")));
    }
  }
}

TEST_CASE("options have their documented names and values, and meshes their names", "[legacy][options]") {
  legacy::EmitOptions options;
  CHECK(legacy::SetOption(options, "pathAnchor", "full").has_value());
  CHECK(legacy::SetOption(options, "mode", "scoped").has_value());
  CHECK(legacy::SetOption(options, "mode", "strict").error().reason() == "SMI_OPTION_UNSUPPORTED");
  CHECK(legacy::SetOption(options, "mode", "loose").error().reason() == "SMI_OPTION_INVALID");
  CHECK(legacy::SetOption(options, "kuma.identity", "mesh").error().reason() == "SMI_OPTION_UNKNOWN");
  CHECK(legacy::MeshOf("osm") == legacy::Mesh::kOsm);
  CHECK(legacy::MeshOf("traefik-mesh") == legacy::Mesh::kTraefik);
  CHECK(legacy::MeshOf("nginx-service-mesh") == legacy::Mesh::kNginx);
  CHECK_FALSE(legacy::MeshOf("istio").has_value());
}
