#include <catch2/catch.hpp>

#include "adapters/kuma/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "tests/unit/smi/cases.h"
#include "tests/unit/smi/mutator.h"

using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using meshplay::testing::Mutator;
using nlohmann::json;
namespace kuma = meshplay::kuma;
namespace smi = meshplay::smi;

namespace {

void CheckPermission(const json& spec) {
  for (const json& rule : spec.value("rules", json::array())) {
    CHECK(spec["targetRef"]["kind"] == "Dataplane");
    CHECK_FALSE(spec["targetRef"]["labels"].empty());
    for (const json& allow : rule["default"]["allow"]) {
      CHECK(allow["spiffeID"]["type"] == "Exact");
      CHECK(allow["spiffeID"]["value"].get<std::string>().starts_with("spiffe://"));
    }
  }
  if (!spec.contains("from")) return;
  if (spec["targetRef"]["kind"] == "Mesh") {
    CHECK(spec["from"].size() == 1);
  } else {
    CHECK_FALSE(spec["targetRef"]["tags"]["kuma.io/service"].get<std::string>().empty());
  }
  CHECK(spec["from"][0] == json({{"targetRef", {{"kind", "Mesh"}}}, {"default", {{"action", "Deny"}}}}));
  for (std::size_t i = 1; i < spec["from"].size(); ++i) CHECK(spec["from"][i]["targetRef"]["kind"] == "MeshSubset");
}

}  // namespace

TEST_CASE("whatever the documents hold, Kuma gets permissions for named callers only", "[kuma][hostile]") {
  Mutator mutator(11);
  std::vector<json> cases = LoadCases("kuma.yaml");
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
      kuma::EmitOptions options;
      options.identity = round % 2 == 0 ? kuma::IdentityKind::kMesh : kuma::IdentityKind::kService;
      options.proxy_patch = round % 4 == 2;
      options.mode = round % 4 < 2 ? kuma::BaselineMode::kScoped : kuma::BaselineMode::kStrict;

      const auto set = smi::ParseDocuments(documents.get<std::vector<json>>(), {"shop"});
      const auto facts = meshplay::facts::FactsFromObjects(cluster.get<std::vector<json>>(), {"shop"});
      const auto emission = kuma::EmitSmi(set, facts, options);

      REQUIRE(emission.has_value());
      CHECK(emission->reports.size() == smi::AllHeads(set).size() + set.unreadable.size());
      for (const json& object : emission->objects) {
        if (object["kind"] == "MeshProxyPatch") CHECK_FALSE(object["spec"]["targetRef"]["labels"].empty());
        if (object["kind"] == "MeshTrafficPermission") CheckPermission(object["spec"]);
      }
    }
  }
}
