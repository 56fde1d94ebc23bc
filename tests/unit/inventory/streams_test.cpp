#include "tests/unit/inventory/fixture.h"

using namespace meshplay;
using namespace std::chrono_literals;
using meshplay::testing::InventoryFixture;
using meshplay::testing::kCluster;
using meshplay::testing::kManifest;

TEST_CASE("a snapshot makes objects and the mesh they describe", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");

  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0"), InventoryFixture::Deployment("shop", "d1")});

  REQUIRE(fx.Meshes().size() == 1);
  const store::MeshRecord mesh = fx.Meshes()[0];
  CHECK(mesh.mesh_type == "istio");
  CHECK(mesh.mesh_key == "istio-system/default");
  CHECK(mesh.mesh_version == "1.27.0");
  CHECK(mesh.health == "HEALTHY");
  CHECK(mesh.managed);
  CHECK_FALSE(mesh.stale);
  CHECK(mesh.member_namespaces_json == R"(["shop"])");
  CHECK(fx.Objects().size() == 2);
  CHECK(fx.History(mesh.id) == std::vector<std::string>{"appeared"});
  REQUIRE(fx.Events("inventory.changed").size() == 1);
  CHECK(fx.Events("inventory.changed")[0].body_json.find(R"("Deployment":{"added":2,"changed":0,"removed":0})") !=
        std::string::npos);
}

TEST_CASE("what a complete snapshot does not send again is gone", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0"), InventoryFixture::Deployment("shop", "d1")});
  const std::string mesh_id = fx.Meshes()[0].id;

  fx.Snapshot("a1", {InventoryFixture::Deployment("shop", "d1")});

  CHECK(fx.Meshes().empty());
  REQUIRE(fx.Objects().size() == 1);
  CHECK(fx.Objects()[0].name == "shop");
  CHECK(fx.History(mesh_id) == std::vector<std::string>{"appeared", "gone"});
  CHECK(fx.Events("mesh.gone").size() == 1);
}

TEST_CASE("a snapshot that is cut short deletes nothing and must be sent again", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0"), InventoryFixture::Deployment("shop", "d1")});
  inventory::StreamKey key = fx.Key("a1");
  const auto opened = fx.inventory.OpenStream(key, "");
  REQUIRE(fx.inventory.BeginSnapshot(key, opened->epoch));
  REQUIRE(fx.inventory.Apply(key, opened->epoch, {InventoryFixture::Deployment("shop", "d1")}));

  SECTION("because the count is wrong") {
    const Status ended = fx.inventory.EndSnapshot(key, opened->epoch, 2, "p2");
    CHECK(ended.error().reason() == "SNAPSHOT_INCOMPLETE");
  }
  SECTION("because the stream broke") {}

  CHECK(fx.Meshes().size() == 1);
  CHECK(fx.Objects().size() == 2);
  CHECK(fx.inventory.OpenStream(key, "p1")->snapshot_required);
}

TEST_CASE("a stream resumes from the last durable bookmark and from nothing else", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")}, "p1");
  inventory::StreamKey key = fx.Key("a1");
  REQUIRE(fx.inventory.SaveBookmark(key, fx.epoch, "p2"));
  REQUIRE(fx.inventory.SessionClosed("a1", "s1"));
  REQUIRE(fx.Meshes()[0].stale);
  fx.Connect("a1", "s2");

  SECTION("the last one resumes and what is known is fresh again") {
    const auto opened = fx.inventory.OpenStream(key, "p2");
    REQUIRE(opened);
    CHECK_FALSE(opened->snapshot_required);
    CHECK(opened->resume_from == "p2");
    CHECK_FALSE(fx.Meshes()[0].stale);
    CHECK_FALSE(fx.Objects()[0].stale);
  }
  SECTION("an older one does not") {
    CHECK(fx.inventory.OpenStream(key, "p1")->snapshot_required);
  }
  SECTION("none does not") {
    CHECK(fx.inventory.OpenStream(key, "")->snapshot_required);
  }
}

TEST_CASE("a snapshot after an outage makes fresh what it holds", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")});
  REQUIRE(fx.inventory.SessionClosed("a1", "s1"));
  REQUIRE(fx.Objects()[0].stale);
  fx.Connect("a1", "s2");

  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")});

  CHECK_FALSE(fx.Objects()[0].stale);
  CHECK_FALSE(fx.Meshes()[0].stale);
  CHECK(fx.Meshes()[0].conditions_json.find("MinimumReplicas") != std::string::npos);
  CHECK(fx.History(fx.Meshes()[0].id) == std::vector<std::string>{"appeared", "stale", "fresh"});
}

TEST_CASE("equal items write nothing and tell nobody", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")});
  const std::uint64_t events = fx.store->NewestEventSeq();
  const store::ObjectRecord before = fx.Objects()[0];

  inventory::Item same = InventoryFixture::ControlPlane("1.27.0");
  same.resource_version = "99";
  REQUIRE(fx.inventory.Apply(fx.Key("a1"), fx.epoch, {same}));

  CHECK(fx.store->NewestEventSeq() == events);
  CHECK(fx.Objects()[0] == before);
}

TEST_CASE("a changed mesh has history and one event", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")});

  REQUIRE(fx.inventory.Apply(fx.Key("a1"), fx.epoch, {InventoryFixture::ControlPlane("1.28.0", "DEGRADED")}));

  CHECK(fx.Meshes()[0].mesh_version == "1.28.0");
  CHECK(fx.Meshes()[0].health == "DEGRADED");
  REQUIRE(fx.Events("mesh.changed").size() == 1);
  CHECK(fx.Events("mesh.changed")[0].body_json.find("version 1.27.0 -> 1.28.0; health HEALTHY -> DEGRADED") !=
        std::string::npos);
}

TEST_CASE("the worst health of the objects that describe a mesh is the mesh's", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  inventory::Item second = InventoryFixture::ControlPlane("1.27.0", "PROGRESSING");
  second.name = "istiod-gateway";

  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0"), second});
  CHECK(fx.Meshes()[0].health == "PROGRESSING");

  second.removed = true;
  REQUIRE(fx.inventory.Apply(fx.Key("a1"), fx.epoch, {second}));
  REQUIRE(fx.Meshes().size() == 1);
  CHECK(fx.Meshes()[0].health == "HEALTHY");
}

TEST_CASE("a removal proves a mesh gone when it was the last to describe it", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0")});
  inventory::Item removal = InventoryFixture::ControlPlane("1.27.0");
  removal.removed = true;

  REQUIRE(fx.inventory.Apply(fx.Key("a1"), fx.epoch, {removal}));

  CHECK(fx.Meshes().empty());
  CHECK(fx.Objects().empty());
}

TEST_CASE("workloads belong to the mesh that their facts name", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  inventory::Item workload = InventoryFixture::Deployment("shop", "d1");
  workload.facts_kind = "workload";
  workload.facts_json = R"({"mesh_key":"istio-system/default","pods":3,"pods_with_proxy":3})";
  inventory::Item foreign = InventoryFixture::ControlPlane("2.19");
  foreign.name = "linkerd-destination";
  foreign.facts_json = R"({"mesh_key":"linkerd/stable","mesh_type":"linkerd"})";

  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0"), workload, foreign});

  REQUIRE(fx.Meshes().size() == 1);
  for (const store::ObjectRecord& row : fx.Objects()) {
    INFO(row.name);
    CHECK(row.mesh_id == (row.name == "linkerd-destination" ? "" : fx.Meshes()[0].id));
  }
}

TEST_CASE("only the serving adapter streams, and its snapshot replaces what another reported", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  fx.Snapshot("a1", {InventoryFixture::ControlPlane("1.27.0"), InventoryFixture::Deployment("old", "d1")});
  fx.Connect("a2", "s2");
  inventory::StreamKey standby = fx.Key("a2");
  CHECK(fx.inventory.OpenStream(standby, "").error().reason() == "ADAPTER_STANDBY");

  REQUIRE(fx.inventory.SessionClosed("a1", "s1"));
  fx.Snapshot("a2", {InventoryFixture::ControlPlane("1.27.0")});

  REQUIRE(fx.Objects().size() == 1);
  CHECK(fx.Objects()[0].adapter_id == "a2");
  CHECK_FALSE(fx.Meshes()[0].stale);
  CHECK(fx.inventory.Apply(fx.Key("a1"), 1, {}).error().reason() == "TARGET_UNKNOWN");
}

TEST_CASE("bad streams and items are refused with a reason", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  inventory::StreamKey unclaimed{"a1", "uid-of-nobody", {{"v1", "Service"}}};
  CHECK(fx.inventory.OpenStream(unclaimed, "").error().reason() == "TARGET_UNKNOWN");
  inventory::StreamKey all{"a1", kCluster, {}};
  CHECK(fx.inventory.OpenStream(all, "").error().reason() == "MANIFEST_MISSING");
  REQUIRE(fx.inventory.AcceptManifest("a1", "d1", kManifest));
  REQUIRE(fx.inventory.OpenStream(all, ""));
  CHECK(all.kinds == std::vector<std::pair<std::string, std::string>>{{"apps/v1", "Deployment"}, {"v1", "Service"}});

  inventory::Item pod = InventoryFixture::Deployment("p", "d");
  pod.kind = "Pod";
  CHECK(fx.inventory.Apply(all, 1, {pod}).error().reason() == "INVENTORY_KIND_FOREIGN");
  pod.name.clear();
  CHECK(fx.inventory.Apply(all, 1, {pod}).error().reason() == "INVENTORY_ITEM_INVALID");
  CHECK(fx.inventory.SaveBookmark(all, 1, "p").error().reason() == "STREAM_UNKNOWN");
}

TEST_CASE("an event of the inventory names the owners of those of our own objects that changed", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  const auto owned = [](const std::string& name, const std::string& owner, const std::string& digest) {
    inventory::Item item = InventoryFixture::Deployment(name, digest);
    item.body_json = R"({"metadata":{"labels":{"meshplay.dev/owner":")" + owner + R"("}}})";
    return item;
  };
  fx.Snapshot("a1", {owned("one", "shop", "d1"), owned("two", "web", "d1"), InventoryFixture::Deployment("x", "d1")});
  inventory::StreamKey key = fx.Key("a1");
  const auto opened = fx.inventory.OpenStream(key, "");
  const auto owners = [&fx] {
    const std::string body = fx.Events("inventory.changed").back().body_json;
    return body.substr(body.find("\"owners\":"),
                       body.find(']', body.find("\"owners\":")) + 1 - body.find("\"owners\":"));
  };

  REQUIRE(fx.inventory.Apply(key, opened->epoch, {owned("one", "shop", "d2"), owned("two", "web", "d1")}));
  CHECK(owners() == R"("owners":["shop"])");
  REQUIRE(fx.inventory.Apply(key, opened->epoch, {owned("one", "stolen", "d3")}));
  CHECK(owners() == R"("owners":["shop","stolen"])");
  inventory::Item gone = owned("two", "web", "");
  gone.removed = true;
  REQUIRE(fx.inventory.Apply(key, opened->epoch, {gone}));
  CHECK(owners() == R"("owners":["web"])");
  REQUIRE(fx.inventory.Apply(key, opened->epoch, {InventoryFixture::Deployment("x", "d2")}));
  CHECK(owners() == R"("owners":[])");
}

TEST_CASE("what went while nobody looked is told with its owners after the next snapshot", "[inventory]") {
  InventoryFixture fx;
  fx.Connect("a1", "s1");
  const auto owned = [](const std::string& name, const std::string& owner) {
    inventory::Item item = InventoryFixture::Deployment(name, "d1");
    item.body_json = R"({"metadata":{"labels":{"meshplay.dev/owner":")" + owner + R"("}}})";
    return item;
  };
  fx.Snapshot("a1", {owned("one", "shop"), owned("two", "web"), InventoryFixture::Deployment("x", "d1")});
  fx.Snapshot("a1", {owned("one", "shop")}, "p2");
  const std::string body = fx.Events("inventory.changed").back().body_json;
  CHECK(body.find(R"("removed":2)") != std::string::npos);
  CHECK(body.find(R"("owners":["web"])") != std::string::npos);  // what stayed is nobody's concern
}
