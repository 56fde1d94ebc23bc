#pragma once

#include "server/store/sqlite/columns_operations.h"

/// As columns_operations.h, for the wanted SMI state.
namespace meshplay::store::sqlite {

template <>
struct TableOf<PolicyRecord> {
  static constexpr const char* kName = "policy";
  static constexpr const char* kKey = "uid";
};
template <class V, Is<PolicyRecord> Row>
void Columns(V& v, Row& r) {
  v("uid", r.uid);
  v("tenant", r.tenant);
  v("id", r.id);
  v("display_name", r.display_name);
  v("labels_json", r.labels_json);
  v("revision", r.revision);
  v("paused", r.paused);
  v("pause_reason", r.pause_reason);
  v("deleting", r.deleting);
  v("deleted_by", r.deleted_by);
  v("rollout_state", r.rollout_state);
  v("rollout_stage", r.rollout_stage);
  v("rollout_settled_unix_ms", r.rollout_settled_unix_ms);
  v("rollout_message", r.rollout_message);
  v("created_by", r.created_by);
  v("version", r.version);
  v("created_unix_ms", r.created_unix_ms);
  v("updated_unix_ms", r.updated_unix_ms);
}

template <>
struct TableOf<PolicyRevisionRecord> {
  static constexpr const char* kName = "policy_revision";
  static constexpr const char* kKey = "policy_uid, number";
};
template <class V, Is<PolicyRevisionRecord> Row>
void Columns(V& v, Row& r) {
  v("policy_uid", r.policy_uid);
  v("tenant", r.tenant);
  v("number", r.number);
  v("digest", r.digest);
  v("spec_json", r.spec_json);
  v("documents", r.documents);
  v("principal", r.principal);
  v("note", r.note);
  v("restored_from", r.restored_from);
  v("created_unix_ms", r.created_unix_ms);
}

template <>
struct TableOf<PolicyMeshRecord> {
  static constexpr const char* kName = "policy_mesh";
  static constexpr const char* kKey = "policy_uid, mesh_id";
};
template <class V, Is<PolicyMeshRecord> Row>
void Columns(V& v, Row& r) {
  v("policy_uid", r.policy_uid);
  v("mesh_id", r.mesh_id);
  v("tenant", r.tenant);
  v("cluster_id", r.cluster_id);
  v("cluster_uid", r.cluster_uid);
  v("mesh_type", r.mesh_type);
  v("stage", r.stage);
  v("state", r.state);
  v("level", r.level);
  v("reason", r.reason);
  v("message", r.message);
  v("applied_revision", r.applied_revision);
  v("drifted", r.drifted);
  v("may_have_objects", r.may_have_objects);
  v("operation_id", r.operation_id);
  v("operation_kind", r.operation_kind);
  v("operation_revision", r.operation_revision);
  v("last_operation_id", r.last_operation_id);
  v("plan_operation_id", r.plan_operation_id);
  v("sequence", r.sequence);
  v("failures", r.failures);
  v("retry_unix_ms", r.retry_unix_ms);
  v("drift_due_unix_ms", r.drift_due_unix_ms);
  v("drift_checked_unix_ms", r.drift_checked_unix_ms);
  v("losses_json", r.losses_json);
  v("reapply_unix_ms", r.reapply_unix_ms);
  v("since_unix_ms", r.since_unix_ms);
  v("created_unix_ms", r.created_unix_ms);
  v("updated_unix_ms", r.updated_unix_ms);
}

template <>
struct TableOf<PolicyReportRecord> {
  static constexpr const char* kName = "policy_report";
  static constexpr const char* kKey = "policy_uid, mesh_id";
};
template <class V, Is<PolicyReportRecord> Row>
void Columns(V& v, Row& r) {
  v("policy_uid", r.policy_uid);
  v("mesh_id", r.mesh_id);
  v("reports_json", r.reports_json);
  v("drift_json", r.drift_json);
  v("error_json", r.error_json);
}

template <>
struct TableOf<EnvironmentRecord> {
  static constexpr const char* kName = "environment";
  static constexpr const char* kKey = "id, tenant";
};
template <class V, Is<EnvironmentRecord> Row>
void Columns(V& v, Row& r) {
  v("id", r.id);
  v("tenant", r.tenant);
  v("uid", r.uid);
  v("display_name", r.display_name);
  v("labels_json", r.labels_json);
  v("clusters_json", r.clusters);
  v("selector_json", r.selector_json);
  v("version", r.version);
  v("created_unix_ms", r.created_unix_ms);
  v("updated_unix_ms", r.updated_unix_ms);
}

}  // namespace meshplay::store::sqlite
