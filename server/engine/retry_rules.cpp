#include "server/engine/retry_rules.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace meshplay::engine {
namespace {

using store::Idempotency;

/// What the row of a reason orders.
enum class Rule {
  kFail,
  kFailAndHold,
  kFailAndQuarantine,
  kThrottled,    ///< After retry_after, not counted.
  kUnreachable,  ///< Backoff, not counted while nothing changed.
  kFenced,
  kOpen,  ///< The table over side effects and idempotency.
  kCancelled,
  kIndeterminate,
  kUnknownOutcome,
  kBug,
};

struct Row {
  std::string_view reason;
  Rule rule;
};

constexpr std::array kRows{
    Row{"VERSION_UNSUPPORTED", Rule::kFail},
    Row{"IDENTITY_MISMATCH", Rule::kFail},
    Row{"TOKEN_USED", Rule::kFail},
    Row{"TOKEN_EXPIRED", Rule::kFail},
    Row{"INSTANCE_CONFLICT", Rule::kOpen},
    Row{"LEASE_EXPIRED", Rule::kOpen},
    Row{"UNSUPPORTED_FRAME", Rule::kFail},
    Row{"FRAME_TOO_LARGE", Rule::kFail},
    Row{"FRAME_INVALID", Rule::kFail},
    Row{"OPERATION_UNKNOWN", Rule::kFail},
    Row{"TARGET_UNKNOWN", Rule::kFail},
    Row{"PARAMETERS_INVALID", Rule::kFail},
    Row{"BUSY", Rule::kThrottled},
    Row{"DRAINING", Rule::kThrottled},
    Row{"FENCED", Rule::kFenced},
    Row{"TARGET_MISMATCH", Rule::kFailAndQuarantine},
    Row{"TARGET_UNREACHABLE", Rule::kUnreachable},
    Row{"TARGET_THROTTLED", Rule::kThrottled},
    Row{"TARGET_UNAUTHENTICATED", Rule::kFailAndHold},
    Row{"TARGET_FORBIDDEN", Rule::kFailAndHold},
    Row{"PLAN_STALE", Rule::kFail},
    Row{"FIELD_CONFLICT", Rule::kFail},
    Row{"ADMISSION_DENIED", Rule::kFail},
    Row{"PREREQUISITE_MISSING", Rule::kFail},
    Row{"NOT_READY_IN_TIME", Rule::kFail},
    Row{"DEADLINE_EXCEEDED", Rule::kOpen},
    Row{"CANCELLED", Rule::kCancelled},
    Row{"ROLLBACK_FAILED", Rule::kIndeterminate},
    Row{"SECRET_UNAVAILABLE", Rule::kFailAndHold},
    Row{"CRASHED", Rule::kUnknownOutcome},
    Row{"INTERNAL", Rule::kBug},
};

Rule RuleOfClass(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kTransient:
    case ErrorClass::kConflict:
      return Rule::kOpen;
    case ErrorClass::kThrottled:
      return Rule::kThrottled;
    case ErrorClass::kPrecondition:
    case ErrorClass::kInvalid:
      return Rule::kFail;
    case ErrorClass::kAuth:
      return Rule::kFailAndHold;
    case ErrorClass::kCancelled:
      return Rule::kCancelled;
    case ErrorClass::kBug:
      return Rule::kBug;
    case ErrorClass::kUnspecified:
    case ErrorClass::kUnknownOutcome:
      return Rule::kUnknownOutcome;
  }
  return Rule::kUnknownOutcome;
}

Rule RuleOf(const TaskError& error) {
  const auto* row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& candidate) { return candidate.reason == error.reason; });
  return row != kRows.end() ? row->rule : RuleOfClass(error.error_class);
}

bool Repeatable(Idempotency idempotency) {
  return idempotency == Idempotency::kNatural || idempotency == Idempotency::kKeyed;
}

Action OpenAction(SideEffects effects, Idempotency idempotency) {
  switch (effects) {
    case SideEffects::kNone:
      return Action::kRetry;
    case SideEffects::kPartial:
      return Repeatable(idempotency) ? Action::kRetry : Action::kIndeterminate;
    case SideEffects::kComplete:
      // NATURAL is verified first; the other two know that it happened once.
      return idempotency == Idempotency::kNatural ? Action::kInspect : Action::kSucceed;
    case SideEffects::kUnspecified:
    case SideEffects::kUnknown:
      return Action::kInspect;
  }
  return Action::kInspect;
}

Action BugAction(SideEffects effects, const Failure& failure) {
  const bool repeatable = Repeatable(failure.idempotency);
  if (!failure.bug_before && (effects == SideEffects::kNone || repeatable)) return Action::kRetry;
  if (effects == SideEffects::kNone) return Action::kFail;
  const bool told = effects == SideEffects::kPartial || effects == SideEffects::kComplete;
  return told && repeatable ? Action::kFail : Action::kIndeterminate;
}

}  // namespace

bool TakesLock(TaskKind kind) {
  return kind == TaskKind::kApply || kind == TaskKind::kInspect;
}

SideEffects KnownEffects(TaskKind kind, AttemptPhase phase, SideEffects told) {
  if (!TakesLock(kind)) return SideEffects::kNone;
  const bool unknown = told == SideEffects::kUnspecified || told == SideEffects::kUnknown;
  if (!unknown) return told;
  return phase < AttemptPhase::kMutating ? SideEffects::kNone : SideEffects::kUnknown;
}

Decision Decide(const Failure& failure) {
  Decision decision;
  decision.side_effects = KnownEffects(failure.kind, failure.phase, failure.error.side_effects);
  const SideEffects effects = decision.side_effects;
  switch (RuleOf(failure.error)) {
    case Rule::kFail:
      decision.action = Action::kFail;
      break;
    case Rule::kFailAndHold:
      decision.action = Action::kFail;
      decision.hold_target = true;
      break;
    case Rule::kFailAndQuarantine:
      decision.action = Action::kFail;
      decision.quarantine_target = true;
      break;
    case Rule::kThrottled:
      decision.action = OpenAction(effects, failure.idempotency);
      decision.counted = false;
      decision.after = failure.error.retry_after;
      break;
    case Rule::kUnreachable:
      decision.action = OpenAction(effects, failure.idempotency);
      decision.counted = effects != SideEffects::kNone;
      decision.after = failure.error.retry_after;
      break;
    case Rule::kFenced:
      decision.action = TakesLock(failure.kind) ? Action::kInspect : Action::kFail;
      decision.raise_fence = TakesLock(failure.kind);
      break;
    case Rule::kOpen:
      decision.action = OpenAction(effects, failure.idempotency);
      decision.after = failure.error.retry_after;
      break;
    case Rule::kCancelled:
      decision.action = Action::kCancel;
      break;
    case Rule::kIndeterminate:
      decision.action = TakesLock(failure.kind) ? Action::kIndeterminate : Action::kFail;
      break;
    case Rule::kUnknownOutcome:
      decision.action = effects == SideEffects::kNone ? Action::kRetry : Action::kInspect;
      break;
    case Rule::kBug:
      decision.action = BugAction(effects, failure);
      break;
  }
  return decision;
}

Decision DecideInspected(Effect effect, Idempotency idempotency, bool cancel_wished) {
  Decision decision;
  switch (effect) {
    case Effect::kNone:
      decision.side_effects = SideEffects::kNone;
      decision.action = cancel_wished ? Action::kCancel : Action::kRetry;
      break;
    case Effect::kPartial:
      decision.side_effects = SideEffects::kPartial;
      if (cancel_wished) {
        decision.action = Action::kCancel;
      } else {
        decision.action = Repeatable(idempotency) ? Action::kRetry : Action::kIndeterminate;
      }
      break;
    case Effect::kComplete:
      decision.side_effects = SideEffects::kComplete;
      decision.action = Action::kSucceed;
      break;
    case Effect::kUnspecified:
    case Effect::kUnknown:
      decision.side_effects = SideEffects::kUnknown;
      // Repeating an idempotent type is harmless whatever happened; stopping with an unknown outcome is not an answer.
      decision.action = Repeatable(idempotency) && !cancel_wished ? Action::kRetry : Action::kIndeterminate;
      break;
  }
  return decision;
}

SideEffects CombineEffects(SideEffects before, SideEffects now) {
  if (now != SideEffects::kNone && now != SideEffects::kUnspecified) return now;
  if (before == SideEffects::kUnspecified) return now;
  // An attempt that did nothing leaves what the earlier ones did.
  return before == SideEffects::kComplete ? SideEffects::kPartial : before;
}

std::chrono::milliseconds Backoff(std::uint32_t n, std::chrono::milliseconds base, std::chrono::milliseconds cap,
                                  double random) {
  std::chrono::milliseconds ceiling = std::min(base, cap);
  for (std::uint32_t i = 0; i < n && ceiling < cap; ++i) ceiling = std::min(cap, ceiling * 2);
  const double chosen = std::clamp(random, 0.0, 1.0) * static_cast<double>(ceiling.count());
  return std::chrono::milliseconds(static_cast<std::int64_t>(chosen));
}

}  // namespace meshplay::engine
