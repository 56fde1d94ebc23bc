#include "server/inventory/internal/mesh_rows.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "libs/base/json.h"
#include "server/inventory/internal/conditions.h"
#include "server/inventory/internal/rows.h"

namespace meshplay::inventory {
namespace {

using nlohmann::json;
using store::MeshRecord;
using store::ObjectRecord;

constexpr UnixMs kSeenStep = 60'000;
constexpr std::uint32_t kMaxDescribing = 100;

/// Worst last; a word from outside the list counts as UNKNOWN, the worst.
int HealthRank(const std::string& health) {
  constexpr std::array<const char*, 5> kOrder = {"HEALTHY", "SUSPENDED", "PROGRESSING", "MISSING", "DEGRADED"};
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    if (health == kOrder[i]) return static_cast<int>(i);
  }
  return static_cast<int>(kOrder.size());
}

std::string Describe(const MeshRecord& mesh) {
  return mesh.mesh_version.empty() ? mesh.mesh_type : mesh.mesh_type + " " + mesh.mesh_version;
}

std::string Difference(const MeshRecord& before, const MeshRecord& mesh) {
  std::string note;
  const auto add = [&note](const char* what, const std::string& from, const std::string& to) {
    if (from == to) return;
    if (!note.empty()) note += "; ";
    note += std::string(what) + " " + (from.empty() ? "(none)" : from) + " -> " + (to.empty() ? "(none)" : to);
  };
  add("version", before.mesh_version, mesh.mesh_version);
  add("revision", before.revision, mesh.revision);
  add("mode", before.mode, mesh.mode);
  add("health", before.health, mesh.health);
  add("namespace", before.control_plane_namespace, mesh.control_plane_namespace);
  if (before.managed != mesh.managed) add("managed", before.managed ? "yes" : "no", mesh.managed ? "yes" : "no");
  if (before.member_namespaces_json != mesh.member_namespaces_json) {
    note += std::string(note.empty() ? "" : "; ") + "member namespaces changed";
  }
  if (note.empty() && before.conditions_json != mesh.conditions_json) note = "conditions changed";
  return note.substr(0, 1024);
}

Status Record(store::Transaction& unit, const MeshRecord& mesh, const std::string& kind, const std::string& note,
              UnixMs now) {
  store::MeshHistoryRecord history;
  history.mesh_id = mesh.id;
  history.kind = kind;
  history.mesh_version = mesh.mesh_version;
  history.revision = mesh.revision;
  history.health = mesh.health;
  history.note = note;
  history.time_unix_ms = now;
  MP_CHECK(unit.AddMeshHistory(history));
  const json body = {{"mesh", mesh.id},           {"cluster", mesh.cluster_id},   {"mesh_type", mesh.mesh_type},
                     {"mesh_key", mesh.mesh_key}, {"version", mesh.mesh_version}, {"revision", mesh.revision},
                     {"health", mesh.health},     {"stale", mesh.stale},          {"note", note}};
  return AddEvent(unit, mesh.tenant, "mesh/" + mesh.id, "mesh." + kind, body, now);
}

void TakeText(std::string& into, const json& facts, const char* key) {
  if (!into.empty()) return;
  const auto found = facts.find(key);
  if (found != facts.end() && found->is_string()) into = found->get<std::string>();
}

/// The mesh as its objects describe it. Identity fields come from `place` and the caller.
MeshRecord Combine(const MeshPlace& place, const std::string& mesh_id, const std::vector<ObjectRecord>& objects) {
  MeshRecord mesh;
  mesh.id = mesh_id;
  mesh.tenant = place.tenant;
  mesh.cluster_id = place.cluster_id;
  mesh.cluster_uid = place.cluster_uid;
  mesh.mesh_type = place.mesh_type;
  mesh.stale = true;
  std::set<std::string> members;
  std::vector<Condition> conditions;
  for (const ObjectRecord& object : objects) {
    const auto facts = ParseJson(object.facts_json);
    if (!facts || !facts->is_object()) continue;
    TakeText(mesh.mesh_key, *facts, "mesh_key");
    TakeText(mesh.mesh_version, *facts, "version");
    TakeText(mesh.revision, *facts, "revision");
    TakeText(mesh.mode, *facts, "mode");
    TakeText(mesh.control_plane_namespace, *facts, "control_plane_namespace");
    const auto managed = facts->find("managed");
    mesh.managed = mesh.managed || (managed != facts->end() && managed->is_boolean() && managed->get<bool>());
    const auto list = facts->find("member_namespaces");
    if (list != facts->end() && list->is_array()) {
      for (const json& name : *list) {
        if (name.is_string()) members.insert(name.get<std::string>());
      }
    }
    if (mesh.health.empty() || HealthRank(object.health) > HealthRank(mesh.health)) mesh.health = object.health;
    mesh.stale = mesh.stale && object.stale;
    auto parsed = ParseConditions(object.conditions_json);
    if (!parsed) continue;
    for (Condition& condition : *parsed) {
      const bool known = std::any_of(conditions.begin(), conditions.end(),
                                     [&](const Condition& entry) { return entry.type == condition.type; });
      if (!known) conditions.push_back(std::move(condition));
    }
  }
  if (HealthRank(mesh.health) == HealthRank("UNKNOWN")) mesh.health = "UNKNOWN";
  if (!members.empty()) mesh.member_namespaces_json = CanonicalJson(json(members));
  mesh.conditions_json = PrintConditions(conditions);
  return mesh;
}

Result<std::vector<ObjectRecord>> DescribingObjects(store::Transaction& unit, const MeshPlace& place,
                                                    const std::string& adapter_id, const std::string& mesh_id) {
  store::ObjectQuery query;
  query.tenant = place.tenant;
  query.mesh_id = mesh_id;
  query.facts_kind = "mesh";
  query.limit = kMaxDescribing;
  MP_TRY(std::vector<ObjectRecord> objects, unit.ListObjects(query));
  const bool of_serving = std::any_of(objects.begin(), objects.end(),
                                      [&](const ObjectRecord& object) { return object.adapter_id == adapter_id; });
  if (of_serving) {  // rows of the adapter that served before wait for the end of the snapshot
    objects.erase(std::remove_if(objects.begin(), objects.end(),
                                 [&](const ObjectRecord& object) { return object.adapter_id != adapter_id; }),
                  objects.end());
  }
  return objects;
}

Status RefreshOne(store::Transaction& unit, const MeshPlace& place, const std::string& mesh_id,
                  const std::vector<ObjectRecord>& objects, UnixMs now) {
  MP_TRY(const auto before, unit.FindMesh(place.tenant, mesh_id));
  MeshRecord mesh = Combine(place, mesh_id, objects);
  if (mesh.stale && before) return {};  // the row already says what was known last
  if (before) {
    MP_TRY(const std::vector<Condition> conditions, ParseConditions(mesh.conditions_json));
    mesh.conditions_json = MergeConditions(before->conditions_json, conditions, now);
  }
  return PutMesh(unit, before, std::move(mesh), now);
}

}  // namespace

Status PutMesh(store::Transaction& unit, const std::optional<MeshRecord>& before, MeshRecord mesh, UnixMs now) {
  mesh.last_seen_unix_ms = now;
  if (!before) {
    MP_CHECK(PutChanged(unit, mesh, now));
    return Record(unit, mesh, "appeared", Describe(mesh), now);
  }
  mesh.version = before->version;
  mesh.created_unix_ms = before->created_unix_ms;
  mesh.updated_unix_ms = before->updated_unix_ms;
  MeshRecord seen = *before;
  seen.last_seen_unix_ms = now;
  if (seen == mesh) {
    if (now - before->last_seen_unix_ms < kSeenStep) return {};
    return unit.PutMesh(mesh);
  }
  MP_CHECK(PutChanged(unit, mesh, now));
  const std::string note = Difference(*before, mesh);
  if (before->stale && !mesh.stale) MP_CHECK(Record(unit, mesh, "fresh", "reported again", now));
  if (note.empty() || (before->stale && note == "conditions changed")) return {};
  return Record(unit, mesh, "changed", note, now);
}

Status EndMesh(store::Transaction& unit, const MeshRecord& mesh, const std::string& note, UnixMs now) {
  MP_CHECK(unit.DeleteMesh(mesh.id));
  return Record(unit, mesh, "gone", note, now);
}

Status RefreshMeshes(store::Transaction& unit, const MeshPlace& place, const std::string& adapter_id,
                     const std::set<std::string>& mesh_ids, UnixMs now) {
  for (const std::string& mesh_id : mesh_ids) {
    MP_TRY(const std::vector<ObjectRecord> objects, DescribingObjects(unit, place, adapter_id, mesh_id));
    if (!objects.empty()) {
      MP_CHECK(RefreshOne(unit, place, mesh_id, objects, now));
      continue;
    }
    MP_TRY(const auto mesh, unit.FindMesh(place.tenant, mesh_id));
    if (mesh) MP_CHECK(EndMesh(unit, *mesh, "no object describes it any more", now));
  }
  return {};
}

Status RefreshPlace(store::Transaction& unit, const MeshPlace& place, const std::string& adapter_id, UnixMs now) {
  MP_TRY(const std::vector<MeshRecord> meshes, AllMeshes(unit, place.tenant, place.cluster_id, place.mesh_type));
  for (const MeshRecord& mesh : meshes) {
    MP_TRY(const std::vector<ObjectRecord> objects, DescribingObjects(unit, place, adapter_id, mesh.id));
    if (!objects.empty()) MP_CHECK(RefreshOne(unit, place, mesh.id, objects, now));
  }
  return {};
}

Status MarkMeshesStale(store::Transaction& unit, const MeshPlace& place, const std::string& reason, UnixMs now) {
  MP_TRY(const std::vector<MeshRecord> meshes, AllMeshes(unit, place.tenant, place.cluster_id, place.mesh_type));
  for (MeshRecord mesh : meshes) {
    if (mesh.stale) continue;
    mesh.stale = true;
    mesh.conditions_json = UnknownConditions(mesh.conditions_json, reason, now);
    MP_CHECK(PutChanged(unit, mesh, now));
    MP_CHECK(Record(unit, mesh, "stale", reason, now));
  }
  return {};
}

}  // namespace meshplay::inventory
