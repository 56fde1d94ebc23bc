// Something that the documents refer to comes or goes on the cluster, without anybody's edit (06-smi, lost references).
#include "tests/unit/policy/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;
using nlohmann::json;

using Names = std::vector<std::string>;

namespace {

const json kRemoval = json::array({{{"action", "DELETE"}, {"object", {{"name", "smi-web"}}}}});
const json kReturn = json::array({{{"action", "CREATE"}, {"object", {{"name", "smi-web"}}}}});

json Reports(const std::string& level, const json& diagnostics = json::array()) {
  const json generated = level == "NONE" ? json::array() : json::array({{{"name", "smi-web"}}});
  return json::array({{{"source", {{"kind", "TrafficSplit"}, {"namespace", "shop"}, {"name", "web"}}},
                       {"level", level},
                       {"generated", generated},
                       {"diagnostics", diagnostics}}});
}

json Missing(const std::string& pointer) {
  return json::array({{{"code", "SERVICE_MISSING"}, {"pointer", pointer}, {"severity", "WARNING"}}});
}

/// One mesh that has the policy, nothing missing, verified.
void Settled(PolicyFixture& fx, policy::OnDrift on_drift = policy::OnDrift::kReport,
             const json& first = Reports("FULL")) {
  fx.AddMesh("m1");
  auto change = fx.Change();
  change.spec.on_drift = on_drift;
  fx.Create(change);
  fx.Tick();
  fx.SucceedWith("APPLY m1", first);
  fx.Tick(5s);
  fx.Plan("PLAN m1", json::array(), first);
  REQUIRE(fx.Offers().empty());
}

void Came(PolicyFixture& fx, const std::string& name_space = "shop", const std::string& cluster = "m1") {
  fx.Happened("cluster/" + cluster, "inventory.changed",
              {{"cluster", cluster}, {"mesh_type", "some-mesh"}, {"namespaces", {name_space}}});
}

/// A Service of the split is deleted, and a PLAN tells so.
void Lose(PolicyFixture& fx) {
  Came(fx);
  fx.Tick();
  fx.Tick(6s);
  fx.Plan("PLAN m1", kRemoval, Reports("NONE", Missing("/spec/service")));
}

/// A policy that only reports, of which `diagnostics` told why it was NONE, is applied again when that is over.
void CheckCountsOnceFree(PolicyFixture& fx, const json& diagnostics) {
  Settled(fx, policy::OnDrift::kReport, Reports("NONE", diagnostics));
  CHECK(fx.State("m1") == "NONE");
  Came(fx);
  fx.Tick();
  fx.Tick(6s);
  fx.Plan("PLAN m1", kReturn, Reports("FULL"));
  CHECK(fx.Offers() == Names{"APPLY m1"});
  fx.SucceedWith("APPLY m1", Reports("FULL"));
  CHECK(fx.State("m1") == "FULL");
}

}  // namespace

TEST_CASE("what comes or goes in a namespace of the documents is looked at, elsewhere not", "[policy]") {
  PolicyFixture fx;
  Settled(fx);
  Came(fx, "other");
  Came(fx, "shop", "elsewhere");
  fx.Tick();
  fx.Tick(30s);
  CHECK(fx.Offers().empty());
  Came(fx);
  fx.Tick();
  fx.Tick(6s);
  CHECK(fx.Offers() == Names{"PLAN m1"});
}

TEST_CASE("a reference that disappears is told, what was in force stays for the grace, then it goes", "[policy]") {
  const auto on_drift = GENERATE(policy::OnDrift::kReport, policy::OnDrift::kRepair);
  PolicyFixture fx;
  Settled(fx, on_drift);
  Lose(fx);
  CHECK(fx.State("m1") == "DRIFTED");
  CHECK(fx.Reason("m1") == "ReferenceLost");
  CHECK(fx.Mesh("m1").level == "FULL");  // that is what is in force
  const json report = json::parse(fx.Report("m1").reports_json)[0];
  CHECK(report["level"] == "FULL");
  CHECK(report["generated"].size() == 1);
  CHECK(report["diagnostics"][0]["code"] == "SERVICE_MISSING");
  CHECK(report["diagnostics"][1]["code"] == "DEGRADED");
  CHECK_FALSE(fx.Report("m1").drift_json.empty());
  fx.Tick(50s);
  CHECK(fx.Offers().empty());
  CHECK(fx.Reason("m1") == "ReferenceLost");
  fx.Tick(15s);
  REQUIRE(fx.Offers() == Names{"APPLY m1"});
  CHECK(fx.Reason("m1") == "FollowingReferences");
  fx.SucceedWith("APPLY m1", Reports("NONE", Missing("/spec/service")));
  CHECK(fx.State("m1") == "NONE");
  fx.Tick(5s);
  fx.Plan("PLAN m1", json::array(), Reports("NONE", Missing("/spec/service")));
  CHECK(fx.State("m1") == "NONE");
  fx.Tick(5min);
  CHECK(fx.Offers().empty());  // it is done once
}

TEST_CASE("looks in between do not make the grace longer", "[policy]") {
  PolicyFixture fx;
  Settled(fx);
  Lose(fx);
  fx.Tick(40s);
  Lose(fx);
  CHECK(fx.Reason("m1") == "ReferenceLost");
  CHECK(json::parse(fx.Report("m1").reports_json)[0]["level"] == "FULL");
  fx.Tick(16s);
  CHECK(fx.Offers() == Names{"APPLY m1"});
}

TEST_CASE("a restart of the server does not forget the grace", "[policy]") {
  PolicyFixture fx;
  Settled(fx);
  Lose(fx);
  fx.RestartPolicies();
  fx.Tick();
  CHECK(fx.Reason("m1") == "ReferenceLost");
  fx.Tick(61s);
  const Names offers = fx.Offers();
  CHECK(std::count(offers.begin(), offers.end(), "DELETE m1") == 0);
  if (offers == Names{"PLAN m1"}) fx.Plan("PLAN m1", kRemoval, Reports("NONE", Missing("/spec/service")));
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m1"});
}

TEST_CASE("a reference that comes back within the grace changes nothing", "[policy]") {
  PolicyFixture fx;
  Settled(fx);
  Lose(fx);
  Came(fx);
  fx.Tick();
  fx.Tick(6s);
  fx.Plan("PLAN m1", json::array(), Reports("FULL"));
  CHECK(fx.State("m1") == "FULL");
  fx.Tick(2min);
  CHECK(fx.Offers().empty());
}

TEST_CASE("what was missing from the start counts as soon as it is there, for a policy that only reports, too",
          "[policy]") {
  PolicyFixture fx;
  CheckCountsOnceFree(fx, Missing("/spec/service"));
}

TEST_CASE("what was somebody else's counts as soon as it is free, for a policy that only reports, too", "[policy]") {
  PolicyFixture fx;
  const json taken = json::array({{{"code", "CONFLICT"}, {"pointer", "/spec/service"}, {"severity", "ERROR"}}});
  CheckCountsOnceFree(fx, taken);

  // What somebody takes later is drift: nothing that the documents refer to is gone.
  Came(fx);
  fx.Tick();
  fx.Tick(6s);
  fx.Plan("PLAN m1", kRemoval, Reports("NONE", taken));
  CHECK(fx.State("m1") == "DRIFTED");
  CHECK(fx.Reason("m1").empty());
  fx.Tick(2min);
  CHECK(fx.Offers().empty());
}

TEST_CASE("drift without a change of references stays a matter of the policy", "[policy]") {
  PolicyFixture fx;
  Settled(fx, policy::OnDrift::kReport, Reports("PARTIAL", Missing("/spec/backends/1/service")));
  Came(fx);
  fx.Tick();
  fx.Tick(6s);
  fx.Plan("PLAN m1", kRemoval, Reports("PARTIAL", Missing("/spec/backends/1/service")));
  CHECK(fx.State("m1") == "DRIFTED");
  CHECK(fx.Reason("m1").empty());
  fx.Tick(2min);
  CHECK(fx.Offers().empty());
}

TEST_CASE("a paused policy does not follow references, and does when it is resumed", "[policy]") {
  PolicyFixture fx;
  Settled(fx);
  Lose(fx);
  REQUIRE(fx.policies->Pause(fx.Audit(), "shop", "look first"));
  fx.Tick(61s);
  CHECK(fx.Offers().empty());
  CHECK(fx.Reason("m1") == "Paused");
  REQUIRE(fx.policies->Resume(fx.Audit(), "shop"));
  fx.Tick();
  CHECK(fx.Offers() == Names{"APPLY m1"});
}
