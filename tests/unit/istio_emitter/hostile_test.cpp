#include <catch2/catch.hpp>

#include "adapters/istio/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/convert.h"
#include "tests/unit/smi/cases.h"
#include "tests/unit/smi/mutator.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using meshplay::testing::Mutator;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

TEST_CASE("whatever the documents hold, they are answered with findings and closed policies", "[istio][hostile]") {
  Mutator mutator(7);
  istio::EmitOptions options;
  options.owner = "test";
  std::vector<json> cases = LoadCases("istio.yaml");
  for (const char* file : {"istio-ambient.yaml", "validate.yaml", "parse.yaml", "convert.yaml"}) {
    for (json& c : LoadCases(file)) cases.push_back(std::move(c));
  }
  for (const json& c : cases) {
    for (int round = 0; round < 15; ++round) {
      json documents = ListAt(c, "documents");
      json cluster = ListAt(c, "cluster");
      const int mutations = 1 + mutator.Below(4);
      for (int i = 0; i < mutations; ++i) mutator.Mutate(mutator.Below(3) == 0 ? cluster : documents);
      if (!documents.is_array()) documents = json::array({documents});
      if (!cluster.is_array()) cluster = json::array({cluster});
      INFO(c["name"]);
      options.dataplane = round % 3 == 0 ? istio::Dataplane::kAmbient : istio::Dataplane::kSidecar;
      options.envoy_filter = round % 3 == 1;

      const auto set = smi::ParseDocuments(documents.get<std::vector<json>>(), {"shop"});
      const auto facts = meshplay::facts::FactsFromObjects(cluster.get<std::vector<json>>(), {"shop"});
      const auto emission = istio::EmitSmi(set, facts, options);
      const auto conversion = smi::Convert(set, {4, 4, 4, smi::HeaderShape::kList});

      REQUIRE(emission.has_value());
      REQUIRE(conversion.has_value());
      CHECK(emission->reports.size() == smi::AllHeads(set).size() + set.unreadable.size());
      for (const json& object : emission->objects) {
        if (object["kind"] == "EnvoyFilter") CHECK_FALSE(object["spec"]["workloadSelector"]["labels"].empty());
        if (object["kind"] != "AuthorizationPolicy" || !object["spec"].contains("rules")) continue;
        if (object["spec"].contains("targetRefs")) {
          CHECK(object["spec"]["targetRefs"][0]["kind"] == "Service");
        } else {
          CHECK_FALSE(object["spec"]["selector"]["matchLabels"].empty());
        }
        for (const json& rule : object["spec"]["rules"]) {
          for (const json& from : rule.at("from")) {
            for (const json& principal : from["source"].value("principals", json::array())) {
              CHECK(principal.get<std::string>().find('*') == std::string::npos);
            }
          }
        }
      }
    }
  }
}
