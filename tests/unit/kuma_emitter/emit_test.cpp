#include "adapters/kuma/emitter/emit.h"

#include <catch2/catch.hpp>

#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cases.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace kuma = meshplay::kuma;
namespace smi = meshplay::smi;

namespace {

// The hash at the end of a name is written HASH.
json Plain(const json& object) {
  std::string name = object["metadata"]["name"];
  const std::size_t dash = name.rfind('-');
  if (name.size() - dash == 9) name = name.substr(0, dash) + "-HASH";
  return {{"kind", object["kind"]},
          {"name", object["metadata"]["namespace"].get<std::string>() + "/" + name},
          {"spec", object["spec"]}};
}

json Plain(const smi::SmiReport& report) {
  json codes = json::array();
  for (const auto& diagnostic : report.diagnostics) codes.push_back(diagnostic.code);
  return {{"source", report.source.kind + " " + report.source.name},
          {"level", smi::SupportLevelName(report.level)},
          {"codes", codes}};
}

}  // namespace

TEST_CASE("SMI becomes the Kuma policies and reports of the design's cases", "[kuma][emit]") {
  for (const json& c : LoadCases("kuma.yaml")) {
    INFO(c["name"].get<std::string>());
    const smi::DocumentSet set = smi::ParseDocuments(ListAt(c, "documents"), {"shop"});
    smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(ListAt(c, "cluster"), {"shop"});
    facts.mesh_version = c.value("mesh_version", std::string());
    kuma::EmitOptions options;
    const json wanted = c.value("options", json::object());
    for (const auto& [name, value] : wanted.items()) {
      REQUIRE(kuma::SetOption(options, name, value.get<std::string>()).has_value());
    }

    const auto emission = kuma::EmitSmi(set, facts, options);

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

TEST_CASE("an identity that the version of Kuma does not know is refused", "[kuma][options]") {
  const auto reason = [](const char* identity, const char* version) {
    kuma::EmitOptions options;
    REQUIRE(kuma::SetOption(options, "kuma.identity", identity).has_value());
    smi::ClusterFacts facts;
    facts.mesh_version = version;
    const auto emission = kuma::EmitSmi({}, facts, options);
    return emission.has_value() ? std::string() : emission.error().reason();
  };
  CHECK(reason("mesh", "2.11.9") == "SMI_OPTION_UNSUPPORTED");
  CHECK(reason("mesh", "2.12.0").empty());
  CHECK(reason("mesh", "").empty());
  CHECK(reason("service", "2.14").empty());
  CHECK(reason("service", "3.0").find("SMI_OPTION_UNSUPPORTED") == 0);
  CHECK(reason("service", "").empty());
}

TEST_CASE("options have their documented names and values", "[kuma][options]") {
  kuma::EmitOptions options;
  CHECK(kuma::SetOption(options, "kuma.identity", "service").has_value());
  CHECK(options.identity == kuma::IdentityKind::kService);
  CHECK(kuma::SetOption(options, "kuma.identity", "pod").error().reason() == "SMI_OPTION_INVALID");
  CHECK(kuma::SetOption(options, "kuma.proxyPatch", "on").error().reason() == "SMI_OPTION_INVALID");
  CHECK(kuma::SetOption(options, "kuma.proxyPatch", "true").has_value());
  const auto by_tags = kuma::EmitSmi({}, {}, options);
  REQUIRE_FALSE(by_tags.has_value());
  CHECK(by_tags.error().reason() == "SMI_OPTION_UNSUPPORTED");
  CHECK(kuma::SetOption(options, "mode", "strict").has_value());
  CHECK(options.mode == kuma::BaselineMode::kStrict);
  CHECK(kuma::SetOption(options, "mode", "open").error().reason() == "SMI_OPTION_INVALID");
  CHECK(kuma::SetOption(options, "istio.mtls", "true").error().reason() == "SMI_OPTION_UNKNOWN");
}
