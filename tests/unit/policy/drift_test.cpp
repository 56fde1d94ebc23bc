#include "tests/unit/policy/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;
using nlohmann::json;

using Names = std::vector<std::string>;

namespace {

const json kUpdate = json::array({{{"action", "NOOP"}, {"object", {{"name", "same"}}}},
                                  {{"action", "UPDATE"},
                                   {"object", {{"name", "web"}}},
                                   {"json_patch", R"([{"op":"replace","path":"/spec/weight","value":1}])"}}});

/// One mesh that has the policy, verified.
void Settled(PolicyFixture& fx, policy::OnDrift on_drift) {
  fx.AddMesh("m1");
  auto change = fx.Change();
  change.spec.on_drift = on_drift;
  fx.Create(change);
  fx.Tick();
  fx.Settle("m1");
  REQUIRE(fx.State("m1") == "FULL");
  REQUIRE(fx.Offers().empty());
}

void Touch(PolicyFixture& fx, const std::string& owner = "shop", const std::string& cluster = "m1") {
  fx.Happened("cluster/" + cluster, "inventory.changed",
              {{"cluster", cluster}, {"mesh_type", "some-mesh"}, {"owners", {owner}}});
}

/// Somebody changes an object of the policy, and the look that follows finds it.
void Drift(PolicyFixture& fx) {
  Touch(fx);
  fx.Tick();
  fx.Tick(6s);
  fx.Plan("PLAN m1", kUpdate);
}

}  // namespace

TEST_CASE("a change of an owned object is looked at five seconds later, once", "[policy]") {
  PolicyFixture fx;
  Settled(fx, policy::OnDrift::kReport);
  Touch(fx);
  fx.Tick(1s);
  Touch(fx);
  fx.Tick(2s);
  CHECK(fx.Offers().empty());
  fx.Tick(3s);
  CHECK(fx.Offers() == Names{"PLAN m1"});
  fx.Plan("PLAN m1", kUpdate);
  CHECK(fx.State("m1") == "DRIFTED");
  CHECK(fx.Mesh("m1").level == "FULL");
  const json drift = json::parse(fx.Report("m1").drift_json);
  REQUIRE(drift.size() == 1);  // what would change nothing is left out
  CHECK(drift[0]["object"]["name"] == "web");
  fx.Tick(6s);
  CHECK(fx.Offers().empty());  // reported, not repaired
}

TEST_CASE("drift that went away by itself is no longer told", "[policy]") {
  PolicyFixture fx;
  Settled(fx, policy::OnDrift::kReport);
  Drift(fx);
  Touch(fx);
  fx.Tick();
  fx.Tick(6s);
  fx.Plan("PLAN m1", json::array());
  CHECK(fx.State("m1") == "FULL");
  CHECK(fx.Report("m1").drift_json.empty());
}

TEST_CASE("a policy that repairs applies its revision again", "[policy]") {
  PolicyFixture fx;
  Settled(fx, policy::OnDrift::kRepair);
  Drift(fx);
  CHECK(fx.State("m1") == "DRIFTED");
  CHECK(fx.Reason("m1") == "Repairing");
  fx.Settle("m1");
  CHECK(fx.State("m1") == "FULL");
  CHECK(fx.Mesh("m1").applied_revision == 1);
}

TEST_CASE("a repair that waits for its approval says so", "[policy]") {
  PolicyFixture fx;
  Settled(fx, policy::OnDrift::kRepair);
  fx.needs_approval = true;
  Drift(fx);
  CHECK(fx.State("m1") == "DRIFTED");
  CHECK(fx.Reason("m1") == "AwaitingApproval");
}

TEST_CASE("changes of objects of others or elsewhere are no reason to look", "[policy]") {
  PolicyFixture fx;
  Settled(fx, policy::OnDrift::kReport);
  Touch(fx, "somebody");
  Touch(fx, "shop", "elsewhere");
  fx.Tick();
  fx.Tick(30s);
  CHECK(fx.Offers().empty());
}

TEST_CASE("without any change a mesh is looked at every ten minutes", "[policy]") {
  PolicyFixture fx;
  Settled(fx, policy::OnDrift::kReport);
  fx.Tick(9min);
  CHECK(fx.Offers().empty());
  fx.Tick(3min);
  CHECK(fx.Offers() == Names{"PLAN m1"});
  fx.Fail("PLAN m1");
  CHECK(fx.State("m1") == "FULL");  // a question that failed tells nothing
  fx.Tick(12min);
  CHECK(fx.Offers() == Names{"PLAN m1"});
}

TEST_CASE("no more plans run at once than allowed", "[policy]") {
  policy::PolicyOptions options;
  options.max_plans = 2;
  PolicyFixture fx(options);
  for (const char* id : {"m1", "m2", "m3"}) fx.AddMesh(id);
  fx.Create(fx.Change());
  fx.Tick();
  for (const char* id : {"m1", "m2", "m3"}) fx.Succeed(std::string("APPLY ") + id);
  fx.Tick(6s);
  CHECK(fx.Offers() == Names{"PLAN m1", "PLAN m2"});
  fx.Plan("PLAN m1", json::array());
  CHECK(fx.Offers() == Names{"PLAN m2", "PLAN m3"});
}

TEST_CASE("after a start drift is looked for, a little later and not everywhere at once", "[policy]") {
  PolicyFixture fx;
  Settled(fx, policy::OnDrift::kReport);
  fx.options.random = [] { return 0.5; };
  fx.RestartPolicies();
  fx.Tick();
  fx.Tick(30s);
  CHECK(fx.Offers().empty());
  fx.Tick(10s);
  CHECK(fx.Offers() == Names{"PLAN m1"});
}

TEST_CASE("an outcome that only an inspection found is looked at before a level is told", "[policy]") {
  PolicyFixture fx;
  fx.AddMesh("m1");
  fx.Create(fx.Change());
  fx.Tick();
  const auto offer = fx.Offer("APPLY m1");
  fx.engine.Accept(offer, "a-m1");
  fx.engine.Finish(fx.engine.MakeResult(offer, 1, engine::Outcome::kSucceeded), "a-m1");  // no reports
  fx.Tick();
  CHECK(fx.State("m1") == "PENDING");
  CHECK(fx.Reason("m1") == "Verifying");
  const auto plan = fx.engine.LastOffer("a-m1");
  REQUIRE(plan.kind == store::TaskKind::kPlan);
  fx.engine.Accept(plan, "a-m1");
  auto result = fx.engine.MakeResult(plan, 1, engine::Outcome::kSucceeded);
  result.plan_json = R"({"changes":[],"smi":[{"level":"PARTIAL"}]})";
  result.plan_digest = "d";
  fx.engine.Finish(result, "a-m1");
  fx.Tick();
  CHECK(fx.State("m1") == "PARTIAL");
}
