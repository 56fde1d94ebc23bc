#include <algorithm>

#include "libs/base/ids.h"
#include "server/engine/events.h"
#include "server/engine/internal/core.h"
#include "server/engine/task_error.h"
#include "server/store/operation_states.h"

namespace meshplay::engine::internal {
namespace {

using S = store::OperationState;

constexpr std::string_view kTypeScope = "type/";

std::string TargetOf(const store::OperationRecord& operation) {
  return TargetId(operation.cluster_uid, operation.traits.cluster_wide ? kWholeCluster : operation.mesh_type);
}

bool IsRequestKind(TaskKind kind) {
  return kind == TaskKind::kApply || kind == TaskKind::kPlan || kind == TaskKind::kDetect ||
         kind == TaskKind::kConformance;
}

Status CheckRequest(const OperationRequest& request) {
  if (!IsRequestKind(request.kind)) return InvalidArgument("KIND_INVALID", "this kind of task is not an operation");
  if (request.parameters_json.size() > kMaxParametersBytes || request.options_json.size() > kMaxParametersBytes) {
    return InvalidArgument("PARAMETERS_TOO_LARGE", "the parameters are larger than 1 MiB");
  }
  if (request.priority > 2) return InvalidArgument("PRIORITY_INVALID", "the priority is 0, 1 or 2");
  if (request.cluster_uid.empty() || request.mesh_type.empty() || request.type.empty()) {
    return InvalidArgument("TARGET_INVALID", "an operation needs a type, a cluster and a mesh type");
  }
  return {};
}

store::OperationRecord FromRequest(const OperationRequest& request) {
  store::OperationRecord operation;
  operation.tenant = request.tenant;
  operation.kind = request.kind;
  operation.type = request.type;
  operation.cluster_id = request.cluster_id;
  operation.cluster_uid = request.cluster_uid;
  operation.mesh_type = request.mesh_type;
  operation.mesh_id = request.mesh_id;
  operation.mesh_key = request.mesh_key;
  operation.namespace_name = request.namespace_name;
  operation.control_plane_namespace = request.control_plane_namespace;
  operation.revision = request.revision;
  operation.parameters_json = request.parameters_json;
  operation.options_json = request.options_json;
  operation.traits = request.traits;
  operation.principal = request.principal;
  operation.reason = request.reason;
  operation.origin = request.origin;
  operation.priority = request.priority;
  operation.not_before_unix_ms = request.not_before_unix_ms;
  operation.plan_digest = request.plan_digest;
  operation.request_id = request.request_id;
  return operation;
}

std::string WithResolution(const std::string& error_json, const std::string& resolution, const std::string& note) {
  nlohmann::json body = ParseStored(error_json);
  if (!body.is_object()) body = nlohmann::json::object();
  body["metadata"]["resolution"] = resolution;
  if (!note.empty()) body["metadata"]["note"] = note.substr(0, 1024);
  return Dump(body);
}

const char* ResolutionName(Resolution resolution) {
  switch (resolution) {
    case Resolution::kApplied:
      return "applied";
    case Resolution::kNotApplied:
      return "not_applied";
    case Resolution::kCleaned:
      return "cleaned";
  }
  return "cleaned";
}

TaskError CancelledError(const store::OperationRecord& operation) {
  const bool touched =
      operation.side_effects == SideEffects::kPartial || operation.side_effects == SideEffects::kUnknown;
  std::string remediation;
  if (touched) {
    remediation = operation.traits.inverse_type.empty()
                      ? "Part of the operation took effect; run it again or undo it by hand."
                      : "Part of the operation took effect; run " + operation.traits.inverse_type + " to undo it.";
  }
  return EngineError("CANCELLED", ErrorClass::kCancelled, touched ? SideEffects::kPartial : SideEffects::kNone,
                     "cancelled before it finished", remediation);
}

}  // namespace

Result<store::OperationRecord> Core::GetOperation(store::Reader& reader, const std::string& tenant,
                                                  const std::string& id) {
  MP_TRY(auto operation, reader.FindOperation(tenant, id));
  if (!operation) return NotFound("OPERATION_UNKNOWN", "there is no such operation");
  return std::move(*operation);
}

Status Core::CheckNotQuarantined(store::Reader& reader, const store::OperationRecord& operation) {
  if (!TakesLock(operation.kind)) return {};
  for (const std::string& id : {operation.target_id, TargetId(operation.cluster_uid, kWholeCluster)}) {
    MP_TRY(const auto target, reader.FindTarget("", id));
    if (!target || target->quarantined_by.empty()) continue;
    return FailedPrecondition("TARGET_QUARANTINED", "the outcome of an earlier operation on the target is not known")
        .WithMetadata("operation_id", target->quarantined_by)
        .WithMetadata("target_id", target->id)
        .WithRemediation("Look at the target and resolve operation " + target->quarantined_by + ".");
  }
  return {};
}

Result<store::OperationRecord> Core::Insert(Unit& unit, store::OperationRecord operation, bool needs_approval) {
  const std::int64_t queued = counts_.at(static_cast<std::size_t>(S::kQueued)).load();
  if (queued >= static_cast<std::int64_t>(options_.max_queued)) {
    return Error(ErrorCode::kResourceExhausted, "QUEUE_FULL", "too many operations wait")
        .WithRetryAfter(std::chrono::seconds(10));
  }
  operation.target_id = TargetOf(operation);
  MP_CHECK(CheckNotQuarantined(unit.tx, operation));
  MP_CHECK(unit.EnsureTarget(operation.tenant, operation.cluster_id, operation.cluster_uid, operation.mesh_type));
  if (operation.traits.cluster_wide) {
    MP_CHECK(unit.EnsureTarget(operation.tenant, operation.cluster_id, operation.cluster_uid, kWholeCluster));
  }
  operation.state = needs_approval ? S::kAwaitingApproval : S::kQueued;
  operation.version = 1;
  operation.max_attempts = options_.default_max_attempts;
  operation.created_unix_ms = unit.now();
  operation.updated_unix_ms = unit.now();
  MP_CHECK(unit.tx.InsertOperation(operation));
  MP_CHECK(unit.Event(operation, nullptr, StateEventKind(operation.state), {}));
  unit.Created(operation.state);
  return operation;
}

Result<Submitted> Core::Submit(const OperationRequest& request) {
  MP_CHECK(CheckRequest(request));
  Submitted submitted;
  const Status done = Run("submit", [&](Unit& unit) -> Status {
    submitted = Submitted();
    if (!request.idempotency_key.empty()) {
      MP_TRY(const auto known, unit.tx.FindIdempotency(request.tenant, request.principal, request.idempotency_key));
      if (known && known->expires_unix_ms > unit.now()) {
        if (known->fingerprint != request.fingerprint) {
          return Error(ErrorCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED",
                       "the idempotency key was used for another request")
              .WithMetadata("operation_id", known->operation_id)
              .WithRemediation("Use a new key for a new request.");
        }
        MP_TRY(const auto first, unit.tx.FindOperation(request.tenant, known->operation_id));
        if (first) {
          submitted.operation = *first;
          submitted.replayed = true;
          return {};
        }
      }
    }
    store::OperationRecord operation = FromRequest(request);
    operation.id = NewUuidV7();
    operation.idempotency_key = operation.id;
    const UnixMs start = std::max(unit.now(), request.not_before_unix_ms);
    const auto own = request.traits.max_duration.count() > 0 ? request.traits.max_duration : options_.default_deadline;
    operation.deadline_unix_ms = start + request.deadline.value_or(own).count();
    operation.queue_deadline_unix_ms = start + options_.default_queue_deadline.count();
    MP_TRY(submitted.operation, Insert(unit, std::move(operation), request.needs_approval));
    const bool plan = request.kind == TaskKind::kPlan;
    MP_CHECK(unit.Audit(request.tenant, request.principal, request.request_id,
                        plan ? "Operations.PlanOperation" : "Operations.CreateOperation",
                        "operation/" + submitted.operation.id,
                        {{"type", request.type},
                         {"kind", store::TaskKindName(request.kind)},
                         {"cluster_id", request.cluster_id},
                         {"origin", request.origin},
                         {"reason", request.reason}}));
    if (request.idempotency_key.empty()) return {};
    return unit.tx.PutIdempotency({request.tenant, request.principal, request.idempotency_key, request.fingerprint,
                                   submitted.operation.id, unit.now() + options_.idempotency_retention.count()});
  });
  if (!done) return done.error();
  return submitted;
}

Result<store::OperationRecord> Core::Retry(const Actor& actor, const std::string& operation_id,
                                           const std::string& reason) {
  std::optional<store::OperationRecord> made;
  const Status done = Run("retry", [&](Unit& unit) -> Status {
    MP_TRY(store::OperationRecord operation, GetOperation(unit.tx, actor.tenant, operation_id));
    if (!store::IsFinal(operation.state)) {
      return FailedPrecondition("OPERATION_NOT_FINISHED", "the operation is not finished");
    }
    const store::OperationRecord old = operation;
    const UnixMs budget =
        std::max<UnixMs>(1, old.deadline_unix_ms - std::max(old.created_unix_ms, old.not_before_unix_ms));
    operation = store::OperationRecord();
    operation.id = NewUuidV7();
    operation.tenant = old.tenant;
    operation.kind = old.kind;
    operation.type = old.type;
    operation.cluster_id = old.cluster_id;
    operation.cluster_uid = old.cluster_uid;
    operation.mesh_type = old.mesh_type;
    operation.mesh_id = old.mesh_id;
    operation.mesh_key = old.mesh_key;
    operation.namespace_name = old.namespace_name;
    operation.control_plane_namespace = old.control_plane_namespace;
    operation.revision = old.revision;
    operation.parameters_json = old.parameters_json;
    operation.options_json = old.options_json;
    operation.traits = old.traits;
    operation.plan_digest = old.kind == TaskKind::kPlan ? std::string() : old.plan_digest;
    operation.priority = old.priority;
    operation.principal = actor.principal;
    operation.request_id = actor.request_id;
    operation.reason = reason;
    operation.origin = old.origin;
    operation.retry_of = old.id;
    operation.idempotency_key = old.idempotency_key;
    operation.deadline_unix_ms = unit.now() + std::max<UnixMs>(budget, options_.backoff_base.count());
    operation.queue_deadline_unix_ms = unit.now() + options_.default_queue_deadline.count();
    MP_TRY(made, Insert(unit, std::move(operation), false));
    return unit.Audit(old.tenant, actor.principal, actor.request_id, "Operations.RetryOperation", "operation/" + old.id,
                      {{"operation_id", made->id}, {"reason", reason}});
  });
  if (!done) return done.error();
  return *made;
}

Result<store::OperationRecord> Core::Cancel(const Actor& actor, const std::string& operation_id,
                                            const std::string& reason) {
  std::optional<store::OperationRecord> changed;
  const Status done = Run("cancel", [&](Unit& unit) -> Status {
    MP_TRY(store::OperationRecord operation, GetOperation(unit.tx, actor.tenant, operation_id));
    if (store::IsFinal(operation.state)) {
      return FailedPrecondition("OPERATION_FINISHED", "the operation is already finished");
    }
    const bool asked_before = operation.cancel_requested;
    operation.cancel_requested = true;
    MP_TRY(const auto attempt, unit.tx.FindAttempt(operation.id, operation.last_attempt));
    const nlohmann::json extra = {{"cancelled_by", actor.principal}};
    switch (operation.state) {
      case S::kAwaitingApproval:
      case S::kQueued:
      case S::kBackoff: {
        const TaskError error = CancelledError(operation);
        operation.side_effects = error.side_effects;
        operation.error_json = ToPublicJson(error);
        MP_CHECK(unit.Move(operation, S::kCancelled, Trigger::kCancel, nullptr, extra));
        break;
      }
      case S::kDispatching:
      case S::kRunning:
      case S::kCancelling:
        MP_CHECK(unit.Move(operation, S::kCancelling, Trigger::kCancel, attempt ? &*attempt : nullptr, extra));
        if (attempt) {
          unit.Send(attempt->session_id,
                    CancelRequest{operation.id, attempt->number, reason.substr(0, 256), kCancelGrace});
        }
        break;
      default:
        MP_CHECK(unit.Move(operation, S::kInspecting, Trigger::kCancel, attempt ? &*attempt : nullptr, extra));
        break;
    }
    changed = operation;
    if (asked_before) return {};
    return unit.Audit(operation.tenant, actor.principal, actor.request_id, "Operations.CancelOperation",
                      "operation/" + operation.id, {{"reason", reason}});
  });
  if (!done) return done.error();
  return *changed;
}

Result<store::OperationRecord> Core::Approve(const Actor& actor, const std::string& operation_id, Approval approval) {
  std::optional<store::OperationRecord> changed;
  const Status done = Run("approve", [&](Unit& unit) -> Status {
    MP_TRY(store::OperationRecord operation, GetOperation(unit.tx, actor.tenant, operation_id));
    if (operation.state != S::kAwaitingApproval) {
      return FailedPrecondition("OPERATION_NOT_AWAITING_APPROVAL", "the operation does not wait for approval");
    }
    const bool approved = approval == Approval::kApprove;
    const nlohmann::json extra = {{approved ? "approved_by" : "rejected_by", actor.principal}};
    if (approved) {
      // Waiting for a person does not use up the time of the work.
      const UnixMs start = std::max(operation.created_unix_ms, operation.not_before_unix_ms);
      const UnixMs shift = std::max<UnixMs>(0, unit.now() - start);
      operation.deadline_unix_ms += shift;
      operation.queue_deadline_unix_ms += shift;
      MP_CHECK(unit.Move(operation, S::kQueued, Trigger::kApprove, nullptr, extra));
    } else {
      operation.error_json = ToPublicJson(
          EngineError("APPROVAL_REJECTED", ErrorClass::kCancelled, SideEffects::kNone, "the approval was refused"));
      MP_CHECK(unit.Move(operation, S::kCancelled, Trigger::kReject, nullptr, extra));
    }
    changed = operation;
    return unit.Audit(operation.tenant, actor.principal, actor.request_id, "Operations.ApproveOperation",
                      "operation/" + operation.id, {{"decision", approved ? "approve" : "reject"}});
  });
  if (!done) return done.error();
  return *changed;
}

Result<store::OperationRecord> Core::Resolve(const Actor& actor, const std::string& operation_id, Resolution resolution,
                                             const std::string& note) {
  std::optional<store::OperationRecord> changed;
  const Status done = Run("resolve", [&](Unit& unit) -> Status {
    MP_TRY(store::OperationRecord operation, GetOperation(unit.tx, actor.tenant, operation_id));
    MP_TRY(auto target, unit.tx.FindTarget("", operation.target_id));
    if (!target || target->quarantined_by != operation.id) {
      return FailedPrecondition("OPERATION_NOT_INDETERMINATE", "no target is quarantined because of this operation");
    }
    target->quarantined_by.clear();
    target->updated_unix_ms = unit.now();
    ++target->version;
    MP_CHECK(unit.tx.PutTarget(*target));
    // A writer that is still out there meets a higher fence.
    MP_CHECK(unit.NextFence(operation));
    const std::string name = ResolutionName(resolution);
    if (operation.state == S::kIndeterminate) {
      operation.side_effects = resolution == Resolution::kApplied ? SideEffects::kComplete : SideEffects::kNone;
      operation.error_json = WithResolution(operation.error_json, name, note);
      MP_CHECK(unit.Move(operation, S::kIndeterminate, Trigger::kResolve, nullptr));
    }
    MP_CHECK(unit.Event(operation, nullptr, event_kind::kResolved,
                        {{"resolution", name}, {"resolved_by", actor.principal}}));
    changed = operation;
    return unit.Audit(operation.tenant, actor.principal, actor.request_id, "Operations.ResolveOperation",
                      "operation/" + operation.id, {{"resolution", name}, {"note", note}});
  });
  if (!done) return done.error();
  return *changed;
}

Status Core::ReleaseTarget(const Actor& actor, const std::string& target_id) {
  return Run("release", [&](Unit& unit) -> Status {
    MP_TRY(const auto target, unit.tx.FindTarget(actor.tenant, target_id));
    if (!target) return NotFound("TARGET_UNKNOWN", "there is no such target");
    MP_TRY(const auto holds, unit.tx.ListHolds());
    nlohmann::json released = nlohmann::json::array();
    for (const store::HoldRecord& hold : holds) {
      bool concerned = hold.scope == "target/" + target_id;
      if (!concerned && hold.scope.starts_with(kTypeScope)) {
        // A held type concerns the targets that it was asked for.
        store::OperationQuery query;
        query.type = hold.scope.substr(kTypeScope.size());
        query.target_id = target_id;
        query.limit = 1;
        MP_TRY(const auto asked, unit.tx.ListOperations(query));
        concerned = !asked.empty();
      }
      if (!concerned) continue;
      MP_CHECK(unit.tx.DeleteHold(hold.scope));
      MP_CHECK(unit.PlainEvent(target->tenant, hold.scope, event_kind::kTargetReleased,
                               {{"scope", hold.scope}, {"released_by", actor.principal}}));
      released.push_back(hold.scope);
    }
    return unit.Audit(target->tenant, actor.principal, actor.request_id, "Targets.ReleaseTarget", "target/" + target_id,
                      {{"holds", released}});
  });
}

}  // namespace meshplay::engine::internal
