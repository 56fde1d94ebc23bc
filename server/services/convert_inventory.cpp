#include "server/services/convert_inventory.h"

#include <nlohmann/json.hpp>

#include "libs/base/json_member.h"
#include "server/services/convert_common.h"
#include "server/services/internal/core.h"

namespace meshplay::services {
namespace {

std::uint32_t Count32(const nlohmann::json& facts, std::string_view key) {
  const std::uint64_t count = CountOf(facts, key);
  return count > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(count);
}

template <class Record, class Message>
void SetRowTimes(const Record& record, Message& out) {
  *out.mutable_create_time() = ToTimestamp(record.created_unix_ms);
  *out.mutable_update_time() = ToTimestamp(record.updated_unix_ms);
  out.set_etag(EtagOf(record.version));
}

}  // namespace

v1::Cluster ToCluster(const store::ClusterRecord& record, const std::vector<store::ClaimRecord>& claims) {
  v1::Cluster out;
  out.set_id(record.id);
  out.set_uid(record.uid);
  SetRowTimes(record, out);
  const nlohmann::json labels = ParseColumn(record.labels_json);
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items()) {
      if (value.is_string()) (*out.mutable_labels())[key] = value.get<std::string>();
    }
  }
  out.set_display_name(record.display_name);
  out.set_group(record.group);
  out.set_kubernetes_version(record.kubernetes_version);
  out.set_server_host(record.server_host);
  for (const store::ClaimRecord& claim : claims) {
    v1::ClusterClaim& shown = *out.add_claims();
    shown.set_adapter_id(claim.adapter_id);
    shown.set_mesh_type(claim.mesh_type);
    shown.set_context(claim.context);
    shown.set_assigned(claim.assigned);
    *shown.mutable_conditions() = ToConditions(claim.conditions_json);
  }
  *out.mutable_conditions() = ToConditions(record.conditions_json);
  return out;
}

v1::Target ToTarget(const store::TargetRecord& record, const std::optional<store::HoldRecord>& hold) {
  v1::Target out;
  out.set_id(record.id);
  out.set_cluster(record.cluster_id);
  out.set_mesh_type(record.mesh_type);
  out.set_adapter_id(record.adapter_id);
  out.set_fence(record.fence);
  out.set_locked_by(record.locked_by);
  out.set_quarantined_by(record.quarantined_by);
  SetRowTimes(record, out);
  if (hold) {
    out.set_hold_reason(hold->reason);
    out.set_hold_message(hold->message);
    *out.mutable_held_since() = ToTimestamp(hold->since_unix_ms);
    v1::Condition& condition = *out.add_conditions();
    condition.set_type("Held");
    condition.set_status("True");
    condition.set_reason(hold->reason);
    condition.set_message(hold->message);
    *condition.mutable_last_transition_time() = ToTimestamp(hold->since_unix_ms);
  }
  if (!record.quarantined_by.empty()) {
    v1::Condition& condition = *out.add_conditions();
    condition.set_type("Quarantined");
    condition.set_status("True");
    condition.set_reason("OutcomeUnknown");
    condition.set_message("Nothing runs here until operation " + record.quarantined_by + " is resolved.");
  }
  return out;
}

v1::Mesh ToMesh(const store::MeshRecord& record) {
  v1::Mesh out;
  out.set_id(record.id);
  out.set_uid(record.id);
  SetRowTimes(record, out);
  out.set_cluster(record.cluster_id);
  out.set_mesh_type(record.mesh_type);
  out.set_mesh_key(record.mesh_key);
  out.set_version(record.mesh_version);
  out.set_revision(record.revision);
  out.set_mode(record.mode);
  out.set_control_plane_namespace(record.control_plane_namespace);
  out.set_health(record.health.empty() ? "UNKNOWN" : record.health);
  out.set_managed(record.managed);
  out.set_stale(record.stale);
  const nlohmann::json members = ParseColumn(record.member_namespaces_json);
  if (members.is_array()) {
    for (const nlohmann::json& member : members) {
      if (member.is_string()) out.add_member_namespaces(member.get<std::string>());
    }
  }
  if (record.last_seen_unix_ms != 0) *out.mutable_last_seen() = ToTimestamp(record.last_seen_unix_ms);
  *out.mutable_conditions() = ToConditions(record.conditions_json);
  return out;
}

void AddFacts(const store::ObjectRecord& object, v1::Mesh& mesh) {
  const nlohmann::json facts = ParseColumn(object.facts_json);
  if (object.facts_kind == "workload") {
    mesh.set_workloads(mesh.workloads() + 1);
    mesh.set_pods(mesh.pods() + Count32(facts, "pods"));
    mesh.set_pods_with_proxy(mesh.pods_with_proxy() + Count32(facts, "pods_with_proxy"));
    mesh.set_pods_skewed(mesh.pods_skewed() + Count32(facts, "pods_skewed"));
  } else if (object.facts_kind == "certificate") {
    v1::MeshCertificate& certificate = *mesh.add_certificates();
    certificate.set_role(MemberText(facts, "role"));
    certificate.set_issuer(MemberText(facts, "issuer"));
    certificate.set_fingerprint_sha256(MemberText(facts, "fingerprint_sha256"));
    const UnixMs not_after = TimeOf(facts, "not_after");
    if (not_after != 0) *certificate.mutable_not_after() = ToTimestamp(not_after);
  }
}

v1::MeshChange ToMeshChange(const store::MeshHistoryRecord& record) {
  v1::MeshChange out;
  *out.mutable_time() = ToTimestamp(record.time_unix_ms);
  out.set_kind(record.kind);
  out.set_version(record.mesh_version);
  out.set_revision(record.revision);
  out.set_health(record.health);
  out.set_note(record.note);
  return out;
}

v1::MeshWorkload ToWorkload(const store::ObjectRecord& object) {
  v1::MeshWorkload out;
  const nlohmann::json facts = ParseColumn(object.facts_json);
  *out.mutable_object() = ToObjectKey(object.api_version, object.kind, object.namespace_name, object.name);
  out.set_pods(Count32(facts, "pods"));
  out.set_pods_with_proxy(Count32(facts, "pods_with_proxy"));
  out.set_pods_skewed(Count32(facts, "pods_skewed"));
  for (std::string& version : TextsOf(facts, "proxy_versions")) out.add_proxy_versions(std::move(version));
  out.set_service_account(MemberText(facts, "service_account"));
  out.set_health(object.health.empty() ? "UNKNOWN" : object.health);
  return out;
}

v1::InventoryObject ToObject(const store::ObjectRecord& record) {
  v1::InventoryObject out;
  out.set_id(record.id);
  out.set_cluster(record.cluster_id);
  *out.mutable_object() = ToObjectKey(record.api_version, record.kind, record.namespace_name, record.name);
  out.set_object_uid(record.uid);
  out.set_resource_version(record.resource_version);
  out.set_mesh_id(record.mesh_id);
  out.set_health(record.health.empty() ? "UNKNOWN" : record.health);
  *out.mutable_conditions() = ToConditions(record.conditions_json);
  *out.mutable_update_time() = ToTimestamp(record.updated_unix_ms);
  out.set_stale(record.stale);
  out.set_facts_json(record.facts_json);
  out.set_body_json(record.body_json);
  return out;
}

}  // namespace meshplay::services
