#include <catch2/catch.hpp>

#include "adapters/gamma/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/gamma_emitter/gateway_interpreter.h"
#include "tests/unit/smi/cases.h"
#include "tests/unit/smi/mutator.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using meshplay::testing::Mutator;
using nlohmann::json;
namespace gateway = meshplay::gamma;
namespace smi = meshplay::smi;

TEST_CASE("whatever the documents hold, routes keep the limits of the Gateway API and hang on Services",
          "[gamma][hostile]") {
  Mutator mutator(13);
  std::vector<json> cases = LoadCases("gamma.yaml");
  for (const char* file : {"validate.yaml", "parse.yaml", "istio.yaml"}) {
    for (json& c : LoadCases(file)) cases.push_back(std::move(c));
  }
  for (const json& c : cases) {
    for (int round = 0; round < 10; ++round) {
      json documents = ListAt(c, "documents");
      json cluster = ListAt(c, "cluster");
      const int mutations = 1 + mutator.Below(4);
      for (int i = 0; i < mutations; ++i) mutator.Mutate(mutator.Below(3) == 0 ? cluster : documents);
      if (!documents.is_array()) documents = json::array({documents});
      if (!cluster.is_array()) cluster = json::array({cluster});
      INFO(c["name"]);
      gateway::EmitOptions options;
      options.implementation = round % 2 == 0 ? "istio" : "linkerd";

      const auto set = smi::ParseDocuments(documents.get<std::vector<json>>(), {"shop"});
      const auto facts = meshplay::facts::FactsFromObjects(cluster.get<std::vector<json>>(), {"shop"});
      const auto emission = gateway::EmitSmi(set, facts, options);

      REQUIRE(emission.has_value());
      CHECK(emission->reports.size() == smi::AllHeads(set).size() + set.unreadable.size());
      for (const json& object : emission->objects) {
        CHECK(meshplay::testing::BrokenLimit(object) == "");
        CHECK(object["spec"]["parentRefs"][0]["kind"] == "Service");
      }
    }
  }
}
