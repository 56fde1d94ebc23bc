// Inventory streams: mark and sweep, digests, one commit a batch.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "libs/base/json.h"
#include "server/inventory/internal/assignment.h"
#include "server/inventory/internal/conditions.h"
#include "server/inventory/internal/manifest.h"
#include "server/inventory/internal/mesh_rows.h"
#include "server/inventory/internal/rows.h"
#include "server/inventory/inventory.h"

namespace meshplay::inventory {
namespace {

using nlohmann::json;
using store::ObjectRecord;

constexpr std::size_t kMaxBatch = 10'000;

std::string StreamName(const StreamKey& key) {
  return key.cluster_uid + " " + KindsKey(key.kinds);
}

/// What a stream stands on: the adapter and the cluster that it serves.
struct Ground {
  store::AdapterRecord adapter;
  MeshPlace place;
  bool reachable = true;
};

Result<Ground> FindGround(store::Reader& reader, const StreamKey& key) {
  Ground ground;
  MP_TRY(ground.adapter, GetAdapter(reader, key.adapter_id));
  const std::string& tenant = ground.adapter.tenant;
  MP_TRY(const auto claims, reader.ListClaims(tenant, key.adapter_id, key.cluster_uid, ""));
  MP_TRY(const auto cluster, reader.FindClusterByUid(tenant, key.cluster_uid));
  if (claims.empty() || !claims.front().live || !cluster) {
    return FailedPrecondition("TARGET_UNKNOWN", "the adapter does not claim this cluster");
  }
  MP_TRY(const bool serves, IsAssigned(reader, key.adapter_id, key.cluster_uid, ground.adapter.mesh_type));
  if (!serves) {
    return FailedPrecondition("ADAPTER_STANDBY", "another adapter serves this cluster for the mesh type")
        .WithRetryAfter(std::chrono::seconds(30));
  }
  ground.reachable = IsReachable(claims.front());
  ground.place = {tenant, cluster->id, cluster->uid, ground.adapter.mesh_type};
  return ground;
}

struct KindCounts {
  std::uint64_t added = 0;
  std::uint64_t changed = 0;
  std::uint64_t removed = 0;
};
using Counts = std::map<std::string, KindCounts>;

constexpr const char* kOwnerLabel = "meshplay.dev/owner";
constexpr std::size_t kMostNames =
    100;  ///< Of each list of one event; who is beyond them waits for the next regular look.

/// Whom an event concerns.
struct Concerned {
  std::set<std::string> owners;      ///< Of objects of ours that changed.
  std::set<std::string> namespaces;  ///< In which objects of anybody came or went.

  void NoteOwner(const std::string& body_json);
  void NoteNamespace(const std::string& name) {
    if (!name.empty() && namespaces.size() < kMostNames) namespaces.insert(name);
  }
};

/// The owner that Meshplay wrote into an object; empty when there is none.
std::string OwnerOf(const std::string& body_json) {
  if (body_json.find(kOwnerLabel) == std::string::npos) return {};
  const auto body = ParseJson(body_json);
  if (!body || !body->is_object()) return {};
  const json::json_pointer at("/metadata/labels/meshplay.dev~1owner");
  return body->contains(at) && body->at(at).is_string() ? body->at(at).get<std::string>() : std::string();
}

void Concerned::NoteOwner(const std::string& body_json) {
  std::string owner = OwnerOf(body_json);
  if (!owner.empty() && owners.size() < kMostNames) owners.insert(std::move(owner));
}

Status AddInventoryEvent(store::Transaction& unit, const MeshPlace& place, const Counts& counts,
                         const Concerned& concerned, UnixMs now) {
  if (counts.empty()) return {};
  json kinds = json::object();
  for (const auto& [kind, count] : counts) {
    kinds[kind] = {{"added", count.added}, {"changed", count.changed}, {"removed", count.removed}};
  }
  return AddEvent(unit, place.tenant, "cluster/" + place.cluster_id, "inventory.changed",
                  {{"cluster", place.cluster_id},
                   {"mesh_type", place.mesh_type},
                   {"kinds", std::move(kinds)},
                   {"owners", concerned.owners},
                   {"namespaces", concerned.namespaces}},
                  now);
}

Status CheckItem(const StreamKey& key, const Item& item) {
  if (item.kind.empty() || item.name.empty()) {
    return InvalidArgument("INVENTORY_ITEM_INVALID", "an inventory item has no kind or no name");
  }
  const std::pair<std::string, std::string> kind(item.api_version, item.kind);
  if (std::find(key.kinds.begin(), key.kinds.end(), kind) == key.kinds.end()) {
    return InvalidArgument("INVENTORY_KIND_FOREIGN", "an inventory item is of a kind that the stream did not open")
        .WithMetadata("kind", item.api_version + "/" + item.kind);
  }
  return {};
}

/// The mesh that the facts name; empty when they name none or one of another mesh type.
std::string MeshOf(const MeshPlace& place, const Item& item) {
  if (item.facts_kind.empty() || item.facts_json.empty()) return {};
  const auto facts = ParseJson(item.facts_json);
  if (!facts || !facts->is_object()) return {};
  const auto text = [&facts](const char* name) {
    const auto found = facts->find(name);
    return found != facts->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const std::string mesh_key = text("mesh_key");
  const std::string mesh_type = text("mesh_type");
  if (mesh_key.empty() || (!mesh_type.empty() && mesh_type != place.mesh_type)) return {};
  return MeshId(place.cluster_uid, place.mesh_type, mesh_key);
}

/// Changes of one batch while its unit runs.
struct Batch {
  store::Transaction& unit;
  const StreamKey& key;
  const Ground& ground;
  std::uint64_t epoch;
  UnixMs now;
  Counts counts;
  std::set<std::string> meshes;
  Concerned concerned;

  void Touch(const ObjectRecord& row) {
    if (row.facts_kind == "mesh" && !row.mesh_id.empty()) meshes.insert(row.mesh_id);
  }

  Status Remove(const std::string& id) {
    MP_TRY(const auto row, unit.FindObject(ground.place.tenant, id));
    if (!row) return {};
    Touch(*row);
    counts[row->kind].removed += 1;
    concerned.NoteOwner(row->body_json);
    concerned.NoteNamespace(row->namespace_name);
    return unit.DeleteObject(id);
  }

  Status Upsert(const std::string& id, const Item& item) {
    MP_TRY(const auto before, unit.FindObject(ground.place.tenant, id));
    ObjectRecord row = before ? *before : ObjectRecord();
    row.id = id;
    row.tenant = ground.place.tenant;
    row.adapter_id = key.adapter_id;
    row.cluster_id = ground.place.cluster_id;
    row.cluster_uid = key.cluster_uid;
    row.mesh_type = ground.place.mesh_type;
    row.mesh_id = MeshOf(ground.place, item);
    row.api_version = item.api_version;
    row.kind = item.kind;
    row.namespace_name = item.namespace_name;
    row.name = item.name;
    row.uid = item.uid;
    const bool same_body = before && !item.digest.empty() && before->digest == item.digest;
    if (!same_body) row.body_json = item.body_json;
    row.digest = item.digest;
    row.facts_kind = item.facts_kind;
    row.facts_json = item.facts_json;
    row.health = item.health;
    MP_TRY(std::vector<Condition> conditions, ParseConditions(item.conditions_json));
    row.conditions_json = MergeConditions(before ? before->conditions_json : "", std::move(conditions), now);
    row.epoch = epoch;
    row.stale = false;
    if (before && row == *before) return {};
    ObjectRecord marked = before ? *before : ObjectRecord();
    marked.epoch = epoch;
    marked.stale = false;
    const bool changed = !before || !(row == marked);
    if (before && before->mesh_id != row.mesh_id) Touch(*before);
    if (changed || before->stale) Touch(row);
    row.resource_version = item.resource_version;
    if (changed) {
      row.updated_unix_ms = now;
      (before ? counts[row.kind].changed : counts[row.kind].added) += 1;
      if (before) concerned.NoteOwner(before->body_json);
      if (!before) concerned.NoteNamespace(row.namespace_name);
      concerned.NoteOwner(row.body_json);
    }
    return unit.PutObject(row);
  }
};

}  // namespace

Result<Inventory::Opened> Inventory::OpenStream(StreamKey& key, const std::string& have_position) {
  const UnixMs now = clock_.NowUnixMs();
  Opened opened;
  StreamKey expanded = key;
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(const Ground ground, FindGround(unit, key));
    expanded = key;
    if (expanded.kinds.empty()) {
      if (ground.adapter.manifest_json.empty()) {
        return FailedPrecondition("MANIFEST_MISSING", "the adapter's capabilities are not known yet")
            .WithRetryAfter(std::chrono::seconds(1));
      }
      expanded.kinds = InventoryKindsOf(ground.adapter.manifest_json);
    }
    std::sort(expanded.kinds.begin(), expanded.kinds.end());
    MP_TRY(const auto bookmark, unit.FindBookmark(key.adapter_id, key.cluster_uid, KindsKey(expanded.kinds)));
    const std::uint64_t last = bookmark ? bookmark->epoch : 0;
    const bool resume =
        bookmark && bookmark->snapshot_complete && !have_position.empty() && bookmark->position == have_position;
    opened.snapshot_required = !resume;
    // Unique over every stream of the adapter, so that rows of an earlier list of kinds never look marked.
    opened.epoch = resume ? last : std::max(last + 1, static_cast<std::uint64_t>(now));
    if (!resume) return {};
    opened.resume_from = bookmark->position;
    if (!ground.reachable) return {};
    MP_CHECK(unit.MarkObjectsStale(key.adapter_id, key.cluster_uid, false));
    return RefreshPlace(unit, ground.place, key.adapter_id, now);
  };
  MP_CHECK(store_.Write(work));
  key = expanded;
  const std::lock_guard lock(mutex_);
  Stream& stream = streams_[key.adapter_id][StreamName(key)];
  stream = Stream();
  stream.complete = !opened.snapshot_required;
  stream.epoch = opened.epoch;
  return opened;
}

Status Inventory::BeginSnapshot(const StreamKey& key, std::uint64_t epoch) {
  {
    const std::lock_guard lock(mutex_);
    Stream& stream = streams_[key.adapter_id][StreamName(key)];
    stream.in_snapshot = true;
    stream.complete = false;
    stream.epoch = epoch;
    stream.received = 0;
  }
  store::BookmarkRecord bookmark;
  bookmark.adapter_id = key.adapter_id;
  bookmark.cluster_uid = key.cluster_uid;
  bookmark.kinds_key = KindsKey(key.kinds);
  bookmark.epoch = epoch;
  return store_.Write([&](store::Transaction& unit) { return unit.PutBookmark(bookmark); });
}

Status Inventory::Apply(const StreamKey& key, std::uint64_t epoch, const std::vector<Item>& items) {
  if (items.size() > kMaxBatch) return InvalidArgument("INVENTORY_ITEM_INVALID", "a batch has more than 10,000 items");
  for (const Item& item : items) MP_CHECK(CheckItem(key, item));
  const UnixMs now = clock_.NowUnixMs();
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(const Ground ground, FindGround(unit, key));
    Batch batch{unit, key, ground, epoch, now, {}, {}, {}};
    for (const Item& item : items) {
      const std::string id = ObjectId(key.adapter_id, key.cluster_uid, item);
      MP_CHECK(item.removed ? batch.Remove(id) : batch.Upsert(id, item));
    }
    MP_CHECK(RefreshMeshes(unit, ground.place, key.adapter_id, batch.meshes, now));
    return AddInventoryEvent(unit, ground.place, batch.counts, batch.concerned, now);
  };
  MP_CHECK(store_.Write(work));
  const std::lock_guard lock(mutex_);
  streams_[key.adapter_id][StreamName(key)].received += static_cast<std::uint64_t>(
      std::count_if(items.begin(), items.end(), [](const Item& item) { return !item.removed; }));
  return {};
}

Status Inventory::EndSnapshot(const StreamKey& key, std::uint64_t epoch, std::uint64_t count,
                              const std::string& position) {
  {
    const std::lock_guard lock(mutex_);
    const Stream& stream = streams_[key.adapter_id][StreamName(key)];
    if (!stream.in_snapshot || stream.epoch != epoch || stream.received != count) {
      return FailedPrecondition("SNAPSHOT_INCOMPLETE", "the snapshot does not hold as many items as it says")
          .WithMetadata("received", std::to_string(stream.received))
          .WithMetadata("count", std::to_string(count));
    }
  }
  const UnixMs now = clock_.NowUnixMs();
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(const Ground ground, FindGround(unit, key));
    MP_TRY(std::vector<ObjectRecord> swept,
           unit.SweepObjects(key.adapter_id, key.cluster_uid, key.kinds, epoch, kOwnerLabel));
    Counts counts;
    Concerned concerned;  // of what went while nobody looked
    for (const ObjectRecord& row : swept) {
      counts[row.kind].removed += 1;
      concerned.NoteOwner(row.body_json);
      concerned.NoteNamespace(row.namespace_name);
    }
    // A full picture of the serving adapter replaces what others reported here while they served.
    MP_TRY(const auto adapters, AllAdapters(unit, ground.place.tenant, ground.place.mesh_type));
    for (const store::AdapterRecord& other : adapters) {
      if (other.id == key.adapter_id) continue;
      constexpr std::uint64_t kNone = std::numeric_limits<std::int64_t>::max();
      MP_TRY(auto rows, unit.SweepObjects(other.id, key.cluster_uid, key.kinds, kNone, kOwnerLabel));
      if (!rows.empty()) MP_CHECK(unit.DeleteBookmarks(other.id));
      std::move(rows.begin(), rows.end(), std::back_inserter(swept));
    }
    std::set<std::string> meshes;
    for (const ObjectRecord& row : swept) {
      if (row.facts_kind == "mesh" && !row.mesh_id.empty()) meshes.insert(row.mesh_id);
    }
    MP_CHECK(RefreshMeshes(unit, ground.place, key.adapter_id, meshes, now));
    MP_CHECK(RefreshPlace(unit, ground.place, key.adapter_id, now));
    MP_CHECK(AddInventoryEvent(unit, ground.place, counts, concerned, now));
    store::BookmarkRecord bookmark{key.adapter_id, key.cluster_uid, KindsKey(key.kinds), position, epoch, true};
    return unit.PutBookmark(bookmark);
  };
  MP_CHECK(store_.Write(work));
  const std::lock_guard lock(mutex_);
  Stream& stream = streams_[key.adapter_id][StreamName(key)];
  stream.in_snapshot = false;
  stream.complete = true;
  return {};
}

Status Inventory::SaveBookmark(const StreamKey& key, std::uint64_t epoch, const std::string& position) {
  {
    const std::lock_guard lock(mutex_);
    const Stream& stream = streams_[key.adapter_id][StreamName(key)];
    if (!stream.complete) {
      return FailedPrecondition("STREAM_UNKNOWN", "a bookmark needs a complete snapshot before it");
    }
  }
  const store::BookmarkRecord bookmark{key.adapter_id, key.cluster_uid, KindsKey(key.kinds), position, epoch, true};
  return store_.Write([&](store::Transaction& unit) { return unit.PutBookmark(bookmark); });
}

}  // namespace meshplay::inventory
