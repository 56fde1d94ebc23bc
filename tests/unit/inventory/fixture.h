#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "server/inventory/inventory.h"
#include "server/store/memory_store.h"

namespace meshplay::testing {

inline constexpr const char* kCluster = "3a4fe6de-0000-4000-8000-000000000001";
inline constexpr const char* kReachable = R"([{"type":"Reachable","status":"True","reason":"Answered"}])";
inline constexpr const char* kUnreachable = R"([{"type":"Reachable","status":"False","reason":"Timeout"}])";
inline constexpr const char* kManifest = R"({
  "digest":"d1","mesh_type":"istio","display_name":"Istio",
  "operations":[
    {"type":"istio.install","category":"OPERATION_CATEGORY_INSTALL","title":"Install","idempotency":"IDEMPOTENCY_NATURAL",
     "plan":"PLAN_SUPPORT_EXACT","lock":"LOCK_MODE_EXCLUSIVE","cancellation":"CANCELLATION_BETWEEN_STEPS",
     "parameters_schema":"{\"type\":\"object\"}","max_duration":"600s","typical_duration":"1.500s",
     "aliases":[{"id":"istio","parameters_json":"{\"profile\":\"default\"}"}]},
    {"type":"smi.translate","category":"OPERATION_CATEGORY_QUERY"}],
  "inventory_kinds":[{"api_version":"apps/v1","kind":"Deployment"},{"api_version":"v1","kind":"Service"}]})";

/// The real inventory over the in-memory store, with a clock that moves by hand.
struct InventoryFixture {
  InventoryFixture() {
    Enrol("a1", "istio");
    Enrol("a2", "istio");
    Enrol("l1", "linkerd");
  }

  void Enrol(const std::string& id, const std::string& mesh_type) {
    store::AdapterRecord adapter;
    adapter.id = id;
    adapter.tenant = "default";
    adapter.mesh_type = mesh_type;
    adapter.state = "ENROLLED";
    adapter.version = 1;
    REQUIRE(store->Write([&](store::Transaction& unit) { return unit.PutAdapter(adapter); }));
  }

  bool Connect(const std::string& adapter_id, const std::string& session_id,
               std::vector<inventory::Claim> claims = {{kCluster, "kind-dev", "10.0.0.1", "v1.31.0", kReachable}}) {
    inventory::AdapterSession session;
    session.adapter_id = adapter_id;
    session.session_id = session_id;
    session.instance_id = "instance-" + session_id;
    session.capabilities_digest = "d1";
    session.claims = std::move(claims);
    const Result<bool> opened = inventory.SessionOpened(session);
    INFO((opened ? "" : opened.error().ToString()));
    REQUIRE(opened);
    return *opened;
  }

  inventory::StreamKey Key(const std::string& adapter_id) {
    return {adapter_id, kCluster, {{"apps/v1", "Deployment"}, {"v1", "Service"}}};
  }

  static inventory::Item Deployment(const std::string& name, const std::string& digest) {
    inventory::Item item;
    item.api_version = "apps/v1";
    item.kind = "Deployment";
    item.namespace_name = "istio-system";
    item.name = name;
    item.uid = "uid-" + name;
    item.digest = digest;
    item.body_json = R"({"digest":")" + digest + R"("})";
    item.health = "HEALTHY";
    return item;
  }

  static inventory::Item ControlPlane(const std::string& version, const std::string& health = "HEALTHY") {
    inventory::Item item = Deployment("istiod", "digest-" + version + health);
    item.health = health;
    item.conditions_json = R"([{"type":"Available","status":"True","reason":"MinimumReplicas"}])";
    item.facts_kind = "mesh";
    item.facts_json = R"({"mesh_key":"istio-system/default","mesh_type":"istio","version":")" + version +
                      R"(","control_plane_namespace":"istio-system","managed":true,"member_namespaces":["shop"]})";
    return item;
  }

  /// Opens a stream and sends one complete snapshot, as an adapter does.
  void Snapshot(const std::string& adapter_id, const std::vector<inventory::Item>& items,
                const std::string& position = "p1") {
    inventory::StreamKey key = Key(adapter_id);
    const auto opened = inventory.OpenStream(key, "");
    INFO((opened ? "" : opened.error().ToString()));
    REQUIRE(opened);
    REQUIRE(inventory.BeginSnapshot(key, opened->epoch));
    REQUIRE(inventory.Apply(key, opened->epoch, items));
    REQUIRE(inventory.EndSnapshot(key, opened->epoch, items.size(), position));
    epoch = opened->epoch;
  }

  std::vector<store::MeshRecord> Meshes() {
    return List<store::MeshRecord>([](store::Reader& r) { return r.ListMeshes("default", "", "", "", 100); });
  }
  std::vector<store::ObjectRecord> Objects() {
    return List<store::ObjectRecord>([](store::Reader& r) {
      store::ObjectQuery query;
      query.tenant = "default";
      return r.ListObjects(query);
    });
  }
  std::vector<store::ClusterRecord> Clusters() {
    return List<store::ClusterRecord>([](store::Reader& r) { return r.ListClusters("default", "", 100); });
  }
  std::vector<store::ClaimRecord> Claims() {
    return List<store::ClaimRecord>([](store::Reader& r) { return r.ListClaims("default", "", "", ""); });
  }
  std::vector<store::TargetRecord> Targets() {
    return List<store::TargetRecord>([](store::Reader& r) { return r.ListTargets("default", "", "", 100); });
  }
  std::vector<std::string> History(const std::string& mesh_id) {
    std::vector<std::string> kinds;
    for (const auto& row :
         List<store::MeshHistoryRecord>([&](store::Reader& r) { return r.ListMeshHistory(mesh_id, 0, 100); })) {
      kinds.insert(kinds.begin(), row.kind);
    }
    return kinds;
  }
  store::AdapterRecord Adapter(const std::string& id) {
    store::AdapterRecord adapter;
    const auto read = [&](store::Reader& reader) -> Status {
      MP_TRY(const auto found, reader.FindAdapter("default", id));
      REQUIRE(found);
      adapter = *found;
      return {};
    };
    REQUIRE(store->Read(read));
    return adapter;
  }
  std::vector<store::EventRecord> Events(const std::string& kind) {
    return List<store::EventRecord>([&](store::Reader& r) {
      store::EventQuery query;
      query.kind = kind;
      return r.ListEvents(query);
    });
  }

  template <class Row, class Read>
  std::vector<Row> List(const Read& read) {
    std::vector<Row> rows;
    const auto work = [&](store::Reader& reader) -> Status {
      MP_TRY(rows, read(reader));
      return {};
    };
    REQUIRE(store->Read(work));
    return rows;
  }

  ManualClock clock;
  std::unique_ptr<store::Store> store = store::NewMemoryStore();
  inventory::Inventory inventory{*store, clock};
  std::uint64_t epoch = 0;
};

}  // namespace meshplay::testing
