#include "tests/unit/inventory/fixture.h"

using namespace meshplay;
using meshplay::testing::InventoryFixture;
using meshplay::testing::kCluster;

TEST_CASE("a cluster's names and labels change under its version", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  const store::ClusterRecord before = fx.Clusters()[0];

  inventory::Inventory::ClusterChange change;
  change.display_name = "Development";
  change.labels_json = R"({"env":"dev","old":null})";
  const auto changed = fx.inventory.UpdateCluster("default", before.id, before.version, change);

  REQUIRE(changed);
  CHECK(changed->display_name == "Development");
  CHECK(changed->labels_json == R"({"env":"dev"})");
  CHECK(changed->version == before.version + 1);
  CHECK(fx.inventory.UpdateCluster("default", before.id, before.version, change).error().reason() == "ETAG_STALE");
  CHECK(fx.inventory.UpdateCluster("default", "nope", 1, change).error().reason() == "CLUSTER_UNKNOWN");
  change.labels_json = R"({"env":7})";
  CHECK(fx.inventory.UpdateCluster("default", before.id, changed->version, change).error().reason() ==
        "LABELS_INVALID");
}

TEST_CASE("a cluster can be forgotten only when no live adapter claims it", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")});
  const std::string id = fx.Clusters()[0].id;
  CHECK(fx.inventory.ForgetCluster("default", id, fx.Clusters()[0].version).error().reason() == "CLUSTER_CLAIMED");

  REQUIRE(fx.inventory.SessionClosed("a1", "s1"));
  REQUIRE(fx.inventory.ForgetCluster("default", id, fx.Clusters()[0].version));

  CHECK(fx.Clusters().empty());
  CHECK(fx.Meshes().empty());
  CHECK(fx.Objects().empty());
  CHECK(fx.Claims().empty());
  CHECK(fx.Events("cluster.forgotten").size() == 1);
}

TEST_CASE("an adapter drains, goes on, and is revoked for good", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Connect("a2", "s2");

  CHECK(fx.inventory.SetAdapterState("default", "a1", "DRAINING")->state == "DRAINING");
  CHECK(fx.inventory.SetAdapterState("default", "a1", "ENROLLED")->state == "ENROLLED");
  CHECK(fx.inventory.SetAdapterState("default", "a1", "REVOKED").error().reason() == "ADAPTER_STATE_INVALID");
  CHECK(fx.inventory.RevokeAdapter("default", "a1", 1).error().reason() == "ETAG_STALE");
  const auto revoked = fx.inventory.RevokeAdapter("default", "a1", fx.Adapter("a1").version);

  REQUIRE(revoked);
  CHECK(revoked->state == "REVOKED");
  CHECK_FALSE(revoked->connected);
  CHECK(fx.Targets()[0].adapter_id == "a2");
  CHECK(fx.inventory.SetAdapterState("default", "a1", "ENROLLED").error().reason() == "ADAPTER_REVOKED");
  CHECK(fx.inventory.SetAdapterState("default", "zz", "ENROLLED").error().reason() == "ADAPTER_UNKNOWN");
}

TEST_CASE("a detection makes meshes and the next one ends those it no longer finds", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");

  REQUIRE(fx.inventory.ApplyDetection(kCluster, "istio", R"({"meshes":[
      {"mesh_key":"istio-system/default","mesh_type":"istio","version":"1.26.0","injected_namespaces":["shop"],
       "conditions":[{"type":"Ready","status":"CONDITION_STATUS_TRUE","reason":"Up"}]},
      {"mesh_key":"linkerd/stable","mesh_type":"linkerd"}]})"));
  REQUIRE(fx.Meshes().size() == 1);
  CHECK(fx.Meshes()[0].mesh_version == "1.26.0");
  CHECK(fx.Meshes()[0].health == "UNKNOWN");
  CHECK(fx.Meshes()[0].conditions_json.find(R"("status":"True")") != std::string::npos);

  REQUIRE(fx.inventory.ApplyDetection(kCluster, "istio", R"({})"));
  CHECK(fx.Meshes().empty());
  CHECK(fx.inventory.ApplyDetection("nowhere", "istio", "{}").error().reason() == "CLUSTER_UNKNOWN");
  CHECK(fx.inventory.ApplyDetection(kCluster, "istio", "[]").error().reason() == "DETECTION_INVALID");
}

TEST_CASE("a detection leaves a mesh alone that the inventory describes", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")});

  REQUIRE(fx.inventory.ApplyDetection(kCluster, "istio",
                                      R"({"meshes":[{"mesh_key":"istio-system/default","version":"1.0.0"}]})"));
  CHECK(fx.Meshes()[0].mesh_version == "1.27.0");

  REQUIRE(fx.inventory.ApplyDetection(kCluster, "istio", R"({"meshes":[]})"));
  CHECK(fx.Meshes().size() == 1);
}
