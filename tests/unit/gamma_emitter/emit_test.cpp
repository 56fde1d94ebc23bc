#include "adapters/gamma/emit.h"

#include <catch2/catch.hpp>

#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cases.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace gateway = meshplay::gamma;
namespace smi = meshplay::smi;

namespace {

// With its version, unless that is v1.
json Plain(const json& object) {
  json plain = {{"kind", object["kind"]},
                {"name", object["metadata"]["namespace"].get<std::string>() + "/" +
                             object["metadata"]["name"].get<std::string>()},
                {"spec", object["spec"]}};
  const std::string version = object["apiVersion"].get<std::string>().substr(sizeof "gateway.networking.k8s.io");
  if (version != "v1") plain["version"] = version;
  return plain;
}

json Plain(const smi::SmiReport& report) {
  json codes = json::array();
  for (const auto& diagnostic : report.diagnostics) codes.push_back(diagnostic.code);
  return {{"source", report.source.kind + " " + report.source.name},
          {"level", smi::SupportLevelName(report.level)},
          {"codes", codes}};
}

}  // namespace

TEST_CASE("SMI becomes the Gateway API objects and reports of the design's cases", "[gamma][emit]") {
  for (const json& c : LoadCases("gamma.yaml")) {
    INFO(c["name"].get<std::string>());
    const smi::DocumentSet set = smi::ParseDocuments(ListAt(c, "documents"), {"shop"});
    smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(ListAt(c, "cluster"), {"shop"});
    facts.mesh_version = c.value("mesh_version", std::string());
    gateway::EmitOptions options;
    options.implementation = c.value("implementation", std::string());
    const json wanted = c.value("options", json::object());
    for (const auto& [name, value] : wanted.items()) {
      REQUIRE(gateway::SetOption(options, name, value.get<std::string>()).has_value());
    }

    const auto emission = gateway::EmitSmi(set, facts, options);

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

TEST_CASE("a split with more matches or backends than a route takes is refused", "[gamma][emit]") {
  const json base = LoadCases("gamma.yaml").front();
  const auto emit = [&](const json& c) {
    const auto emission =
        gateway::EmitSmi(smi::ParseDocuments(ListAt(c, "documents"), {"shop"}),
                         meshplay::facts::FactsFromObjects(ListAt(c, "cluster"), {"shop"}), gateway::EmitOptions());
    REQUIRE(emission.has_value());
    return *emission;
  };
  SECTION("17 backends") {
    json c = base;
    for (int i = 0; i < 17; ++i) {
      const std::string name = "b" + std::to_string(i);
      c["documents"][1]["spec"]["backends"].push_back({{"service", name}, {"weight", 1}});
      json service = c["cluster"][1];
      service["metadata"]["name"] = name;
      c["cluster"].push_back(service);
    }
    const auto emission = emit(c);
    CHECK(emission.objects.empty());
    CHECK(emission.reports.back().level == smi::SupportLevel::kNone);
    CHECK(emission.reports.back().diagnostics.back().code == "NOT_REPRESENTABLE");
  }
  SECTION("127 matches are two rules and the root's, 128 are refused") {
    json c = base;
    json& matches = c["documents"][0]["spec"]["matches"];
    matches = json::array();
    for (int i = 0; i < 127; ++i) {
      matches.push_back({{"name", "m" + std::to_string(i)}, {"pathRegex", "/p" + std::to_string(i) + "$"}});
    }
    const auto emission = emit(c);
    REQUIRE(emission.objects.size() == 1);
    CHECK(emission.objects[0]["spec"]["rules"].size() == 3);
    CHECK(emission.objects[0]["spec"]["rules"][0]["matches"].size() == 64);
    CHECK(emission.objects[0]["spec"]["rules"][1]["matches"].size() == 63);
    matches.push_back({{"name", "more"}, {"pathRegex", "/more$"}});
    const auto refused = emit(c);
    CHECK(refused.objects.empty());
    CHECK(refused.reports.back().diagnostics.back().code == "NOT_REPRESENTABLE");
  }
}

TEST_CASE("the explanation counts the backends that get traffic, not those written", "[gamma][emit]") {
  const auto service = [](const std::string& name, int port) {
    return json{{"apiVersion", "v1"},
                {"kind", "Service"},
                {"metadata", {{"name", name}, {"namespace", "shop"}}},
                {"spec", {{"selector", {{"app", name}}}, {"ports", {{{"name", "http"}, {"port", port}}}}}}};
  };
  const json split = {{"apiVersion", "split.smi-spec.io/v1alpha4"},
                      {"kind", "TrafficSplit"},
                      {"metadata", {{"name", "s"}, {"namespace", "shop"}}},
                      {"spec",
                       {{"service", "api"},
                        {"backends",
                         {{{"service", "v1"}, {"weight", 1}},
                          {{"service", "v1"}, {"weight", 1}},
                          {{"service", "elsewhere"}, {"weight", 1}}}}}}};
  const auto facts =
      meshplay::facts::FactsFromObjects({service("api", 80), service("v1", 80), service("elsewhere", 81)});
  const auto emission = gateway::EmitSmi(smi::ParseDocuments({split}), facts, {});
  REQUIRE(emission.has_value());
  CHECK(emission->reports[0].explanation == "Traffic to Service api is shared among 1 backend by weight.");
}

TEST_CASE("options have their documented names and values", "[gamma][options]") {
  gateway::EmitOptions options;
  CHECK(gateway::SetOption(options, "gamma.regex", "never").has_value());
  CHECK(options.regex == gateway::RegexUse::kNever);
  CHECK(gateway::SetOption(options, "gamma.regex", "maybe").error().reason() == "SMI_OPTION_INVALID");
  CHECK(gateway::SetOption(options, "mode", "open").error().reason() == "SMI_OPTION_INVALID");
  CHECK(gateway::SetOption(options, "istio.mtls", "true").error().reason() == "SMI_OPTION_UNKNOWN");
  CHECK(gateway::SetOption(options, "allowMissing", "true").has_value());
  CHECK(options.common.allow_missing);
}
