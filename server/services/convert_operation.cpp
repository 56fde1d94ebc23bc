#include "server/services/convert_operation.h"

#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "libs/base/json_member.h"
#include "server/services/convert_common.h"
#include "server/services/internal/core.h"
#include "server/store/operation_states.h"

namespace meshplay::services {
namespace {

constexpr const char* kPruneOwned = "PRUNE_POLICY_OWNED";
constexpr const char* kRollback = "FAILURE_POLICY_ROLLBACK";

void SetTimes(const store::OperationRecord& record, v1::Operation& out) {
  *out.mutable_create_time() = ToTimestamp(record.created_unix_ms);
  *out.mutable_update_time() = ToTimestamp(record.updated_unix_ms);
  if (record.not_before_unix_ms != 0) *out.mutable_not_before() = ToTimestamp(record.not_before_unix_ms);
  if (record.deadline_unix_ms != 0) *out.mutable_deadline() = ToTimestamp(record.deadline_unix_ms);
}

void SetResult(const store::OperationRecord& record, v1::Operation& out) {
  const nlohmann::json result = ParseColumn(record.result_json);
  out.set_output_json(PartOf(result, "output"));
  out.set_smi_reports_json(PartOf(result, "smi"));
  out.set_detection_json(PartOf(result, "detection"));
  const std::string made_plan = MemberText(result, "plan_digest");
  out.set_plan_digest(made_plan.empty() ? record.plan_digest : made_plan);
  if (!record.error_json.empty()) *out.mutable_error() = ToOperationError(record.error_json);
}

}  // namespace

v1::OperationState ToState(store::OperationState state) {
  switch (state) {
    case store::OperationState::kUnspecified:
      return v1::OPERATION_STATE_UNSPECIFIED;
    case store::OperationState::kAwaitingApproval:
      return v1::AWAITING_APPROVAL;
    case store::OperationState::kQueued:
      return v1::QUEUED;
    case store::OperationState::kDispatching:
      return v1::DISPATCHING;
    case store::OperationState::kRunning:
      return v1::RUNNING;
    case store::OperationState::kCancelling:
      return v1::CANCELLING;
    case store::OperationState::kBackoff:
      return v1::BACKOFF;
    case store::OperationState::kInspecting:
      return v1::INSPECTING;
    case store::OperationState::kSucceeded:
      return v1::SUCCEEDED;
    case store::OperationState::kFailed:
      return v1::FAILED;
    case store::OperationState::kCancelled:
      return v1::CANCELLED;
    case store::OperationState::kExpired:
      return v1::EXPIRED;
    case store::OperationState::kIndeterminate:
      return v1::INDETERMINATE;
  }
  return v1::OPERATION_STATE_UNSPECIFIED;
}

v1::OperationKind ToKind(store::TaskKind kind) {
  switch (kind) {
    case store::TaskKind::kDetect:
      return v1::DETECT;
    case store::TaskKind::kPlan:
      return v1::PLAN;
    case store::TaskKind::kApply:
      return v1::APPLY;
    case store::TaskKind::kConformance:
      return v1::CONFORMANCE;
    case store::TaskKind::kUnspecified:
    case store::TaskKind::kInspect:
    case store::TaskKind::kQuery:
      return v1::OPERATION_KIND_UNSPECIFIED;
  }
  return v1::OPERATION_KIND_UNSPECIFIED;
}

v1::Operation ToOperation(const store::OperationRecord& record, const std::optional<store::AttemptRecord>& attempt) {
  v1::Operation out;
  out.set_id(record.id);
  out.set_uid(record.id);
  out.set_etag(EtagOf(record.version));
  SetTimes(record, out);
  out.set_kind(ToKind(record.kind));
  out.set_type(record.type);
  out.set_title(record.traits.title);
  v1::OperationTarget& target = *out.mutable_target();
  target.set_cluster(record.cluster_id);
  target.set_mesh_type(record.mesh_type);
  target.set_mesh(record.mesh_id);
  target.set_namespace_(record.namespace_name);
  out.set_target_id(record.target_id);
  out.set_parameters_json(record.parameters_json);
  *out.mutable_options() = ToApplyOptions(record.options_json);
  out.set_state(ToState(record.state));
  out.set_done(store::IsFinal(record.state));
  out.set_principal(record.principal);
  out.set_reason(record.reason);
  out.set_origin(record.origin);
  out.set_retry_of(record.retry_of);
  out.set_adapter_id(record.adapter_id);
  out.set_priority(record.priority);
  out.set_attempts(record.attempts);
  out.set_max_attempts(record.max_attempts);
  out.set_cancel_requested(record.cancel_requested);
  if (attempt && attempt->phase != store::AttemptPhase::kUnspecified) {
    out.set_phase(std::string(store::AttemptPhaseName(attempt->phase)));
  }
  out.set_progress_done(record.progress_done);
  out.set_progress_total(record.progress_total);
  out.set_progress_text(record.progress_text);
  out.set_side_effects(std::string(store::SideEffectsName(record.side_effects)));
  out.set_inverse_type(record.traits.inverse_type);
  SetResult(record, out);
  return out;
}

v1::OperationAttempt ToAttempt(const store::AttemptRecord& record, const std::vector<store::StepRecord>& steps) {
  v1::OperationAttempt out;
  out.set_number(record.number);
  out.set_kind(std::string(store::TaskKindName(record.kind)));
  out.set_fence(record.fence);
  out.set_adapter_id(record.adapter_id);
  if (record.phase != store::AttemptPhase::kUnspecified) {
    out.set_phase(std::string(store::AttemptPhaseName(record.phase)));
  }
  out.set_outcome(record.outcome);
  if (record.started_unix_ms != 0) *out.mutable_started() = ToTimestamp(record.started_unix_ms);
  if (record.ended_unix_ms != 0) *out.mutable_ended() = ToTimestamp(record.ended_unix_ms);
  for (const store::StepRecord& step : steps) {
    v1::OperationStep& shown = *out.add_steps();
    shown.set_index(step.index);
    shown.set_name(step.name);
    shown.set_title(step.title);
    shown.set_state(step.state);
    shown.set_text(step.text);
    if (step.started_unix_ms != 0) *shown.mutable_started() = ToTimestamp(step.started_unix_ms);
    if (step.ended_unix_ms != 0) *shown.mutable_ended() = ToTimestamp(step.ended_unix_ms);
  }
  return out;
}

v1::OperationChange ToChange(std::uint32_t attempt, const store::ObjectOutcomeRecord& record) {
  v1::OperationChange out;
  out.set_attempt(attempt);
  *out.mutable_object() = ToObjectKey(record.api_version, record.kind, record.namespace_name, record.name);
  out.set_action(record.action);
  out.set_ok(record.ok);
  if (!record.error_json.empty()) *out.mutable_error() = ToOperationError(record.error_json);
  out.set_object_uid(record.uid);
  out.set_health(record.health);
  return out;
}

v1::OperationType ToOperationType(const inventory::OperationType& type, const std::vector<std::string>& clusters) {
  v1::OperationType out;
  out.set_type(type.type);
  out.set_mesh_type(type.mesh_type);
  out.set_category(type.category);
  out.set_title(type.title);
  out.set_description(type.description);
  out.set_parameters_schema_json(type.parameters_schema_json);
  out.set_idempotency(type.idempotency);
  out.set_cancellation(type.cancellation);
  out.set_plan(type.plan);
  out.set_lock(type.lock);
  out.set_inverse_type(type.inverse_type);
  out.set_mesh_version_range(type.mesh_version_range);
  if (type.typical_duration_ms > 0) {
    *out.mutable_typical_duration() = ToDuration(std::chrono::milliseconds(type.typical_duration_ms));
  }
  if (type.max_duration_ms > 0) {
    *out.mutable_max_duration() = ToDuration(std::chrono::milliseconds(type.max_duration_ms));
  }
  out.set_deprecated(type.deprecated);
  out.set_deprecation_message(type.deprecation_message);
  for (const auto& [alias, parameters] : type.aliases) out.add_aliases(alias);
  for (const std::string& cluster : clusters) out.add_clusters(cluster);
  return out;
}

store::OperationTraits ToTraits(const inventory::OperationType& type) {
  store::OperationTraits traits;
  // Words that this server does not know are read as the careful choice: never repeated, never cancelled, exclusive.
  traits.idempotency = type.idempotency == "NATURAL" ? store::Idempotency::kNatural
                       : type.idempotency == "KEYED" ? store::Idempotency::kKeyed
                                                     : store::Idempotency::kNone;
  traits.cancellation = type.cancellation == "BETWEEN_STEPS"   ? store::Cancellation::kBetweenSteps
                        : type.cancellation == "WITH_ROLLBACK" ? store::Cancellation::kWithRollback
                                                               : store::Cancellation::kNever;
  traits.lock = type.lock == "SHARED" ? store::LockMode::kShared : store::LockMode::kExclusive;
  traits.title = type.title;
  traits.inverse_type = type.inverse_type;
  traits.max_duration = std::chrono::milliseconds(type.max_duration_ms);
  traits.required_secrets = type.required_secrets;
  traits.sensitive_pointers = type.sensitive_pointers;
  return traits;
}

std::string ToOptionsJson(const v1::ApplyOptions& options, const std::string& plan_digest) {
  nlohmann::json body = nlohmann::json::object();
  if (options.force_conflicts()) body["force_conflicts"] = true;
  if (options.prune()) body["prune"] = kPruneOwned;
  if (options.wait_for_ready()) body["wait_for_ready"] = true;
  if (options.rollback_on_failure()) body["on_failure"] = kRollback;
  if (!options.owner_id().empty()) body["owner_id"] = options.owner_id();
  if (!plan_digest.empty()) body["plan_digest"] = plan_digest;
  return CanonicalJson(body);
}

v1::ApplyOptions ToApplyOptions(const std::string& options_json) {
  v1::ApplyOptions options;
  const nlohmann::json body = ParseColumn(options_json);
  const auto flag = [&body](const char* key) { return PartOf(body, key) == "true"; };
  options.set_force_conflicts(flag("force_conflicts"));
  options.set_prune(MemberText(body, "prune") == kPruneOwned);
  options.set_wait_for_ready(flag("wait_for_ready"));
  options.set_rollback_on_failure(MemberText(body, "on_failure") == kRollback);
  options.set_owner_id(MemberText(body, "owner_id"));
  return options;
}

}  // namespace meshplay::services
