#include <catch2/catch.hpp>

#include "adapters/cilium/emitter/emit.h"
#include "tests/unit/consul_emitter/inputs.h"

using nlohmann::json;
namespace cilium = meshplay::cilium;
namespace smi = meshplay::smi;
namespace testing = meshplay::testing;

namespace {

meshplay::Result<meshplay::translate::Emission> Emit(const smi::DocumentSet& set, const smi::ClusterFacts& facts) {
  return cilium::EmitSmi(set, facts, cilium::EmitOptions());
}

}  // namespace

TEST_CASE("whatever the documents hold, they are answered with findings and closed policies", "[cilium][hostile]") {
  testing::TranslateDamagedInputs("cilium.yaml", Emit, [](const json& object) {
    if (object["kind"] != "CiliumNetworkPolicy") return;
    const json& spec = object["spec"];
    CHECK(spec["endpointSelector"]["matchLabels"].contains("k8s:io.cilium.k8s.policy.serviceaccount"));
    for (const json& rule : spec["ingress"]) {
      if (rule.empty()) continue;
      CHECK_FALSE(rule["fromEndpoints"].empty());
      for (const json& from : rule["fromEndpoints"]) CHECK(from["matchLabels"].size() == 2);
      for (const json& to : rule.value("toPorts", json::array())) {
        CHECK_FALSE(to["ports"].empty());
        if (to.contains("rules")) CHECK_FALSE(to["rules"]["http"].empty());
      }
    }
  });
}
