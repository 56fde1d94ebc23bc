#include <catch2/catch.hpp>
#include <random>

#include "adapters/facts/kubernetes_facts.h"
#include "adapters/istio/emitter/emit.h"
#include "libs/smi/convert.h"
#include "tests/unit/smi/cases.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

/// Replaces, drops and copies values at random places of a document.
class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  void Mutate(json& value) {
    if (value.is_structured() && !value.empty() && Below(5) != 0) {
      auto it = value.begin();
      std::advance(it, Below(static_cast<int>(value.size())));
      if (Below(8) == 0) {
        value.erase(it);
      } else if (value.is_array() && Below(8) == 0) {
        value.push_back(*it);
      } else {
        Mutate(*it);
      }
      return;
    }
    value = Value();
  }

  int Below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }

 private:
  json Value() {
    switch (Below(12)) {
      case 0:
        return nullptr;
      case 1:
        return json::array();
      case 2:
        return json::object();
      case 3:
        return -1;
      case 4:
        return 18446744073709551615ULL;
      case 5:
        return 1e300;
      case 6:
        return "*";
      case 7:
        return "";
      case 8:
        return std::string(5000, '(');
      case 9:
        return "a.b.c/../{*}";
      case 10:
        return true;
      default:
        return json::array({"x", 1, nullptr});
    }
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("whatever the documents hold, they are answered with findings and closed policies", "[istio][hostile]") {
  Mutator mutator(7);
  istio::EmitOptions options;
  options.owner = "test";
  std::vector<json> cases = LoadCases("istio.yaml");
  for (const char* file : {"validate.yaml", "parse.yaml", "convert.yaml"}) {
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

      const auto set = smi::ParseDocuments(documents.get<std::vector<json>>(), {"shop"});
      const auto facts = meshplay::facts::FactsFromObjects(cluster.get<std::vector<json>>(), {"shop"});
      const auto emission = istio::EmitSmi(set, facts, options);
      const auto conversion = smi::Convert(set, {4, 4, 4, smi::HeaderShape::kList});

      REQUIRE(emission.has_value());
      REQUIRE(conversion.has_value());
      CHECK(emission->reports.size() == smi::AllHeads(set).size() + set.unreadable.size());
      for (const json& object : emission->objects) {
        if (object["kind"] != "AuthorizationPolicy" || !object["spec"].contains("rules")) continue;
        CHECK_FALSE(object["spec"]["selector"]["matchLabels"].empty());
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
