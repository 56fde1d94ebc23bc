#include "tests/unit/policy/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;
using nlohmann::json;

using Names = std::vector<std::string>;

TEST_CASE("each selected mesh gets one operation and then has the level that its report says", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1", {{"stage", "prod"}});
  fx.AddMesh("m2", {{"stage", "prod"}});
  fx.AddMesh("m3");
  auto change = fx.Change();
  change.spec.target = {};
  change.spec.target.cluster.labels = {{"stage", "prod"}};
  fx.Create(change);
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m1", "APPLY m2"});
  CHECK(fx.State("m1") == "PENDING");
  CHECK(fx.Reason("m1") == "InProgress");
  CHECK(fx.State("m3").empty());
  CHECK(fx.wishes.front().policy_id == "shop");
  CHECK(fx.wishes.front().documents == kSplit);
  CHECK(fx.wishes.front().principal == "alice");

  fx.Succeed("APPLY m1");
  fx.Succeed("APPLY m2", "PARTIAL");
  CHECK(fx.State("m1") == "FULL");
  CHECK(fx.State("m2") == "PARTIAL");
  CHECK(fx.Mesh("m1").applied_revision == 1);
  CHECK(json::parse(fx.Report("m2").reports_json)[0]["explanation"] == "so it is");
}

TEST_CASE("a new revision goes to every mesh, the same spec makes none", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  fx.Settle("m1");
  CHECK(fx.Update(fx.Change()).revision == 1);
  fx.Tick();
  CHECK(fx.Offers().empty());
  CHECK(fx.Update(fx.Change(Split("other"))).revision == 2);
  fx.Tick();
  CHECK(fx.State("m1") == "PENDING");
  CHECK(fx.Mesh("m1").level == "FULL");
  CHECK(fx.wishes.back().documents == Split("other"));
  fx.Settle("m1");
  CHECK(fx.Mesh("m1").applied_revision == 2);
}

TEST_CASE("a mesh that comes to match gets the policy, one that no longer matches loses it", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1", {{"stage", "prod"}});
  fx.AddMesh("m2");
  auto change = fx.Change();
  change.spec.target = {};
  change.spec.target.cluster.labels = {{"stage", "prod"}};
  fx.Create(change);
  fx.Tick();
  fx.Settle("m1");

  fx.SetLabels("m2", {{"stage", "prod"}});
  fx.SetLabels("m1", {});
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m2", "DELETE m1"});
  CHECK(fx.State("m1") == "REMOVING");
  fx.Succeed("DELETE m1");
  CHECK(fx.State("m1").empty());
  fx.Settle("m2");
  CHECK(fx.State("m2") == "FULL");

  fx.AddMesh("m3", {{"stage", "prod"}});
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m3"});
}

TEST_CASE("a mesh that left and comes back under the same revision gets the policy anew", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1", {{"stage", "prod"}});
  auto change = fx.Change();
  change.spec.target = {};
  change.spec.target.cluster.labels = {{"stage", "prod"}};
  fx.Create(change);
  fx.Tick();
  fx.Settle("m1");
  fx.SetLabels("m1", {});
  fx.Tick();
  fx.Succeed("DELETE m1");
  REQUIRE(fx.State("m1").empty());

  fx.SetLabels("m1", {{"stage", "prod"}});
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m1"});
  CHECK(fx.State("m1") == "PENDING");
  fx.Settle("m1");
  fx.SetLabels("m1", {});
  fx.Tick();
  CHECK(fx.Offers() == Names{"DELETE m1"});
}

TEST_CASE("a mesh that never got anything just goes from the list", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1", {{"stage", "prod"}}, "", false);
  auto change = fx.Change();
  change.spec.target = {};
  change.spec.target.cluster.labels = {{"stage", "prod"}};
  fx.Create(change);
  fx.Tick();
  CHECK(fx.State("m1") == "PENDING");
  fx.SetLabels("m1", {});
  fx.Tick();
  CHECK(fx.State("m1").empty());
  CHECK(fx.wishes.empty());
}

TEST_CASE("a mesh that cannot be reached is PENDING, says why, and gets the policy as soon as it can be", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1", {}, "", false);
  fx.Create(fx.Change());
  fx.Tick();
  CHECK(fx.State("m1") == "PENDING");
  CHECK(fx.Reason("m1") == "AdapterNotConnected");
  fx.engine.Connect("a-m1");
  fx.Claim("m1", true, R"([{"type":"Reachable","status":"False"}])");
  fx.Tick();
  CHECK(fx.Reason("m1") == "ClusterUnreachable");
  fx.Claim("m1", true, R"([{"type":"Other","status":"False"},{"type":"Reachable","status":"True"}])");
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m1"});
}

TEST_CASE("an operation that cannot be asked for is told and asked for again later", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.refuse = FailedPrecondition("TARGET_QUARANTINED", "the target is quarantined");
  fx.Create(fx.Change());
  fx.Tick();
  CHECK(fx.State("m1") == "PENDING");
  CHECK(fx.Reason("m1") == "TARGET_QUARANTINED");
  fx.refuse.reset();
  fx.Tick(fx.options.refused_retry);
  CHECK(fx.Offers() == Names{"APPLY m1"});
}

TEST_CASE("a failed mesh shows its error, is tried again later and later, and at once for a new revision", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  fx.Fail("APPLY m1", "OBJECT_OWNED");
  CHECK(fx.State("m1") == "FAILED");
  CHECK(fx.Reason("m1") == "OBJECT_OWNED");
  CHECK(json::parse(fx.Report("m1").error_json)["reason"] == "OBJECT_OWNED");
  fx.Tick(20s);
  CHECK(fx.Offers().empty());
  fx.Tick(15s);
  REQUIRE(fx.Offers() == Names{"APPLY m1"});
  fx.Fail("APPLY m1");
  CHECK(fx.Mesh("m1").failures == 2);
  fx.Tick(40s);
  CHECK(fx.Offers().empty());
  fx.Update(fx.Change(Split("other")));
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m1"});
  fx.Succeed("APPLY m1");
  CHECK(fx.State("m1") == "FULL");
  CHECK(fx.Report("m1").error_json.empty());
}

TEST_CASE("what a person cancelled stays so until the policy is resumed", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.needs_approval = true;
  fx.Create(fx.Change());
  fx.Tick();
  CHECK(fx.Reason("m1") == "AwaitingApproval");
  fx.engine.Cancel(fx.Mesh("m1").operation_id);
  fx.Tick();
  CHECK(fx.State("m1") == "FAILED");
  fx.Tick(1h);
  CHECK(fx.Mesh("m1").operation_id.empty());
  REQUIRE(fx.policies->Resume(fx.Audit(), "shop"));
  fx.Tick();
  CHECK(fx.Reason("m1") == "AwaitingApproval");
}

TEST_CASE("what a person cancelled does not hold up the end of the policy on that mesh", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1", {{"stage", "prod"}});
  fx.needs_approval = true;
  auto change = fx.Change();
  change.spec.target = {};
  change.spec.target.cluster.labels = {{"stage", "prod"}};
  fx.Create(change);
  fx.Tick();
  fx.engine.Cancel(fx.Mesh("m1").operation_id);
  fx.Tick();
  REQUIRE(fx.State("m1") == "FAILED");
  fx.needs_approval = false;

  SECTION("when the policy is deleted") {
    REQUIRE(fx.policies->Delete(fx.Audit(), "shop", fx.Policy().version, false));
    fx.Tick();
    fx.Succeed("DELETE m1");
    CHECK_FALSE(fx.HasPolicy());
  }
  SECTION("when it is no longer selected; selected again it starts anew") {
    fx.SetLabels("m1", {});
    fx.Tick();
    CHECK(fx.State("m1") == "REMOVING");
    fx.Fail("DELETE m1");
    CHECK(fx.State("m1") == "FAILED");
    fx.SetLabels("m1", {{"stage", "prod"}});
    fx.Tick();
    CHECK(fx.Offers() == Names{"APPLY m1"});
  }
}

TEST_CASE("an operation that waits for approval is called back when the policy wants something newer", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.needs_approval = true;
  fx.Create(fx.Change());
  fx.Tick();
  const std::string first = fx.Mesh("m1").operation_id;
  fx.Update(fx.Change(Split("other")));
  fx.Tick();
  CHECK(fx.engine.StateName(first) == "CANCELLED");
  CHECK(fx.Mesh("m1").operation_id != first);
  CHECK(fx.Mesh("m1").operation_revision == 2);
  CHECK(fx.State("m1") == "PENDING");
}

TEST_CASE("a paused policy starts nothing until it is resumed", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  REQUIRE(fx.policies->Pause(fx.Audit(), "shop", "holiday"));
  fx.Tick();
  CHECK(fx.Offers().empty());
  CHECK(fx.Reason("m1") == "Paused");
  REQUIRE(fx.policies->Resume(fx.Audit(), "shop"));
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m1"});
}

TEST_CASE("a deleted policy takes its objects away first and is gone when all meshes are clean", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.AddMesh("m2");
  fx.Create(fx.Change());
  fx.Tick();
  fx.Settle("m1");
  fx.Settle("m2");
  REQUIRE(fx.policies->Delete(fx.Audit(), "shop", fx.Policy().version, false));
  fx.Tick();
  CHECK(fx.Offers() == Names{"DELETE m1", "DELETE m2"});
  fx.Succeed("DELETE m1");
  CHECK(fx.HasPolicy());
  CHECK(fx.State("m2") == "REMOVING");
  fx.Fail("DELETE m2");
  CHECK(fx.State("m2") == "FAILED");
  REQUIRE(fx.policies->Delete(fx.Audit(), "shop", 0, false));  // again: tried at once
  fx.Tick();
  fx.Succeed("DELETE m2");
  CHECK_FALSE(fx.HasPolicy());
  CHECK(fx.engine.Events("policy/shop").back().kind == "policy.deleted");
}

TEST_CASE("an orphaning deletion asks nothing of any mesh", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  fx.Settle("m1");
  REQUIRE(fx.policies->Delete(fx.Audit(), "shop", fx.Policy().version, true));
  fx.Tick();
  CHECK_FALSE(fx.HasPolicy());
  CHECK(fx.Offers().empty());
}

TEST_CASE("what waits is called back when its policy is forgotten", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.needs_approval = true;
  fx.Create(fx.Change());
  fx.Tick();
  const std::string operation = fx.Mesh("m1").operation_id;
  REQUIRE(fx.engine.Operation(operation).state == store::OperationState::kAwaitingApproval);
  REQUIRE(fx.policies->Delete(fx.Audit(), "shop", fx.Policy().version, true));
  fx.Tick();
  CHECK(fx.engine.Operation(operation).state == store::OperationState::kCancelled);
}

TEST_CASE("meshes of one type on one cluster share objects, which stay while one of them is wanted", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.AddMesh("m2", {}, "m1");
  auto change = fx.Change();
  fx.Create(change);
  fx.Tick();
  fx.Succeed("APPLY m1");
  fx.Succeed("APPLY m2");
  change.spec.target = {};
  change.spec.target.meshes = {"m1"};
  fx.Update(change);
  fx.Tick();
  CHECK(fx.State("m2").empty());
  for (const std::string& offer : fx.Offers()) CHECK(offer.substr(0, 6) != "DELETE");
}

TEST_CASE("a mesh that is proven gone leaves the policy", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  fx.Settle("m1");
  REQUIRE(fx.engine.store->Write([](store::Transaction& tx) { return tx.DeleteMesh("m1"); }));
  fx.Happened("mesh/m1", "mesh.gone");
  fx.Tick();
  CHECK(fx.State("m1").empty());
}

TEST_CASE("a server that died between asking and noting it down finds the same operation again", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.lose_answers = true;
  fx.Tick();
  REQUIRE(fx.Offers() == Names{"APPLY m1"});
  CHECK(fx.Mesh("m1").operation_id.empty());

  fx.lose_answers = false;
  fx.RestartPolicies();
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m1"});  // no second one
  CHECK(fx.Mesh("m1").operation_id == fx.Offer("APPLY m1").operation_id);
  fx.Succeed("APPLY m1");
  CHECK(fx.State("m1") == "FULL");
}

TEST_CASE("what ended while no server ran is taken up at the start", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  const auto offer = fx.Offer("APPLY m1");
  fx.policies.reset();
  fx.engine.Accept(offer, "a-m1");
  auto result = fx.engine.MakeResult(offer, 1, engine::Outcome::kSucceeded);
  result.smi_reports_json = R"([{"level":"NONE"}])";
  fx.engine.Finish(result, "a-m1");
  fx.RestartPolicies();
  fx.Tick();
  CHECK(fx.State("m1") == "NONE");
}

TEST_CASE("every change of a mesh's state is an event", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  fx.Succeed("APPLY m1");
  std::vector<std::string> states;
  std::vector<std::string> kinds;
  for (const auto& event : fx.engine.Events("policy/shop")) {
    kinds.push_back(event.kind);
    if (event.kind == "policy.mesh") states.push_back(json::parse(event.body_json).at("state"));
  }
  CHECK(kinds.front() == "policy.created");
  CHECK(states == std::vector<std::string>{"PENDING", "FULL"});
}

TEST_CASE("what a mesh is told to be is about the revision of now, also before anybody has looked", "[policy]") {
  store::PolicyRecord policy;
  policy.revision = 2;
  store::PolicyMeshRecord mesh;
  const auto shown = [&](const char* state, const char* kind, std::uint32_t applied, std::uint32_t asked) {
    mesh.state = state;
    mesh.operation_kind = kind;
    mesh.applied_revision = applied;
    mesh.operation_revision = asked;
    return policy::AsOf(policy, mesh).state;
  };
  CHECK(shown("FULL", "APPLY", 2, 2) == "FULL");
  CHECK(shown("FULL", "APPLY", 1, 1) == "PENDING");
  CHECK(shown("DRIFTED", "PLAN", 1, 1) == "PENDING");
  CHECK(shown("FAILED", "APPLY", 1, 2) == "FAILED");
  CHECK(shown("FAILED", "APPLY", 0, 1) == "PENDING");
  CHECK(shown("FAILED", "DELETE", 1, 1) == "FAILED");
  CHECK(shown("REMOVING", "DELETE", 1, 1) == "REMOVING");
  mesh.reason = "RolloutAborted";
  policy.rollout_state = "ABORTED";
  CHECK(shown("PENDING", "APPLY", 1, 1) == "PENDING");
  CHECK(policy::AsOf(policy, mesh).reason == "RolloutAborted");
  policy.rollout_state = "ROLLING";
  CHECK(policy::AsOf(policy, mesh).reason.empty());
  policy.deleting = true;
  CHECK(shown("FULL", "APPLY", 2, 2) == "REMOVING");
  CHECK(shown("FAILED", "APPLY", 0, 2) == "REMOVING");
  CHECK(shown("FAILED", "DELETE", 2, 2) == "FAILED");
}
