#include <catch2/catch.hpp>

#include "adapters/legacy/emitter/emit.h"
#include "tests/unit/consul_emitter/inputs.h"

using nlohmann::json;
namespace legacy = meshplay::legacy;
namespace smi = meshplay::smi;
namespace testing = meshplay::testing;

namespace {

// A target without rules or sources would be read as one for everything or everybody.
void CheckObject(const json& object) {
  const json& spec = object["spec"];
  if (object["kind"] == "TrafficTarget") {
    CHECK_FALSE(spec["rules"].empty());
    CHECK_FALSE(spec["sources"].empty());
    for (const json& source : spec["sources"]) CHECK_FALSE(source["namespace"].get<std::string>().empty());
    for (const json& rule : spec["rules"]) {
      if (rule["kind"] == "HTTPRouteGroup") CHECK_FALSE(rule["matches"].empty());
    }
  } else if (object["kind"] == "HTTPRouteGroup") {
    CHECK_FALSE(spec["matches"].empty());
    for (const json& match : spec["matches"]) CHECK(match.size() > 1);
  } else if (object["kind"] == "TrafficSplit") {
    CHECK_FALSE(spec["backends"].empty());
  }
}

}  // namespace

TEST_CASE("whatever the documents hold, they are answered with findings and targets that name callers and requests",
          "[legacy][hostile]") {
  for (const legacy::Mesh mesh : {legacy::Mesh::kOsm, legacy::Mesh::kTraefik, legacy::Mesh::kNginx}) {
    const auto emit = [mesh](const smi::DocumentSet& set, const smi::ClusterFacts& facts) {
      return legacy::EmitSmi(mesh, set, facts, {});
    };
    testing::TranslateDamagedInputs(std::string(legacy::NameOf(mesh)) + ".yaml", emit, CheckObject);
  }
}
