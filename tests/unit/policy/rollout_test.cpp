#include "tests/unit/policy/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;

using Names = std::vector<std::string>;

namespace {

/// Stages test, then prod, then the rest.
policy::PolicyChange Staged() {
  auto change = PolicyFixture::Change();
  policy::Selector test, prod;
  test.cluster.labels = {{"stage", "test"}};
  prod.cluster.labels = {{"stage", "prod"}};
  change.spec.stages = {{"test", test, 0}, {"prod", prod, 1}};
  change.spec.min_level = "PARTIAL";
  change.spec.settle = 30s;
  return change;
}

void AddAll(PolicyFixture& fx) {
  fx.AddMesh("m1", {{"stage", "test"}});
  fx.AddMesh("m2", {{"stage", "prod"}});
  fx.AddMesh("m3", {{"stage", "prod"}});
  fx.AddMesh("m4");
}

}  // namespace

TEST_CASE("stages open one after the other, each after the gate of those before held long enough", "[policy]") {
  PolicyFixture fx;
  AddAll(fx);
  fx.Create(Staged());
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m1"});
  CHECK(fx.Reason("m2") == "StageWaits");
  fx.Settle("m1");
  fx.Tick(15s);
  CHECK(fx.Offers().empty());  // settled, but not for 30 s
  fx.Tick(20s);
  CHECK(fx.Policy().rollout_stage == 1);
  CHECK(fx.Offers() == Names{"APPLY m2"});  // max_parallel of the stage is 1
  CHECK(fx.Reason("m3") == "OthersFirst");
  fx.Succeed("APPLY m2");
  CHECK(fx.Offers() == Names{"APPLY m3"});
  fx.Succeed("APPLY m3");
  fx.Tick(6s);
  fx.Plan("PLAN m2", nlohmann::json::array());
  fx.Plan("PLAN m3", nlohmann::json::array());
  fx.Tick(31s);
  CHECK(fx.Offers() == Names{"APPLY m4"});
  CHECK(fx.Policy().rollout_state == "ROLLING");
  fx.Settle("m4");
  fx.Tick(31s);
  CHECK(fx.Policy().rollout_state == "DONE");
}

TEST_CASE("a level below the gate's, a failure or drift keeps the next stage shut", "[policy]") {
  PolicyFixture fx;
  AddAll(fx);
  fx.Create(Staged());
  fx.Tick();
  SECTION("level") {
    fx.Settle("m1", "NONE");
    fx.Tick(10min);
    CHECK(fx.Policy().rollout_stage == 0);
    CHECK(fx.Policy().rollout_message.find("1 of the meshes") == 0);
  }
  SECTION("failure") {
    fx.Fail("APPLY m1");
    fx.Tick(25s);
    CHECK(fx.Policy().rollout_stage == 0);
  }
  SECTION("drift") {
    fx.Succeed("APPLY m1");
    fx.Tick(6s);
    fx.Plan("PLAN m1", {{{"action", "UPDATE"}}});
    fx.Tick(5min);
    CHECK(fx.Policy().rollout_stage == 0);
  }
  CHECK(fx.Reason("m2") == "StageWaits");
}

TEST_CASE("a stage that no mesh belongs to is passed over", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1", {{"stage", "test"}});
  fx.AddMesh("m4");
  fx.Create(Staged());
  fx.Tick();
  fx.Settle("m1");
  fx.Tick(31s);
  CHECK(fx.Offers() == Names{"APPLY m4"});
}

TEST_CASE("a first stage without a mesh holds nobody up", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m4");
  fx.Create(Staged());
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m4"});
}

TEST_CASE("an aborted roll-out goes no further until it is resumed", "[policy]") {
  PolicyFixture fx;
  AddAll(fx);
  fx.Create(Staged());
  fx.Tick();
  fx.Settle("m1");
  REQUIRE(fx.policies->Abort(fx.Audit(), "shop", "looks bad"));
  fx.Tick(5min);
  CHECK(fx.Policy().rollout_state == "ABORTED");
  CHECK(fx.Reason("m2") == "RolloutAborted");
  CHECK(fx.State("m1") == "FULL");
  CHECK(fx.policies->Abort(fx.Audit(), "shop", "").error().reason() == "ROLLOUT_NOT_RUNNING");

  REQUIRE(fx.policies->Resume(fx.Audit(), "shop"));
  fx.Tick();
  fx.Tick(31s);
  CHECK(fx.Offers() == Names{"APPLY m2"});
}

TEST_CASE("a server that is killed in the middle of a roll-out goes on where it was", "[policy]") {
  PolicyFixture fx;
  AddAll(fx);
  fx.Create(Staged());
  fx.Tick();
  fx.Settle("m1");
  fx.Tick(31s);
  REQUIRE(fx.Policy().rollout_stage == 1);
  fx.RestartPolicies();
  fx.Tick();
  CHECK(fx.Policy().rollout_stage == 1);
  CHECK(fx.Offers() == Names{"APPLY m2"});
  fx.Succeed("APPLY m2");
  CHECK(fx.Offers() == Names{"APPLY m3"});
}

TEST_CASE("a rollback is a new revision with the old content, and rolls out by stages too", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  fx.Settle("m1");
  fx.Update(fx.Change(Split("other")));
  fx.Tick();
  fx.Settle("m1");
  CHECK(fx.policies->Rollback(fx.Audit(), "shop", std::nullopt, 9, "").error().reason() == "POLICY_REVISION_UNKNOWN");
  const auto back = fx.policies->Rollback(fx.Audit(), "shop", std::nullopt, 1, "too slow");
  REQUIRE(back);
  CHECK(back->revision == 3);
  CHECK(back->rollout_state == "ROLLING");
  fx.Tick();
  CHECK(fx.wishes.back().documents == kSplit);
  fx.Settle("m1");
  CHECK(fx.Mesh("m1").applied_revision == 3);
}

TEST_CASE("no more changes run at once than the policy and the server allow", "[policy]") {
  policy::PolicyOptions options;
  options.max_in_flight = 3;
  PolicyFixture fx(options);
  for (const char* id : {"m1", "m2", "m3", "m4", "m5"}) fx.AddMesh(id);
  auto change = fx.Change();
  SECTION("the policy") {
    change.spec.max_parallel = 2;
    fx.Create(change);
    fx.Tick();
    CHECK(fx.Offers() == Names{"APPLY m1", "APPLY m2"});
    fx.Succeed("APPLY m2");
    CHECK(fx.Offers() == Names{"APPLY m1", "APPLY m3"});
  }
  SECTION("the server, over two policies") {
    fx.Create(change);
    fx.Tick();
    CHECK(fx.Offers() == Names{"APPLY m1", "APPLY m2", "APPLY m3"});
    CHECK(fx.Reason("m4") == "OthersFirst");
    fx.Create(change, "web");
    fx.Tick();
    CHECK(fx.Offers().size() == 3);
    fx.Succeed("APPLY m1");
    CHECK(fx.Offers().size() == 3);  // somebody else's turn
  }
}
