#include <catch2/catch.hpp>

#include "adapters/consul/emitter/emit.h"
#include "tests/unit/consul_emitter/inputs.h"

using nlohmann::json;
namespace consul = meshplay::consul;
namespace smi = meshplay::smi;
namespace testing = meshplay::testing;

namespace {

meshplay::Result<meshplay::translate::Emission> Emit(const smi::DocumentSet& set, const smi::ClusterFacts& facts) {
  return consul::EmitSmi(set, facts, consul::EmitOptions());
}

}  // namespace

TEST_CASE("whatever the documents hold, they are answered with findings and closed policies", "[consul][hostile]") {
  testing::TranslateDamagedInputs("consul.yaml", Emit, [](const json& object) {
    if (object["kind"] != "ServiceIntentions") return;
    const json& sources = object["spec"]["sources"];
    CHECK(sources.back() == json({{"name", "*"}, {"action", "deny"}}));
    for (const json& source : sources) {
      CHECK_FALSE(source["name"].get<std::string>().empty());
      if (source["name"] == "*") CHECK(source["action"] == "deny");
      if (source.contains("permissions")) CHECK_FALSE(source["permissions"].empty());
    }
  });
}
