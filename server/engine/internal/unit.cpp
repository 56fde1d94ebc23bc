#include "server/engine/internal/unit.h"

#include <algorithm>

#include "libs/base/ids.h"
#include "server/engine/events.h"
#include "server/engine/retry_rules.h"
#include "server/store/operation_states.h"

namespace meshplay::engine::internal {

std::string TargetId(const std::string& cluster_uid, const std::string& mesh_type) {
  return DeriveUuid({"target", cluster_uid, mesh_type});
}

std::string ServingTargetId(const store::OperationRecord& operation) {
  return operation.traits.cluster_wide ? TargetId(operation.cluster_uid, operation.mesh_type) : operation.target_id;
}

Status Unit::Move(store::OperationRecord& operation, store::OperationState to, Trigger trigger,
                  const store::AttemptRecord* attempt, const nlohmann::json& extra) {
  const store::OperationState from = operation.state;
  if (!IsAllowed(from, to, trigger)) {
    return Internal("TRANSITION_UNKNOWN", "no transition from " + std::string(store::OperationStateName(from)) +
                                              " to " + std::string(store::OperationStateName(to)) + " by " +
                                              std::string(TriggerName(trigger)));
  }
  operation.state = to;
  operation.updated_unix_ms = now_;
  MP_CHECK(tx.UpdateOperation(operation));
  if (from == to) return {};
  MP_CHECK(Event(operation, attempt, StateEventKind(to), extra));
  effects_.moves.emplace_back(from, to);
  if (!store::IsFinal(to)) return {};
  effects_.finished.push_back(operation.id);
  if (!TakesLock(operation.kind)) return {};
  return tx.Unlock(operation.target_id, operation.id);
}

Status Unit::Event(const store::OperationRecord& operation, const store::AttemptRecord* attempt, std::string_view kind,
                   const nlohmann::json& extra) {
  auto seq = tx.AddEvent(OperationEvent(operation, attempt, kind, extra, now_));
  if (!seq) return std::move(seq).error();
  return {};
}

Status Unit::PlainEvent(const std::string& tenant, const std::string& subject, std::string_view kind,
                        const nlohmann::json& body) {
  auto seq = tx.AddEvent(engine::PlainEvent(tenant, subject, kind, body, now_));
  if (!seq) return std::move(seq).error();
  return {};
}

Status Unit::Audit(const std::string& tenant, const std::string& principal, const std::string& request_id,
                   const std::string& action, const std::string& object, const nlohmann::json& detail) {
  store::AuditRecord audit;
  audit.tenant = tenant;
  audit.principal = principal;
  audit.action = action;
  audit.object = object;
  audit.decision = "allowed";
  audit.request_id = request_id;
  audit.detail_json = Dump(detail);
  audit.time_unix_ms = now_;
  return tx.AddAudit(audit);
}

Status Unit::EndAttempt(store::AttemptRecord& attempt, const std::string& outcome) {
  attempt.outcome = outcome;
  attempt.ended_unix_ms = now_;
  AfterCommit([id = attempt.operation_id, number = attempt.number](SessionBook& book) { book.Erase(id, number); });
  return tx.PutAttempt(attempt);
}

Result<store::TargetRecord> Unit::EnsureTarget(const std::string& tenant, const std::string& cluster_id,
                                               const std::string& cluster_uid, const std::string& mesh_type) {
  const std::string id = TargetId(cluster_uid, mesh_type);
  MP_TRY(const auto found, tx.FindTarget("", id));
  if (found) return *found;
  store::TargetRecord target;
  target.id = id;
  target.tenant = tenant;
  target.cluster_id = cluster_id;
  target.cluster_uid = cluster_uid;
  target.mesh_type = mesh_type;
  target.version = 1;
  target.created_unix_ms = now_;
  target.updated_unix_ms = now_;
  MP_CHECK(tx.PutTarget(target));
  return target;
}

Result<std::uint64_t> Unit::NextFence(const store::OperationRecord& operation) {
  MP_TRY(store::TargetRecord own, EnsureTarget(operation.tenant, operation.cluster_id, operation.cluster_uid,
                                               operation.traits.cluster_wide ? kWholeCluster : operation.mesh_type));
  std::uint64_t fence = own.fence;
  if (operation.traits.cluster_wide) {
    // The adapter compares with the fences it saw for its mesh on that cluster, so cluster-wide work must top these.
    MP_TRY(store::TargetRecord mesh,
           EnsureTarget(operation.tenant, operation.cluster_id, operation.cluster_uid, operation.mesh_type));
    fence = std::max(fence, mesh.fence);
    mesh.fence = fence + 1;
    mesh.updated_unix_ms = now_;
    ++mesh.version;
    MP_CHECK(tx.PutTarget(mesh));
  }
  own.fence = fence + 1;
  own.updated_unix_ms = now_;
  ++own.version;
  MP_CHECK(tx.PutTarget(own));
  return own.fence;
}

Status Unit::RaiseFence(const store::OperationRecord& operation, std::uint64_t seen) {
  MP_TRY(auto target, tx.FindTarget("", operation.target_id));
  if (!target || target->fence >= seen) return {};
  target->fence = seen;
  target->updated_unix_ms = now_;
  ++target->version;
  return tx.PutTarget(*target);
}

Status Unit::Quarantine(const store::OperationRecord& operation, const std::string& reason) {
  MP_TRY(store::TargetRecord target, EnsureTarget(operation.tenant, operation.cluster_id, operation.cluster_uid,
                                                  operation.traits.cluster_wide ? kWholeCluster : operation.mesh_type));
  if (!target.quarantined_by.empty()) return {};
  target.quarantined_by = operation.id;
  target.updated_unix_ms = now_;
  ++target.version;
  MP_CHECK(tx.PutTarget(target));
  return PlainEvent(
      target.tenant, "target/" + target.id, event_kind::kTargetQuarantined,
      {{"id", target.id}, {"operation_id", operation.id}, {"cluster_id", target.cluster_id}, {"reason", reason}});
}

Status Unit::Hold(const std::string& tenant, const std::string& scope, const std::string& reason,
                  const std::string& message) {
  MP_CHECK(tx.PutHold({scope, reason, message, now_}));
  return PlainEvent(tenant, scope, event_kind::kTargetHeld,
                    {{"scope", scope}, {"reason", reason}, {"message", message}});
}

Status Unit::UnlockUnlessTouched(const store::OperationRecord& operation) {
  const bool untouched =
      operation.side_effects == SideEffects::kUnspecified || operation.side_effects == SideEffects::kNone;
  if (!untouched || !TakesLock(operation.kind)) return {};
  return tx.Unlock(operation.target_id, operation.id);
}

}  // namespace meshplay::engine::internal
