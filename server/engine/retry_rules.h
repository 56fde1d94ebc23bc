#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "server/engine/task.h"

/// The error and retry tables of the adapter protocol as pure functions.
namespace meshplay::engine {

enum class Action {
  kRetry,    ///< Wait and try again; the attempt counts unless the decision says otherwise.
  kInspect,  ///< Ask what took effect before anything else.
  kFail,
  kCancel,
  kSucceed,
  kIndeterminate,  ///< Nobody can tell: quarantine the target until a person resolves it.
};

struct Decision {
  Action action = Action::kIndeterminate;
  SideEffects side_effects = SideEffects::kUnknown;  ///< What is known of the attempt.
  bool counted = true;                               ///< kRetry: the attempt uses up one of max_attempts.
  bool hold_target = false;                          ///< Nothing more goes to the target until it is released.
  bool quarantine_target = false;                    ///< kFail with a quarantine: this is not the cluster we know.
  bool raise_fence = false;                          ///< Above metadata.seen before the next attempt.
  std::optional<std::chrono::milliseconds> after;    ///< kRetry: the delay the adapter asked for.
};

/// An attempt that did not succeed.
struct Failure {
  TaskError error;
  TaskKind kind = TaskKind::kApply;
  AttemptPhase phase = AttemptPhase::kUnspecified;  ///< As stored: proves NONE below MUTATING.
  store::Idempotency idempotency = store::Idempotency::kUnspecified;
  bool bug_before = false;  ///< An earlier attempt of the operation already ended with a BUG.
};

/// What the attempt may have changed: nothing for kinds that only read; what the adapter told; and NONE instead of
/// UNKNOWN when the stored phase proves it.
SideEffects KnownEffects(TaskKind kind, AttemptPhase phase, SideEffects told);

/// True for the kinds that take the lock of their target and a fence.
bool TakesLock(TaskKind kind);

/// The reason's row wins, then its class; the table over side effects and idempotency decides what these leave open.
Decision Decide(const Failure& failure);

/// After an inspection. `cancel_wished`: what would be repeated is not, because somebody asked for cancellation.
Decision DecideInspected(Effect effect, store::Idempotency idempotency, bool cancel_wished);

/// Effects of an operation so far, after one more attempt.
SideEffects CombineEffects(SideEffects before, SideEffects now);

/// Full jitter: uniform between 0 and min(cap, base * 2^n). `random` is in [0, 1).
std::chrono::milliseconds Backoff(std::uint32_t n, std::chrono::milliseconds base, std::chrono::milliseconds cap,
                                  double random);

}  // namespace meshplay::engine
