#include <catch2/catch.hpp>

#include "tests/integration/istio/rig_cluster.h"

using meshplay::test::RigCluster;
using meshplay::test::ScriptedTask;
using meshplay::test::Told;
using nlohmann::json;
namespace pb = meshplay::sdk::pb;

TEST_CASE("Istio is installed, found, and installed again without a change", "[istio][integration]") {
  auto rig = RigCluster::Up("istio-life");
  if (!rig) return;

  CHECK(rig->Inspect("istio.install", {}) == pb::EFFECT_NONE);
  ScriptedTask install(rig->Offer(pb::TASK_KIND_APPLY, "istio.install", json::object()));
  const pb::TaskResult installed = rig->Run(install);
  INFO(Told(installed));
  REQUIRE(installed.outcome() == pb::OUTCOME_SUCCEEDED);
  for (const auto& step : install.steps) {
    INFO(step.name);
    CHECK((step.state == "DONE" || step.state == "SKIPPED"));
  }
  const json output = json::parse(installed.output_json());
  CHECK(output["mesh_key"] == "istio-system/default");
  CHECK(output["version"] == "1.30.3");
  CHECK(output["stand_in"] == true);
  CHECK(install.HasDiagnostic("STAND_IN_CHARTS"));
  CHECK(rig->Inspect("istio.install", {}) == pb::EFFECT_COMPLETE);

  ScriptedTask detect(rig->Offer(pb::TASK_KIND_DETECT, "", json::object()));
  const pb::TaskResult detected = rig->Run(detect);
  REQUIRE(detected.detection().meshes_size() == 1);
  CHECK(detected.detection().meshes(0).mesh_key() == "istio-system/default");
  CHECK(detected.detection().meshes(0).managed());

  const pb::TaskResult again = rig->Apply("istio.install", json::object());
  INFO(Told(again));
  CHECK(again.outcome() == pb::OUTCOME_SUCCEEDED);
}
