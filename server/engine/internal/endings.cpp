#include <algorithm>
#include <charconv>

#include "libs/base/log.h"
#include "server/engine/events.h"
#include "server/engine/internal/core.h"
#include "server/engine/task_error.h"
#include "server/store/operation_states.h"

namespace meshplay::engine::internal {
namespace {

using S = store::OperationState;

constexpr std::chrono::minutes kCrashWindow{10};
constexpr std::size_t kCrashesToHold = 3;
constexpr std::size_t kCrashTargetsToHold = 2;
constexpr std::size_t kRememberedAttempts = 10'000;

std::uint64_t SeenFence(const TaskError& error) {
  const auto found = error.metadata.find("seen");
  if (found == error.metadata.end()) return 0;
  std::uint64_t seen = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [stop, code] = std::from_chars(found->second.data(), end, seen);
  return code == std::errc() && stop == end ? seen : 0;
}

bool Touched(SideEffects effects) {
  return effects == SideEffects::kPartial || effects == SideEffects::kUnknown;
}

/// What a person can do about an operation that stopped half way.
void AdviseInverse(const store::OperationRecord& operation, TaskError& error) {
  if (!error.remediation.empty() || !Touched(operation.side_effects)) return;
  error.remediation = operation.traits.inverse_type.empty()
                          ? "Part of the operation took effect; run it again or undo it by hand."
                          : "Part of the operation took effect; run " + operation.traits.inverse_type + " to undo it.";
}

}  // namespace

/// Turns a decision into the operation's next state. The attempt has its outcome already.
Status Core::Conclude(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt, Decision decision,
                      TaskError error, Trigger trigger) {
  // An inspection looks at the target itself, so its answer replaces what was known; a report adds to it.
  operation.side_effects = trigger == Trigger::kInspected
                               ? decision.side_effects
                               : CombineEffects(operation.side_effects, decision.side_effects);
  if (decision.raise_fence) MP_CHECK(unit.RaiseFence(operation, SeenFence(error)));
  if (decision.hold_target) {
    MP_CHECK(unit.Hold(operation.tenant, "target/" + operation.target_id, error.reason, error.message.substr(0, 1024)));
  }
  if (decision.quarantine_target) MP_CHECK(unit.Quarantine(operation, error.reason));
  if (decision.action == Action::kRetry && operation.cancel_requested) decision.action = Action::kCancel;

  std::chrono::milliseconds delay{0};
  if (decision.action == Action::kRetry) {
    delay = RetryDelay(operation, decision);
    if (!decision.counted && operation.attempts > 0) --operation.attempts;
    const bool used_up = decision.counted && operation.attempts >= operation.max_attempts;
    const bool too_late = unit.now() + delay.count() >= operation.deadline_unix_ms;
    if (used_up || too_late) {
      decision.action = Action::kFail;
      error.metadata["attempts"] = std::to_string(operation.attempts);
      error.metadata["given_up"] = used_up ? "attempts used up" : "deadline";
    }
  }
  error.side_effects = operation.side_effects;

  switch (decision.action) {
    case Action::kRetry: {
      operation.not_before_unix_ms = unit.now() + delay.count();
      operation.error_json = ToPublicJson(error);
      MP_CHECK(unit.UnlockUnlessTouched(operation));
      const nlohmann::json extra = {{"not_before_unix_ms", operation.not_before_unix_ms}};
      if (operation.state != S::kDispatching) return unit.Move(operation, S::kBackoff, trigger, &attempt, extra);
      operation.queue_deadline_unix_ms = operation.deadline_unix_ms;
      return unit.Move(operation, S::kQueued, Trigger::kOfferReturned, &attempt, extra);
    }
    case Action::kInspect:
      operation.error_json = ToPublicJson(error);
      operation.not_before_unix_ms = unit.now();
      return unit.Move(operation, S::kInspecting, operation.state == S::kInspecting ? Trigger::kUpdate : trigger,
                       &attempt);
    case Action::kFail:
      AdviseInverse(operation, error);
      operation.error_json = ToPublicJson(error);
      return unit.Move(operation, S::kFailed, trigger, &attempt);
    case Action::kCancel:
      if (error.reason != "CANCELLED") {
        error =
            EngineError("CANCELLED", ErrorClass::kCancelled, operation.side_effects, "cancelled before it finished");
      }
      AdviseInverse(operation, error);
      operation.error_json = ToPublicJson(error);
      return unit.Move(operation, S::kCancelled, trigger, &attempt);
    case Action::kSucceed:
      operation.error_json.clear();
      return unit.Move(operation, S::kSucceeded, trigger, &attempt);
    case Action::kIndeterminate:
      if (error.remediation.empty()) {
        error.remediation = "Look at the target, then resolve the operation as applied, not_applied or cleaned.";
      }
      operation.error_json = ToPublicJson(error);
      MP_CHECK(unit.Quarantine(operation, error.reason));
      return unit.Move(operation, S::kIndeterminate, trigger, &attempt);
  }
  return Internal("INTERNAL_BUG", "a decision without an action");
}

Status Core::Lose(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt, LostCause cause) {
  static constexpr std::array kCauses{"lease_over", "process_replaced", "not_listed", "no_reply", "session_gone"};
  const bool inspection = attempt.kind == TaskKind::kInspect;
  const SideEffects effects =
      inspection ? SideEffects::kNone : KnownEffects(attempt.kind, attempt.phase, SideEffects::kUnknown);
  MP_CHECK(unit.EndAttempt(attempt, "LOST"));
  const std::string session_id = attempt.session_id;
  unit.Send(session_id, TaskDirective{operation.id, attempt.number, Directive::kAbandon, 0});
  MP_CHECK(unit.Event(
      operation, &attempt, event_kind::kAttemptLost,
      {{"cause", kCauses.at(static_cast<std::size_t>(cause))}, {"side_effects", store::SideEffectsName(effects)}}));
  if (operation.state == S::kInspecting) {
    // Past the deadline the time for inspections does not grow any more.
    const bool in_time = unit.now() < operation.deadline_unix_ms;
    if (inspection && in_time) operation.not_before_unix_ms = unit.now();
    return unit.Move(operation, S::kInspecting, Trigger::kUpdate, &attempt);
  }
  const bool offered_only = operation.state == S::kDispatching;
  const Trigger trigger = offered_only ? Trigger::kOfferReturned : Trigger::kLost;
  if (effects != SideEffects::kNone) {
    operation.side_effects = SideEffects::kUnknown;
    operation.not_before_unix_ms = unit.now();
    operation.error_json = ToPublicJson(EngineError("CRASHED", ErrorClass::kUnknownOutcome, SideEffects::kUnknown,
                                                    "the adapter went away while it was changing the target"));
    return unit.Move(operation, S::kInspecting, trigger, &attempt);
  }
  operation.side_effects = CombineEffects(operation.side_effects, SideEffects::kNone);
  TaskError error = EngineError("CRASHED", ErrorClass::kUnknownOutcome, operation.side_effects,
                                "the adapter went away before it changed anything");
  if (operation.state == S::kCancelling || operation.cancel_requested) {
    error = EngineError("CANCELLED", ErrorClass::kCancelled, operation.side_effects, "cancelled before it finished");
    AdviseInverse(operation, error);
    operation.error_json = ToPublicJson(error);
    return unit.Move(operation, S::kCancelled, trigger, &attempt);
  }
  operation.error_json = ToPublicJson(error);
  if (operation.attempts >= operation.max_attempts) return unit.Move(operation, S::kFailed, trigger, &attempt);
  // A lost attempt goes back at once; an unanswered offer waits, or a deaf adapter would be asked in a loop.
  operation.not_before_unix_ms =
      unit.now() + (cause == LostCause::kNoReply ? RetryDelay(operation, Decision()).count() : 0);
  operation.queue_deadline_unix_ms = operation.deadline_unix_ms;
  MP_CHECK(unit.UnlockUnlessTouched(operation));
  return unit.Move(operation, S::kQueued, trigger, &attempt);
}

Status Core::EndInspection(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt,
                           const TaskResult& result) {
  if (result.outcome != Outcome::kSucceeded) {
    const bool cancelled = result.outcome == Outcome::kCancelled;
    return InspectionFailed(unit, operation, attempt, result.error, cancelled ? "CANCELLED" : "FAILED");
  }
  const Inspection inspection = result.inspection.value_or(Inspection{Effect::kUnknown, 0});
  MP_CHECK(unit.EndAttempt(attempt, "SUCCEEDED"));
  MP_CHECK(unit.RaiseFence(operation, inspection.fence_on_target));
  const Decision decision =
      DecideInspected(inspection.effect, operation.traits.idempotency, operation.cancel_requested);
  TaskError error = EngineError("CRASHED", ErrorClass::kUnknownOutcome, decision.side_effects,
                                "an attempt ended without a result; the target was inspected");
  const nlohmann::json before = ParseStored(operation.error_json);
  if (before.is_object() && before.contains("reason")) error.reason = before.value("reason", error.reason);
  return Conclude(unit, operation, attempt, decision, error, Trigger::kInspected);
}

Status Core::InspectionFailed(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt,
                              const TaskError& error, const std::string& outcome) {
  MP_CHECK(unit.EndAttempt(attempt, outcome));
  if (error.reason == "FENCED") MP_CHECK(unit.RaiseFence(operation, SeenFence(error)));
  Failure failure;
  failure.error = error;
  failure.error.side_effects = SideEffects::kNone;
  failure.kind = TaskKind::kInspect;
  Decision decision = Decide(failure);
  if (decision.hold_target) {
    MP_CHECK(unit.Hold(operation.tenant, "target/" + operation.target_id, error.reason, error.message.substr(0, 1024)));
  }
  if (decision.quarantine_target) decision.action = Action::kFail;
  const bool again =
      decision.action == Action::kRetry || decision.action == Action::kInspect || decision.action == Action::kCancel;
  const std::chrono::milliseconds delay = RetryDelay(operation, decision);
  if (again && unit.now() + delay.count() < operation.deadline_unix_ms) {
    operation.not_before_unix_ms = unit.now() + delay.count();
    return unit.Move(operation, S::kInspecting, Trigger::kUpdate, &attempt);
  }
  decision.action = Action::kIndeterminate;
  decision.side_effects = SideEffects::kUnknown;
  return Conclude(unit, operation, attempt, decision, error, Trigger::kInspected);
}

/// A type that kills its adapter again and again on several targets is held, so that it takes down nothing else.
Status Core::NoteCrash(Unit& unit, const store::OperationRecord& operation, const store::AttemptRecord& attempt) {
  const std::lock_guard lock(crashes_mutex_);
  const std::string key = operation.id + "/" + std::to_string(attempt.number);
  if (crashed_attempts_.size() >= kRememberedAttempts) crashed_attempts_.clear();
  if (!crashed_attempts_.insert(key).second) return {};
  const BootTime now = clock_.NowBoot();
  while (!crashes_.empty() && crashes_.front().when + kCrashWindow < now) crashes_.pop_front();
  crashes_.push_back({operation.type, operation.target_id, now});
  std::size_t count = 0;
  std::set<std::string> targets;
  for (const Crash& crash : crashes_) {
    if (crash.type != operation.type) continue;
    ++count;
    targets.insert(crash.target_id);
  }
  if (count < kCrashesToHold || targets.size() < kCrashTargetsToHold) return {};
  LogWarning("operation type held: its adapters crash", {{"type", operation.type}});
  return unit.Hold(operation.tenant, "type/" + operation.type, "TYPE_CRASHES",
                   "adapters crashed while they ran this type on several targets");
}

}  // namespace meshplay::engine::internal
