#include "tests/unit/inventory/fixture.h"

using namespace meshplay;
using namespace std::chrono_literals;
using meshplay::testing::InventoryFixture;
using meshplay::testing::kCluster;
using meshplay::testing::kReachable;
using meshplay::testing::kUnreachable;

TEST_CASE("a cluster appears when an adapter claims it, under a name made from the display name", "[inventory]") {
  InventoryFixture fx;

  fx.Connect("a1", "s1",
             {{kCluster, "arn:aws:EKS/Prod", "h", "v1.31.0", kReachable},
              {"uid-2", "arn aws eks prod", "h", "v1.30.0", kReachable}});

  REQUIRE(fx.Clusters().size() == 2);
  CHECK(fx.Clusters()[0].id == "arn-aws-eks-prod");
  CHECK(fx.Clusters()[0].display_name == "arn:aws:EKS/Prod");
  CHECK(fx.Clusters()[1].id == "arn-aws-eks-prod-2");
  CHECK(fx.Events("cluster.appeared").size() == 2);
  CHECK(fx.Clusters()[0].conditions_json.find(R"("status":"True")") != std::string::npos);
}

TEST_CASE("a session of an unknown or revoked adapter is refused", "[inventory]") {
  InventoryFixture fx;
  inventory::AdapterSession session;
  session.session_id = "s1";

  session.adapter_id = "nobody";
  CHECK(fx.inventory.SessionOpened(session).error().reason() == "ADAPTER_UNKNOWN");
  REQUIRE(fx.inventory.RevokeAdapter("default", "a1", 1));
  session.adapter_id = "a1";
  CHECK(fx.inventory.SessionOpened(session).error().reason() == "ADAPTER_REVOKED");
}

TEST_CASE("a claim without a usable cluster uid is refused and changes nothing", "[inventory]") {
  InventoryFixture fx;
  inventory::AdapterSession session;
  session.adapter_id = "a1";
  session.session_id = "s1";
  session.claims = {{"no spaces please", "x", "", "", ""}};

  CHECK(fx.inventory.SessionOpened(session).error().reason() == "CLAIM_INVALID");
  CHECK_FALSE(fx.Adapter("a1").connected);
  CHECK(fx.Clusters().empty());
}

TEST_CASE("the first live claimant serves and others stand by until it is gone", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.clock.Advance(1s);
  fx.Connect("a2", "s2");

  REQUIRE(fx.Targets().size() == 1);
  CHECK(fx.Targets()[0].adapter_id == "a1");
  CHECK(fx.inventory.Assignments("a2").value() == std::vector<std::pair<std::string, bool>>{{kCluster, false}});

  REQUIRE(fx.inventory.SessionClosed("a1", "s1"));
  CHECK(fx.Targets()[0].adapter_id == "a2");

  SECTION("and the first one does not take over again when it is back") {
    fx.clock.Advance(1s);
    fx.Connect("a1", "s3");
    CHECK(fx.Targets()[0].adapter_id == "a2");
  }
  SECTION("but does when the other cannot reach the cluster") {
    fx.clock.Advance(1s);
    fx.Connect("a1", "s3");
    REQUIRE(fx.inventory.ReportTarget("a2", {kCluster, "", "", "", kUnreachable}));
    CHECK(fx.Targets()[0].adapter_id == "a1");
  }
  SECTION("and the last one stays named when nobody is left") {
    REQUIRE(fx.inventory.SessionClosed("a2", "s2"));
    CHECK(fx.Targets()[0].adapter_id == "a2");
  }
}

TEST_CASE("adapters of different mesh types serve the same cluster side by side", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Connect("l1", "s2");

  REQUIRE(fx.Targets().size() == 2);
  CHECK(fx.Clusters().size() == 1);
  CHECK(fx.Targets()[0].adapter_id != fx.Targets()[1].adapter_id);
}

TEST_CASE("the fence of a target survives a change of the adapter", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  store::TargetRecord target = fx.Targets()[0];
  target.fence = 7;
  REQUIRE(fx.store->Write([&](store::Transaction& unit) { return unit.PutTarget(target); }));
  fx.Connect("a2", "s2");

  REQUIRE(fx.inventory.SessionClosed("a1", "s1"));

  CHECK(fx.Targets()[0].fence == 7);
  CHECK(fx.Targets()[0].adapter_id == "a2");
}

TEST_CASE("the end of an older session does not disconnect the newer one", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Connect("a1", "s2");

  REQUIRE(fx.inventory.SessionClosed("a1", "s1"));

  CHECK(fx.Adapter("a1").connected);
  CHECK(fx.Events("adapter.disconnected").empty());
}

TEST_CASE("after a restart of the server everything is stale until it is reported again", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")});

  REQUIRE(fx.inventory.ForgetSessions());

  CHECK_FALSE(fx.Adapter("a1").connected);
  REQUIRE(fx.Meshes().size() == 1);
  CHECK(fx.Meshes()[0].stale);
  CHECK(fx.Meshes()[0].mesh_version == "1.27.0");
  CHECK(fx.Meshes()[0].conditions_json.find("AdapterLost") != std::string::npos);
  CHECK(fx.Clusters()[0].conditions_json.find("NoAdapter") != std::string::npos);
  CHECK(fx.Events("mesh.stale").size() == 1);
}

TEST_CASE("an unreachable cluster makes meshes stale and never deletes them", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")});

  REQUIRE(fx.inventory.ReportTarget("a1", {kCluster, "", "", "", kUnreachable}));
  REQUIRE(fx.Meshes().size() == 1);
  CHECK(fx.Meshes()[0].stale);
  CHECK(fx.Objects()[0].stale);
  CHECK(fx.Clusters()[0].display_name == "kind-dev");

  REQUIRE(fx.inventory.ReportTarget("a1", {kCluster, "", "", "", kReachable}));
  CHECK_FALSE(fx.Meshes()[0].stale);
  CHECK_FALSE(fx.Objects()[0].stale);
  CHECK(fx.History(fx.Meshes()[0].id) == std::vector<std::string>{"appeared", "stale", "fresh"});
}

TEST_CASE("a claim that the next Hello no longer lists is gone", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");

  fx.Connect("a1", "s2", {});

  CHECK(fx.Claims().empty());
  CHECK(fx.Targets()[0].adapter_id.empty());
  CHECK(fx.Clusters().size() == 1);
}

TEST_CASE("a good report ends a hold for credentials and no other", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  const std::string scope = "target/" + fx.Targets()[0].id;
  const std::string good = R"([{"type":"CredentialsValid","status":"True","reason":"Checked"}])";

  REQUIRE(fx.store->Write([&](store::Transaction& unit) { return unit.PutHold({scope, "POISONED", "", 1}); }));
  REQUIRE(fx.inventory.ReportTarget("a1", {kCluster, "", "", "", good}));
  CHECK(fx.Events("target.released").empty());

  REQUIRE(fx.store->Write([&](store::Transaction& unit) {
    return unit.PutHold({scope, "TARGET_UNAUTHENTICATED", "", 1});
  }));
  REQUIRE(fx.inventory.ReportTarget("a1", {kCluster, "", "", "", good}));
  CHECK(fx.Events("target.released").size() == 1);
}

TEST_CASE("the health that an adapter reports of itself becomes its conditions", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");

  REQUIRE(fx.inventory.ReportHealth("a1", R"([{"type":"HelmFound","status":"True","reason":"OnPath"}])"));

  CHECK(fx.Adapter("a1").conditions_json.find("HelmFound") != std::string::npos);
  CHECK(fx.Adapter("a1").conditions_json.find("SessionOpen") != std::string::npos);
}
