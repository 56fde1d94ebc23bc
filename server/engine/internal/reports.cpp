#include <algorithm>

#include "libs/base/failpoint.h"
#include "server/engine/events.h"
#include "server/engine/internal/core.h"
#include "server/engine/task_error.h"
#include "server/store/operation_states.h"

namespace meshplay::engine::internal {
namespace {

using S = store::OperationState;

constexpr std::chrono::hours kMaxStepTimeout{1};

bool IsRunningState(S state) {
  return state == S::kDispatching || state == S::kRunning || state == S::kCancelling || state == S::kInspecting;
}

/// Phases as they are stored: FINISHED belongs to results, and nothing falls back below the barrier.
AttemptPhase NextPhase(AttemptPhase stored, AttemptPhase reported) {
  if (reported == AttemptPhase::kUnspecified || reported >= AttemptPhase::kFinished) return stored;
  if (stored >= AttemptPhase::kMutating && reported < AttemptPhase::kMutating) return stored;
  return reported;
}

bool HasNews(const TaskUpdate& update, const store::AttemptRecord& attempt) {
  return !update.diagnostics.empty() || !update.changes.empty() || update.checkpoint.has_value() ||
         !update.steps.empty() || NextPhase(attempt.phase, update.phase) != attempt.phase;
}

Error SessionUnknown() {
  return FailedPrecondition("SESSION_UNKNOWN", "the session is not open");
}

}  // namespace

Result<Core::Reported> Core::Look(Unit& unit, const SessionView& session, const std::string& operation_id,
                                  std::uint32_t attempt, std::uint64_t fence) {
  Reported found;
  MP_TRY(found.operation, unit.tx.FindOperation("", operation_id));
  if (!found.operation) return found;
  MP_TRY(found.attempt, unit.tx.FindAttempt(operation_id, attempt));
  if (!found.attempt) return found;
  const bool newest = found.operation->last_attempt == attempt && found.attempt->fence == fence &&
                      found.attempt->adapter_id == session.adapter_id &&
                      found.attempt->session_id == session.session_id && IsRunningState(found.operation->state) &&
                      found.attempt->phase != AttemptPhase::kFinished;
  found.current = newest && found.attempt->ended_unix_ms == 0;
  found.late = newest && found.attempt->ended_unix_ms != 0 && found.operation->state == S::kInspecting;
  return found;
}

Status Core::Accept(Unit& unit, Reported& found) {
  store::OperationRecord& operation = *found.operation;
  store::AttemptRecord& attempt = *found.attempt;
  if (attempt.phase == AttemptPhase::kUnspecified) {
    attempt.phase = AttemptPhase::kAccepted;
    MP_CHECK(unit.tx.PutAttempt(attempt));
  }
  unit.AfterCommit([id = operation.id, number = attempt.number](SessionBook& book) { book.Accept(id, number, false); });
  if (operation.state == S::kDispatching) return unit.Move(operation, S::kRunning, Trigger::kAccepted, &attempt);
  if (operation.state == S::kCancelling) {
    // The wish may have overtaken the offer on its way.
    unit.Send(attempt.session_id,
              CancelRequest{operation.id, attempt.number, "cancellation was asked for", kCancelGrace});
    return unit.Move(operation, S::kCancelling, Trigger::kAccepted, &attempt);
  }
  return {};
}

Status Core::Reject(Unit& unit, Reported& found, TaskError error) {
  store::OperationRecord& operation = *found.operation;
  store::AttemptRecord& attempt = *found.attempt;
  if (attempt.kind == TaskKind::kInspect) return InspectionFailed(unit, operation, attempt, error, "REJECTED");
  error.side_effects = SideEffects::kNone;
  Failure failure{error, attempt.kind, attempt.phase, operation.traits.idempotency, false};
  Decision decision = Decide(failure);
  if (decision.action == Action::kRetry && !decision.counted && !decision.after) decision.after = kDefaultReturnDelay;
  const bool returned = decision.action == Action::kRetry;
  MP_CHECK(unit.EndAttempt(attempt, returned ? "RETURNED" : "REJECTED"));
  if (operation.state == S::kCancelling) {
    // Never started; what the rejection says of the target still holds.
    decision.action = Action::kCancel;
    return Conclude(unit, operation, attempt, decision, error, Trigger::kOfferRejected);
  }
  if (decision.action == Action::kInspect) {
    return Conclude(unit, operation, attempt, decision, error, Trigger::kFenced);
  }
  if (!returned) decision.action = Action::kFail;
  return Conclude(unit, operation, attempt, decision, error,
                  returned ? Trigger::kOfferReturned : Trigger::kOfferRejected);
}

Status Core::HandleOfferReply(const std::string& session_id, const OfferReply& reply) {
  const auto session = book_.FindSession(session_id);
  if (!session) return SessionUnknown();
  return Run("offer_reply", [&](Unit& unit) -> Status {
    MP_TRY(Reported found, Look(unit, *session, reply.operation_id, reply.attempt, reply.fence));
    if (!found.current) {
      if (reply.answer != OfferAnswer::kRejected) {
        unit.Send(session_id, TaskDirective{reply.operation_id, reply.attempt, Directive::kAbandon, 0});
      }
      return {};
    }
    if (reply.answer == OfferAnswer::kRejected) {
      // After an acceptance a rejection is noise: the attempt ends by its result.
      if (found.attempt->phase != AttemptPhase::kUnspecified) return {};
      return Reject(unit, found, reply.rejected);
    }
    if (reply.answer == OfferAnswer::kAlreadyFinished) {
      unit.AfterCommit(
          [id = reply.operation_id, number = reply.attempt](SessionBook& book) { book.Accept(id, number, true); });
    }
    return Accept(unit, found);
  });
}

Status Core::StoreParts(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt,
                        const std::vector<StepRecord>& steps, const std::vector<ObjectOutcomeRecord>& changes,
                        const std::vector<DiagnosticRecord>& diagnostics) {
  if (!steps.empty()) {
    MP_TRY(const auto known, unit.tx.ListSteps(operation.id, attempt.number));
    std::vector<StepRecord> rows = steps;
    for (StepRecord& step : rows) {
      const auto before = std::find_if(known.begin(), known.end(),
                                       [&](const StepRecord& candidate) { return candidate.index == step.index; });
      step.started_unix_ms = before != known.end() ? before->started_unix_ms : 0;
      step.ended_unix_ms = before != known.end() ? before->ended_unix_ms : 0;
      const bool ended = step.state == "DONE" || step.state == "SKIPPED" || step.state == "FAILED";
      if (step.started_unix_ms == 0 && step.state != "PENDING" && step.state != "SKIPPED") {
        step.started_unix_ms = unit.now();
      }
      if (step.ended_unix_ms == 0 && ended) step.ended_unix_ms = unit.now();
      if (before != known.end() && before->state == step.state && before->text == step.text) continue;
      MP_CHECK(unit.Event(operation, &attempt, event_kind::kStep, StepBody(step)));
    }
    MP_CHECK(unit.tx.PutSteps(operation.id, attempt.number, rows));
  }
  if (!changes.empty()) {
    MP_CHECK(unit.tx.AddOutcomes(operation.id, attempt.number, changes));
    MP_CHECK(unit.Event(operation, &attempt, event_kind::kChange, ChangesBody(changes)));
  }
  if (diagnostics.empty()) return {};
  return unit.tx.AddDiagnostics(operation.id, attempt.number, diagnostics);
}

Status Core::HandleUpdate(const std::string& session_id, const TaskUpdate& update) {
  const auto session = book_.FindSession(session_id);
  if (!session) return SessionUnknown();
  if (update.phase >= AttemptPhase::kMutating) MP_CHECK(Failpoint("engine.barrier.before_commit"));
  return Run("update", [&](Unit& unit) -> Status {
    MP_TRY(Reported found, Look(unit, *session, update.operation_id, update.attempt, update.fence));
    const auto direct = [&](Directive directive, std::uint64_t resend_from) {
      unit.Send(session_id, TaskDirective{update.operation_id, update.attempt, directive, resend_from});
      return Status();
    };
    if (!found.operation) {
      MP_CHECK(RecordOrphan(unit, session->adapter_id,
                            {update.operation_id, update.attempt, update.fence, update.phase, update.seq}));
      return direct(Directive::kAbandon, 0);
    }
    if (!found.current) {
      const bool finished =
          found.attempt && found.attempt->fence == update.fence && found.attempt->phase == AttemptPhase::kFinished;
      if (!finished) return direct(Directive::kAbandon, 0);
      unit.Send(session_id, TaskAck{update.operation_id, update.attempt, found.attempt->last_seq, true});
      return {};
    }
    store::OperationRecord& operation = *found.operation;
    store::AttemptRecord& attempt = *found.attempt;
    const bool below_barrier = attempt.phase < AttemptPhase::kMutating;
    const bool crossing = below_barrier && NextPhase(attempt.phase, update.phase) >= AttemptPhase::kMutating;
    if (update.seq <= attempt.last_seq) {
      unit.Send(session_id, TaskAck{operation.id, attempt.number, attempt.last_seq, false});
      return {};
    }
    // The cancel won before the barrier: nothing from here on is acknowledged, whatever its seq.
    if (operation.state == S::kCancelling && below_barrier && (crossing || update.seq != attempt.last_seq + 1)) {
      return direct(Directive::kCancel, 0);
    }
    if (update.seq != attempt.last_seq + 1) return direct(Directive::kContinue, attempt.last_seq + 1);
    if (crossing && unit.now() >= operation.deadline_unix_ms) return direct(Directive::kCancel, 0);

    if (attempt.phase == AttemptPhase::kUnspecified) MP_CHECK(Accept(unit, found));
    const bool news = HasNews(update, attempt);
    const auto watch = book_.Find(operation.id);
    const BootTime now = clock_.NowBoot();
    const bool new_phase = NextPhase(attempt.phase, update.phase) != attempt.phase;
    const bool show = new_phase || !watch || !watch->progress_shown || now >= *watch->progress_shown + kProgressEvery;
    attempt.last_seq = update.seq;
    attempt.phase = NextPhase(attempt.phase, update.phase);
    if (update.checkpoint) attempt.checkpoint = *update.checkpoint;
    const auto asked = std::min<std::chrono::milliseconds>(update.step_timeout, kMaxStepTimeout);
    attempt.step_timeout = std::max(asked, options_.default_step_timeout);
    MP_CHECK(unit.tx.PutAttempt(attempt));
    MP_CHECK(StoreParts(unit, operation, attempt, update.steps, update.changes, update.diagnostics));
    const bool told = update.progress_done != 0 || update.progress_total != 0 || !update.progress_text.empty();
    // A new phase is told at once, with the progress as it stands.
    const bool progress = told || new_phase;
    unit.AfterCommit([id = operation.id, number = attempt.number, timeout = attempt.step_timeout](SessionBook& book) {
      book.SetStepTimeout(id, number, timeout);
    });
    if (progress && show) {
      if (told) {
        operation.progress_done = update.progress_done;
        operation.progress_total = update.progress_total;
        operation.progress_text = update.progress_text;
      }
      MP_CHECK(unit.Event(operation, &attempt, event_kind::kProgress,
                          ProgressBody(operation.progress_done, operation.progress_total, operation.progress_text)));
      unit.AfterCommit(
          [id = operation.id, number = attempt.number, now](SessionBook& book) { book.SetProgress(id, number, now); });
    } else if (progress) {
      unit.AfterCommit([update](SessionBook& book) {
        book.KeepProgress(update.operation_id, update.attempt, update.progress_done, update.progress_total,
                          update.progress_text);
      });
    }
    if (news || (progress && show)) MP_CHECK(unit.Move(operation, operation.state, Trigger::kUpdate, &attempt));
    unit.Send(session_id, TaskAck{operation.id, attempt.number, attempt.last_seq, false});
    return {};
  });
}

Status Core::HandleCancelReply(const std::string& session_id, const std::string& operation_id, std::uint32_t attempt,
                               bool stopping) {
  const auto session = book_.FindSession(session_id);
  if (!session) return SessionUnknown();
  if (stopping) return {};
  return Run("cancel_reply", [&](Unit& unit) -> Status {
    MP_TRY(const auto stored, unit.tx.FindAttempt(operation_id, attempt));
    if (!stored) return {};
    MP_TRY(Reported found, Look(unit, *session, operation_id, attempt, stored->fence));
    // Before the acceptance it is the answer to a wish that overtook the offer.
    if (!found.current || found.operation->state != S::kCancelling ||
        found.attempt->phase == AttemptPhase::kUnspecified) {
      return {};
    }
    return unit.Move(*found.operation, S::kRunning, Trigger::kCancelRefused, &*found.attempt);
  });
}

}  // namespace meshplay::engine::internal
