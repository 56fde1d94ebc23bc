// Meshes that a DETECT task found.
#include <nlohmann/json.hpp>
#include <set>

#include "libs/base/json.h"
#include "libs/base/json_member.h"
#include "server/inventory/internal/conditions.h"
#include "server/inventory/internal/mesh_rows.h"
#include "server/inventory/internal/rows.h"
#include "server/inventory/inventory.h"

namespace meshplay::inventory {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxMeshes = 1'000;

/// The conditions of a wire message (status CONDITION_STATUS_TRUE and so on) as this room keeps them.
std::vector<Condition> WireConditions(const json& mesh) {
  std::vector<Condition> conditions;
  const json list = mesh.value("conditions", json::array());
  for (const json& entry : list.is_array() ? list : json::array()) {
    if (!entry.is_object() || MemberText(entry, "type").empty()) continue;
    const std::string status = MemberText(entry, "status");
    conditions.push_back({MemberText(entry, "type"),
                          status == "CONDITION_STATUS_TRUE"    ? "True"
                          : status == "CONDITION_STATUS_FALSE" ? "False"
                                                               : "Unknown",
                          MemberText(entry, "reason"), MemberText(entry, "message"), ""});
  }
  return conditions;
}

/// True when an object with mesh facts describes the mesh: then the inventory knows better.
Result<bool> IsDescribed(store::Reader& reader, const MeshPlace& place, const std::string& mesh_id) {
  store::ObjectQuery query;
  query.tenant = place.tenant;
  query.mesh_id = mesh_id;
  query.facts_kind = "mesh";
  query.limit = 1;
  MP_TRY(const auto objects, reader.ListObjects(query));
  return !objects.empty();
}

Status PutDetected(store::Transaction& unit, const MeshPlace& place, const json& entry, const std::string& mesh_id,
                   UnixMs now) {
  MP_TRY(const auto before, unit.FindMesh(place.tenant, mesh_id));
  store::MeshRecord mesh = before ? *before : store::MeshRecord();
  mesh.id = mesh_id;
  mesh.tenant = place.tenant;
  mesh.cluster_id = place.cluster_id;
  mesh.cluster_uid = place.cluster_uid;
  mesh.mesh_type = place.mesh_type;
  mesh.mesh_key = MemberText(entry, "mesh_key");
  mesh.mesh_version = MemberText(entry, "version");
  mesh.revision = MemberText(entry, "revision");
  mesh.control_plane_namespace = MemberText(entry, "control_plane_namespace");
  mesh.managed = entry.value("managed", json(false)) == json(true);
  if (mesh.health.empty()) mesh.health = "UNKNOWN";
  const json members = entry.value("injected_namespaces", json::array());
  if (members.is_array() && !members.empty()) mesh.member_namespaces_json = CanonicalJson(members);
  mesh.conditions_json = MergeConditions(before ? before->conditions_json : "", WireConditions(entry), now);
  mesh.stale = false;
  return PutMesh(unit, before, std::move(mesh), now);
}

}  // namespace

Status Inventory::ApplyDetection(const std::string& cluster_uid, const std::string& mesh_type,
                                 const std::string& detection_json) {
  MP_TRY(const json detection, ParseJson(detection_json));
  const json meshes = detection.is_object() ? detection.value("meshes", json::array()) : json();
  if (!meshes.is_array() || meshes.size() > kMaxMeshes) {
    return InvalidArgument("DETECTION_INVALID", "a detection holds a list of at most 1,000 meshes");
  }
  const UnixMs now = clock_.NowUnixMs();
  return store_.Write([&](store::Transaction& unit) -> Status {
    MP_TRY(const auto cluster, unit.FindClusterByUid("", cluster_uid));
    if (!cluster) return NotFound("CLUSTER_UNKNOWN", "the detection is of a cluster that is not known");
    const MeshPlace place{cluster->tenant, cluster->id, cluster->uid, mesh_type};
    std::set<std::string> seen;
    for (const json& entry : meshes) {
      if (!entry.is_object() || MemberText(entry, "mesh_key").empty()) continue;
      const std::string type = MemberText(entry, "mesh_type");
      if (!type.empty() && type != mesh_type) continue;  // another adapter's to tell
      const std::string mesh_id = MeshId(cluster_uid, mesh_type, MemberText(entry, "mesh_key"));
      seen.insert(mesh_id);
      MP_TRY(const bool described, IsDescribed(unit, place, mesh_id));
      if (!described) MP_CHECK(PutDetected(unit, place, entry, mesh_id, now));
    }
    MP_TRY(const auto known, AllMeshes(unit, place.tenant, place.cluster_id, mesh_type));
    for (const store::MeshRecord& mesh : known) {
      if (seen.count(mesh.id) != 0) continue;
      MP_TRY(const bool described, IsDescribed(unit, place, mesh.id));
      if (!described) MP_CHECK(EndMesh(unit, mesh, "a detection no longer finds it", now));
    }
    return {};
  });
}

}  // namespace meshplay::inventory
