#include <algorithm>
#include <cstdlib>

#include "libs/base/log.h"
#include "server/engine/events.h"
#include "server/engine/internal/core.h"
#include "server/engine/task_error.h"
#include "server/store/operation_states.h"

namespace meshplay::engine::internal {
namespace {

using S = store::OperationState;

constexpr std::int64_t kJumpMs = 5'000;
constexpr std::uint32_t kTimedOutPage = 500;
constexpr std::uint32_t kShiftPage = 1'000;
constexpr std::chrono::milliseconds kRetryStore{1'000};
constexpr std::chrono::milliseconds kLookAgain{100};

void Earlier(std::optional<BootTime>& wake, BootTime moment) {
  if (!wake || moment < *wake) wake = moment;
}

}  // namespace

Core::Pass Core::Step() {
  Pass pass;
  const BootTime now = clock_.NowBoot();
  if (store_.Health() != store::StoreHealth::kOk) {
    // Nothing can be committed, so nothing may be decided; leases are renewed in memory meanwhile.
    book_.ExtendAll(now);
    pass.wake = now + kRetryStore;
    planned_wake_ = pass.wake;
    return pass;
  }
  NoticeOwnStall(now);
  if (const Status shifted = ShiftOnJump(); !shifted) {
    LogWarning("deadlines not shifted", {{log_key::kReason, shifted.error().reason()}});
    pass.wake = now + kRetryStore;
    planned_wake_ = pass.wake;
    return pass;
  }
  pass.worked = SettleTimedOut();
  pass.worked = SettleWatches(pass.wake) || pass.worked;
  pass.worked = DispatchInspections(pass.wake) || pass.worked;
  pass.worked = DispatchQueued() || pass.worked;

  const Status read = store_.Read([&](store::Reader& reader) -> Status {
    MP_TRY(const auto next, reader.NextTimer(Now()));
    if (next) Earlier(pass.wake, clock_.NowBoot() + std::chrono::milliseconds(std::max<UnixMs>(1, *next - Now())));
    return {};
  });
  if (!read) Earlier(pass.wake, now + kRetryStore);
  // Short enough to notice an own pause before it costs anybody the lease.
  if (book_.HasWatches()) Earlier(pass.wake, now + options_.lease_ttl / 4);
  planned_wake_ = pass.wake;
  return pass;
}

void Core::RunUntilIdle() {
  while (Step().worked) {
  }
}

void Core::NoticeOwnStall(BootTime now) {
  if (!planned_wake_ || now <= *planned_wake_ + options_.lease_ttl / 2) return;
  LogWarning("the server paused; leases are extended", {{log_key::kDurationMs, (now - *planned_wake_).count()}});
  book_.ExtendAll(now);
}

Status Core::ShiftOnJump() {
  const std::int64_t fresh = clock_.NowUnixMs() - clock_.NowBoot().time_since_epoch().count();
  const std::int64_t before = wall_offset_ms_.load();
  const std::int64_t jump = fresh - before;
  if (std::abs(jump) <= kJumpMs) {
    wall_offset_ms_ = fresh;
    return {};
  }
  LogWarning("the wall clock jumped; deadlines move with it", {{log_key::kDurationMs, jump}});
  const Status shifted = Run("clock_shift", [&](Unit& unit) -> Status {
    store::OperationQuery query;
    query.states = {S::kAwaitingApproval, S::kQueued,  S::kDispatching, S::kRunning,
                    S::kCancelling,       S::kBackoff, S::kInspecting};
    query.limit = kShiftPage;
    for (;;) {
      MP_TRY(const auto page, unit.tx.ListOperations(query));
      for (store::OperationRecord operation : page) {
        query.before_id = operation.id;
        if (operation.not_before_unix_ms != 0) operation.not_before_unix_ms += jump;
        operation.queue_deadline_unix_ms += jump;
        operation.deadline_unix_ms += jump;
        MP_CHECK(unit.Move(operation, operation.state, Trigger::kClockShift, nullptr));
      }
      if (page.size() < kShiftPage) break;
    }
    // Units behind this one on the writer already count in the new time.
    wall_offset_ms_ = fresh;
    return {};
  });
  if (!shifted) wall_offset_ms_ = before;
  return shifted;
}

Status Core::TimeOut(Unit& unit, const std::string& operation_id) {
  MP_TRY(auto found, unit.tx.FindOperation("", operation_id));
  if (!found) return {};
  store::OperationRecord& operation = *found;
  const bool over = operation.deadline_unix_ms <= unit.now();
  TaskError error = EngineError("DEADLINE_EXCEEDED", ErrorClass::kUnknownOutcome, operation.side_effects,
                                "the deadline of the operation passed",
                                "Look at the steps and the probable cause, then retry with a later deadline.");
  // What held it up until now is the cause worth telling.
  const nlohmann::json before = ParseStored(operation.error_json);
  if (before.is_object() && before.contains("reason")) {
    error.probable_cause = before.value("reason", "") + ": " + before.value("message", "");
    if (!before.value("remediation", "").empty()) error.remediation = before.value("remediation", "");
  }
  MP_TRY(auto attempt, unit.tx.FindAttempt(operation.id, operation.last_attempt));
  store::AttemptRecord* newest = attempt ? &*attempt : nullptr;
  switch (operation.state) {
    case S::kAwaitingApproval:
      if (!over) return {};
      operation.error_json = ToPublicJson(
          EngineError("APPROVAL_TIMEOUT", ErrorClass::kCancelled, SideEffects::kNone, "nobody approved it in time"));
      return unit.Move(operation, S::kCancelled, Trigger::kDeadline, nullptr);
    case S::kQueued:
      if (operation.last_attempt == 0 && (over || operation.queue_deadline_unix_ms <= unit.now())) {
        operation.error_json = ToPublicJson(EngineError("QUEUE_DEADLINE_EXCEEDED", ErrorClass::kPrecondition,
                                                        SideEffects::kNone, "it waited too long for its turn",
                                                        "Check that an adapter serves the target and is connected."));
        return unit.Move(operation, S::kExpired, Trigger::kQueueDeadline, nullptr);
      }
      if (!over) return {};
      operation.error_json = ToPublicJson(error);
      return unit.Move(operation, S::kFailed, Trigger::kDeadline, newest);
    case S::kBackoff:
      if (over) {
        operation.error_json = ToPublicJson(error);
        return unit.Move(operation, S::kFailed, Trigger::kDeadline, newest);
      }
      if (operation.not_before_unix_ms > unit.now()) return {};
      operation.queue_deadline_unix_ms = operation.deadline_unix_ms;
      return unit.Move(operation, S::kQueued, Trigger::kDue, newest);
    case S::kDispatching:
    case S::kRunning:
    case S::kCancelling: {
      if (!over || newest == nullptr) return {};
      unit.Send(attempt->session_id,
                CancelRequest{operation.id, attempt->number, "the deadline of the operation passed", kCancelGrace});
      const SideEffects effects = KnownEffects(attempt->kind, attempt->phase, SideEffects::kUnknown);
      if (effects == SideEffects::kNone) {
        MP_CHECK(unit.EndAttempt(*attempt, "DEADLINE"));
        operation.side_effects = CombineEffects(operation.side_effects, effects);
        error.side_effects = operation.side_effects;
        operation.error_json = ToPublicJson(error);
        return unit.Move(operation, S::kFailed, Trigger::kDeadline, newest);
      }
      // The adapter was given the same time and may be about to report; INSPECT starts when it does not.
      operation.side_effects = SideEffects::kUnknown;
      error.side_effects = SideEffects::kUnknown;
      operation.error_json = ToPublicJson(error);
      operation.not_before_unix_ms = unit.now() + kCancelGrace.count();
      return unit.Move(operation, S::kInspecting, Trigger::kDeadline, newest);
    }
    case S::kInspecting: {
      const UnixMs until =
          std::max(operation.deadline_unix_ms, operation.not_before_unix_ms + kInspectionBudget.count());
      if (!over || until > unit.now()) return {};
      if (newest != nullptr && newest->ended_unix_ms == 0) MP_CHECK(unit.EndAttempt(*attempt, "DEADLINE"));
      operation.side_effects = SideEffects::kUnknown;
      error.side_effects = SideEffects::kUnknown;
      error.message = "what took effect could not be read before the deadline";
      error.remediation = "Look at the target, then resolve the operation as applied, not_applied or cleaned.";
      operation.error_json = ToPublicJson(error);
      MP_CHECK(unit.Quarantine(operation, error.reason));
      return unit.Move(operation, S::kIndeterminate, Trigger::kDeadline, newest);
    }
    default:
      return {};
  }
}

bool Core::SettleTimedOut() {
  std::vector<store::OperationRecord> due;
  const Status read = store_.Read([&](store::Reader& reader) -> Status {
    MP_TRY(due, reader.ListTimedOut(Now(), kTimedOutPage));
    return {};
  });
  if (!read) return false;
  bool worked = false;
  for (const store::OperationRecord& operation : due) {
    const UnixMs until = std::max(operation.deadline_unix_ms, operation.not_before_unix_ms + kInspectionBudget.count());
    if (operation.state == S::kInspecting && until > Now()) continue;
    std::uint64_t version = operation.version;
    const Status done = Run("timeout", [&](Unit& unit) -> Status {
      MP_CHECK(TimeOut(unit, operation.id));
      MP_TRY(const auto after, unit.tx.FindOperation("", operation.id));
      version = after ? after->version : version;
      return {};
    });
    if (!done) {
      LogWarning("a timer could not be settled",
                 {{log_key::kOperationId, operation.id}, {log_key::kError, done.error().ToString()}});
      continue;
    }
    worked = worked || version != operation.version;
  }
  return worked;
}

/// Offers without a reply, attempts without an adapter, progress that waits for its second.
bool Core::SettleWatches(std::optional<BootTime>& wake) {
  bool worked = false;
  for (const Watch& watch : book_.Watches()) {
    const BootTime now = clock_.NowBoot();
    std::optional<LostCause> cause;
    if (!watch.accepted && watch.session_id.empty()) {
      cause = LostCause::kSessionGone;
    } else if (!watch.accepted && watch.offer_until && *watch.offer_until <= now) {
      cause = LostCause::kNoReply;
    } else if (watch.LostAt() <= now) {
      cause = LostCause::kLeaseOver;
    }
    if (!cause) {
      if (!watch.accepted && watch.offer_until) Earlier(wake, *watch.offer_until);
      Earlier(wake, watch.LostAt());
      const bool show = watch.progress_waiting && watch.progress_shown;
      if (show && *watch.progress_shown + kProgressEvery > now) Earlier(wake, *watch.progress_shown + kProgressEvery);
      if (!show || *watch.progress_shown + kProgressEvery > now) continue;
    }
    bool changed = true;
    const Status done = Run(cause ? "lost" : "progress", [&](Unit& unit) -> Status {
      changed = true;
      MP_TRY(auto operation, unit.tx.FindOperation("", watch.operation_id));
      MP_TRY(auto attempt, unit.tx.FindAttempt(watch.operation_id, watch.attempt));
      if (!operation || !attempt || attempt->ended_unix_ms != 0 || operation->last_attempt != watch.attempt) {
        unit.AfterCommit([watch](SessionBook& book) { book.Erase(watch.operation_id, watch.attempt); });
        return {};
      }
      if (!cause) {
        operation->progress_done = watch.progress_done;
        operation->progress_total = watch.progress_total;
        operation->progress_text = watch.progress_text;
        unit.AfterCommit([watch, now](SessionBook& book) { book.SetProgress(watch.operation_id, watch.attempt, now); });
        MP_CHECK(unit.Event(*operation, &*attempt, event_kind::kProgress,
                            ProgressBody(watch.progress_done, watch.progress_total, watch.progress_text)));
        return unit.Move(*operation, operation->state, Trigger::kUpdate, &*attempt);
      }
      // A report may have come between the look at the book and this transaction.
      const auto again = book_.Find(watch.operation_id);
      changed = false;
      if (!again || again->attempt != watch.attempt) return {};
      const bool late = again->lease_until + std::max(again->step_timeout, attempt->step_timeout) <= clock_.NowBoot();
      if (*cause == LostCause::kLeaseOver && !late) return {};
      if (*cause != LostCause::kLeaseOver && attempt->phase != AttemptPhase::kUnspecified) return {};
      changed = true;
      return Lose(unit, *operation, *attempt, *cause);
    });
    if (!done) {
      LogWarning("an attempt could not be settled",
                 {{log_key::kOperationId, watch.operation_id}, {log_key::kError, done.error().ToString()}});
      Earlier(wake, now + kRetryStore);
      continue;
    }
    if (!changed) Earlier(wake, now + kLookAgain);
    worked = worked || changed;
  }
  return worked;
}

}  // namespace meshplay::engine::internal
