#include "server/engine/events.h"
#include "server/engine/internal/conformance_rows.h"
#include "server/engine/internal/core.h"
#include "server/engine/task_error.h"
#include "server/store/operation_states.h"

namespace meshplay::engine::internal {
namespace {

using S = store::OperationState;

bool EndedWithBug(const store::AttemptRecord& attempt) {
  return attempt.outcome == "FAILED_BUG";
}

const char* OutcomeText(const TaskResult& result) {
  if (result.outcome == Outcome::kSucceeded) return "SUCCEEDED";
  if (result.outcome == Outcome::kCancelled) return "CANCELLED";
  const bool bug = result.error.error_class == ErrorClass::kBug || result.error.reason == "INTERNAL";
  return bug ? "FAILED_BUG" : "FAILED";
}

/// The error to decide by: an outcome without a name is a failure of which nothing is known.
TaskError ErrorOf(const TaskResult& result) {
  TaskError error = result.error;
  if (result.outcome == Outcome::kUnspecified) error.side_effects = SideEffects::kUnknown;
  if (result.outcome == Outcome::kCancelled && error.reason.empty()) {
    error.reason = "CANCELLED";
    error.error_class = ErrorClass::kCancelled;
  }
  return error;
}

}  // namespace

Status Core::HandleResult(const std::string& session_id, const TaskResult& result) {
  const auto session = book_.FindSession(session_id);
  if (!session) return FailedPrecondition("SESSION_UNKNOWN", "the session is not open");
  // Adapter documents are parsed here, not on the writer's thread.
  const std::string result_json = ResultJson(result);
  auto [conformance, cases] = ConformanceRows(result.conformance_json);
  return Run("result", [&, &run = conformance, &run_cases = cases](Unit& unit) -> Status {
    MP_TRY(Reported found, Look(unit, *session, result.operation_id, result.attempt, result.fence));
    const auto finished = [&](std::uint64_t seq) {
      unit.Send(session_id, TaskAck{result.operation_id, result.attempt, seq, true});
      return Status();
    };
    if (!found.operation) {
      MP_CHECK(RecordOrphan(unit, session->adapter_id,
                            {result.operation_id, result.attempt, result.fence, AttemptPhase::kFinished, result.seq}));
      return finished(result.seq);
    }
    if (!found.current && !found.late) {
      const bool known = found.attempt && found.attempt->adapter_id == session->adapter_id;
      if (known && found.attempt->phase != AttemptPhase::kFinished && found.attempt->late_result_json.empty()) {
        found.attempt->late_result_json = LateResultJson(result, unit.now());
        MP_CHECK(unit.tx.PutAttempt(*found.attempt));
      }
      return finished(result.seq);
    }
    store::OperationRecord& operation = *found.operation;
    store::AttemptRecord& attempt = *found.attempt;
    const auto watch = book_.Find(operation.id);
    const bool any_seq = found.late || (watch && watch->already_finished) ||
                         (operation.state == S::kCancelling && attempt.phase < AttemptPhase::kMutating);
    if (!any_seq && result.seq > attempt.last_seq + 1) {
      unit.Send(session_id, TaskDirective{operation.id, attempt.number, Directive::kContinue, attempt.last_seq + 1});
      return {};
    }
    if (operation.state == S::kDispatching) MP_CHECK(Accept(unit, found));
    const AttemptPhase reached = attempt.phase;
    attempt.last_seq = std::max(attempt.last_seq, result.seq);
    attempt.phase = AttemptPhase::kFinished;
    MP_CHECK(StoreParts(unit, operation, attempt, result.steps, result.changes, result.diagnostics));
    MP_CHECK(finished(attempt.last_seq));
    if (attempt.kind == TaskKind::kInspect) return EndInspection(unit, operation, attempt, result);

    MP_CHECK(unit.EndAttempt(attempt, OutcomeText(result)));
    if (!result_json.empty()) operation.result_json = result_json;
    if (operation.kind == TaskKind::kConformance && !result.conformance_json.empty()) {
      run.operation_id = operation.id;
      MP_CHECK(unit.tx.PutConformance(run, run_cases));
    }
    if (result.outcome == Outcome::kSucceeded) {
      if (operation.kind == TaskKind::kPlan && !result.plan_digest.empty()) {
        operation.plan_digest = result.plan_digest;
        MP_CHECK(unit.tx.PutPlan({result.plan_digest, operation.id, result.plan_json}));
      }
      Decision done;
      done.action = Action::kSucceed;
      done.side_effects = operation.kind == TaskKind::kApply ? SideEffects::kComplete : SideEffects::kNone;
      return Conclude(unit, operation, attempt, done, {}, Trigger::kResult);
    }
    Failure failure{ErrorOf(result), attempt.kind, reached, operation.traits.idempotency, false};
    MP_TRY(const auto attempts, unit.tx.ListAttempts(operation.id));
    for (const store::AttemptRecord& earlier : attempts) {
      if (earlier.number != attempt.number && EndedWithBug(earlier)) failure.bug_before = true;
    }
    Decision decision = Decide(failure);
    if (result.outcome == Outcome::kCancelled) {
      // The adapter stopped because it was told to: nothing is retried, unless nobody can tell what remained.
      const bool unknown = decision.side_effects == SideEffects::kUnknown;
      decision.action = unknown ? Action::kInspect : Action::kCancel;
      if (failure.error.reason == "ROLLBACK_FAILED") decision.action = Action::kIndeterminate;
    }
    return Conclude(unit, operation, attempt, decision, failure.error, Trigger::kResult);
  });
}

}  // namespace meshplay::engine::internal
