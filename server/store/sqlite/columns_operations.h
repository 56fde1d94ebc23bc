#pragma once

#include <concepts>
#include <string>
#include <type_traits>

#include "server/store/internal/child_rows.h"
#include "server/store/store.h"

/// Which column holds which field, once per record: `Columns(visitor, row)` calls visitor(name, field) for each, in one
/// order. Binding, reading and the SQL texts all come from it (rows.h).
namespace meshplay::store::sqlite {

template <class Row, class Record>
concept Is = std::same_as<std::remove_const_t<Row>, Record>;

template <class Row>
struct TableOf;  ///< kName and kKey (columns, comma-separated) of a record's table.

template <>
struct TableOf<OperationRecord> {
  static constexpr const char* kName = "operation";
  static constexpr const char* kKey = "id";
};
template <class V, Is<OperationRecord> Row>
void Columns(V& v, Row& r) {
  v("id", r.id);
  v("tenant", r.tenant);
  v("kind", r.kind);
  v("type", r.type);
  v("target_id", r.target_id);
  v("cluster_id", r.cluster_id);
  v("cluster_uid", r.cluster_uid);
  v("mesh_type", r.mesh_type);
  v("mesh_id", r.mesh_id);
  v("mesh_key", r.mesh_key);
  v("namespace_name", r.namespace_name);
  v("control_plane_namespace", r.control_plane_namespace);
  v("revision", r.revision);
  v("traits_json", r.traits);
  v("cluster_wide", r.traits.cluster_wide);
  v("principal", r.principal);
  v("reason", r.reason);
  v("origin", r.origin);
  v("retry_of", r.retry_of);
  v("idempotency_key", r.idempotency_key);
  v("adapter_id", r.adapter_id);
  v("state", r.state);
  v("version", r.version);
  v("priority", r.priority);
  v("not_before_unix_ms", r.not_before_unix_ms);
  v("queue_deadline_unix_ms", r.queue_deadline_unix_ms);
  v("deadline_unix_ms", r.deadline_unix_ms);
  v("attempts", r.attempts);
  v("last_attempt", r.last_attempt);
  v("max_attempts", r.max_attempts);
  v("cancel_requested", r.cancel_requested);
  v("plan_digest", r.plan_digest);
  v("side_effects", r.side_effects);
  v("progress_done", r.progress_done);
  v("progress_total", r.progress_total);
  v("progress_text", r.progress_text);
  v("request_id", r.request_id);
  v("created_unix_ms", r.created_unix_ms);
  v("updated_unix_ms", r.updated_unix_ms);
  v("error_json", r.error_json);
  v("options_json", r.options_json);
  v("parameters_json", r.parameters_json);
  v("result_json", r.result_json);
}

template <>
struct TableOf<AttemptRecord> {
  static constexpr const char* kName = "attempt";
  static constexpr const char* kKey = "operation_id, number";
};
template <class V, Is<AttemptRecord> Row>
void Columns(V& v, Row& r) {
  v("operation_id", r.operation_id);
  v("number", r.number);
  v("kind", r.kind);
  v("fence", r.fence);
  v("adapter_id", r.adapter_id);
  v("instance_id", r.instance_id);
  v("session_id", r.session_id);
  v("phase", r.phase);
  v("last_seq", r.last_seq);
  v.Blob("checkpoint", r.checkpoint);
  v("step_timeout_ms", r.step_timeout);
  v("started_unix_ms", r.started_unix_ms);
  v("ended_unix_ms", r.ended_unix_ms);
  v("outcome", r.outcome);
  v("late_result_json", r.late_result_json);
}

template <>
struct TableOf<internal::StepRow> {
  static constexpr const char* kName = "step";
  static constexpr const char* kKey = "operation_id, attempt, number";
};
template <class V, Is<internal::StepRow> Row>
void Columns(V& v, Row& r) {
  v("operation_id", r.operation_id);
  v("attempt", r.attempt);
  v("number", r.step.index);
  v("name", r.step.name);
  v("title", r.step.title);
  v("state", r.step.state);
  v("text", r.step.text);
  v("started_unix_ms", r.step.started_unix_ms);
  v("ended_unix_ms", r.step.ended_unix_ms);
}

template <>
struct TableOf<internal::OutcomeRow> {
  static constexpr const char* kName = "object_outcome";
};
template <class V, Is<internal::OutcomeRow> Row>
void Columns(V& v, Row& r) {
  v("operation_id", r.operation_id);
  v("attempt", r.attempt);
  v("api_version", r.outcome.api_version);
  v("kind", r.outcome.kind);
  v("namespace_name", r.outcome.namespace_name);
  v("name", r.outcome.name);
  v("action", r.outcome.action);
  v("ok", r.outcome.ok);
  v("error_json", r.outcome.error_json);
  v("uid", r.outcome.uid);
  v("health", r.outcome.health);
}

template <>
struct TableOf<internal::DiagnosticRow> {
  static constexpr const char* kName = "diagnostic";
};
template <class V, Is<internal::DiagnosticRow> Row>
void Columns(V& v, Row& r) {
  v("operation_id", r.operation_id);
  v("attempt", r.attempt);
  v("severity", r.diagnostic.severity);
  v("code", r.diagnostic.code);
  v("summary", r.diagnostic.summary);
  v("detail", r.diagnostic.detail);
  v("pointer", r.diagnostic.pointer);
  v("object_json", r.diagnostic.object_json);
  v("mesh_feature", r.diagnostic.mesh_feature);
}

template <>
struct TableOf<PlanRecord> {
  static constexpr const char* kName = "plan";
  static constexpr const char* kKey = "operation_id";
};
template <class V, Is<PlanRecord> Row>
void Columns(V& v, Row& r) {
  v("operation_id", r.operation_id);
  v("digest", r.digest);
  v("body_json", r.body_json);
}

template <>
struct TableOf<IdempotencyRecord> {
  static constexpr const char* kName = "idempotency";
  static constexpr const char* kKey = "tenant, principal, idempotency_key";
};
template <class V, Is<IdempotencyRecord> Row>
void Columns(V& v, Row& r) {
  v("tenant", r.tenant);
  v("principal", r.principal);
  v("idempotency_key", r.key);
  v("fingerprint", r.fingerprint);
  v("operation_id", r.operation_id);
  v("expires_unix_ms", r.expires_unix_ms);
}

template <>
struct TableOf<TargetRecord> {
  static constexpr const char* kName = "target";
  static constexpr const char* kKey = "id";
};
template <class V, Is<TargetRecord> Row>
void Columns(V& v, Row& r) {  // locked_by comes from target_lock
  v("id", r.id);
  v("tenant", r.tenant);
  v("cluster_id", r.cluster_id);
  v("cluster_uid", r.cluster_uid);
  v("mesh_type", r.mesh_type);
  v("adapter_id", r.adapter_id);
  v("fence", r.fence);
  v("quarantined_by", r.quarantined_by);
  v("version", r.version);
  v("created_unix_ms", r.created_unix_ms);
  v("updated_unix_ms", r.updated_unix_ms);
}

template <>
struct TableOf<HoldRecord> {
  static constexpr const char* kName = "hold";
  static constexpr const char* kKey = "scope";
};
template <class V, Is<HoldRecord> Row>
void Columns(V& v, Row& r) {
  v("scope", r.scope);
  v("reason", r.reason);
  v("message", r.message);
  v("since_unix_ms", r.since_unix_ms);
}

template <>
struct TableOf<EventRecord> {
  static constexpr const char* kName = "event";
};
template <class V, Is<EventRecord> Row>
void Columns(V& v, Row& r) {
  v("seq", r.seq);
  v("tenant", r.tenant);
  v("subject", r.subject);
  v("kind", r.kind);
  v("body_json", r.body_json);
  v("time_unix_ms", r.time_unix_ms);
}

template <>
struct TableOf<AuditRecord> {
  static constexpr const char* kName = "audit";
};
template <class V, Is<AuditRecord> Row>
void Columns(V& v, Row& r) {
  v("seq", r.seq);
  v("tenant", r.tenant);
  v("principal", r.principal);
  v("action", r.action);
  v("object", r.object);
  v("decision", r.decision);
  v("request_id", r.request_id);
  v("detail_json", r.detail_json);
  v("time_unix_ms", r.time_unix_ms);
  v("hash_hex", r.hash_hex);
}

}  // namespace meshplay::store::sqlite
