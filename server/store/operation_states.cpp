#include "server/store/operation_states.h"

#include <algorithm>
#include <array>
#include <utility>

namespace meshplay::store {
namespace {

using S = OperationState;

/// Every way of docs/architecture.md, "Operation states". A state that may change its row without leaving the state
/// (progress, a cancel wish, shifted deadlines) has itself as a target.
constexpr std::pair<S, S> kTransitions[] = {
    {S::kUnspecified, S::kQueued},
    {S::kUnspecified, S::kAwaitingApproval},

    {S::kAwaitingApproval, S::kAwaitingApproval},
    {S::kAwaitingApproval, S::kQueued},
    {S::kAwaitingApproval, S::kCancelled},

    {S::kQueued, S::kQueued},
    {S::kQueued, S::kDispatching},
    {S::kQueued, S::kCancelled},
    {S::kQueued, S::kExpired},
    {S::kQueued, S::kFailed},  // operation deadline after an earlier attempt

    {S::kDispatching, S::kDispatching},
    {S::kDispatching, S::kRunning},
    {S::kDispatching, S::kQueued},
    {S::kDispatching, S::kFailed},
    {S::kDispatching, S::kInspecting},  // FENCED, or the operation deadline
    {S::kDispatching, S::kCancelling},

    {S::kRunning, S::kRunning},
    {S::kRunning, S::kSucceeded},
    {S::kRunning, S::kFailed},
    {S::kRunning, S::kCancelled},
    {S::kRunning, S::kBackoff},
    {S::kRunning, S::kQueued},
    {S::kRunning, S::kInspecting},
    {S::kRunning, S::kIndeterminate},
    {S::kRunning, S::kCancelling},

    {S::kCancelling, S::kCancelling},
    {S::kCancelling, S::kRunning},
    {S::kCancelling, S::kCancelled},
    {S::kCancelling, S::kSucceeded},
    {S::kCancelling, S::kFailed},
    {S::kCancelling, S::kInspecting},
    {S::kCancelling, S::kIndeterminate},  // a cancel whose rollback failed ends like a run whose rollback failed

    {S::kBackoff, S::kBackoff},
    {S::kBackoff, S::kQueued},
    {S::kBackoff, S::kCancelled},
    {S::kBackoff, S::kFailed},  // operation deadline

    {S::kInspecting, S::kInspecting},
    {S::kInspecting, S::kBackoff},
    {S::kInspecting, S::kSucceeded},
    {S::kInspecting, S::kFailed},
    {S::kInspecting, S::kCancelled},
    {S::kInspecting, S::kIndeterminate},

    {S::kIndeterminate, S::kIndeterminate},  // :resolve
};

constexpr std::array<std::string_view, 13> kStateNames = {
    "UNSPECIFIED", "AWAITING_APPROVAL", "QUEUED", "DISPATCHING", "RUNNING", "CANCELLING",    "BACKOFF",
    "INSPECTING",  "SUCCEEDED",         "FAILED", "CANCELLED",   "EXPIRED", "INDETERMINATE",
};

template <std::size_t Count, class Enum>
std::string_view NameOf(const std::array<std::string_view, Count>& names, Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < Count ? names[index] : names[0];
}

}  // namespace

std::string_view OperationStateName(OperationState state) {
  return NameOf(kStateNames, state);
}

std::optional<OperationState> ParseOperationState(std::string_view name) {
  for (std::size_t i = 1; i < kStateNames.size(); ++i) {
    if (kStateNames[i] == name) return static_cast<OperationState>(i);
  }
  return std::nullopt;
}

bool IsFinal(OperationState state) {
  switch (state) {
    case S::kSucceeded:
    case S::kFailed:
    case S::kCancelled:
    case S::kExpired:
    case S::kIndeterminate:
      return true;
    case S::kUnspecified:
    case S::kAwaitingApproval:
    case S::kQueued:
    case S::kDispatching:
    case S::kRunning:
    case S::kCancelling:
    case S::kBackoff:
    case S::kInspecting:
      return false;
  }
  return false;
}

bool IsTransition(OperationState from, OperationState to) {
  return std::find(std::begin(kTransitions), std::end(kTransitions), std::pair(from, to)) != std::end(kTransitions);
}

std::string_view TaskKindName(TaskKind kind) {
  static constexpr std::array<std::string_view, 7> kNames = {"UNSPECIFIED", "DETECT",      "PLAN", "APPLY",
                                                             "INSPECT",     "CONFORMANCE", "QUERY"};
  return NameOf(kNames, kind);
}

std::string_view AttemptPhaseName(AttemptPhase phase) {
  static constexpr std::array<std::string_view, 7> kNames = {"UNSPECIFIED", "ACCEPTED",     "READING", "MUTATING",
                                                             "VERIFYING",   "ROLLING_BACK", "FINISHED"};
  return NameOf(kNames, phase);
}

std::string_view SideEffectsName(SideEffects value) {
  static constexpr std::array<std::string_view, 5> kNames = {"", "NONE", "PARTIAL", "COMPLETE", "UNKNOWN"};
  return NameOf(kNames, value);
}

std::string_view IdempotencyName(Idempotency value) {
  static constexpr std::array<std::string_view, 4> kNames = {"", "NATURAL", "KEYED", "NONE"};
  return NameOf(kNames, value);
}

std::string_view CancellationName(Cancellation value) {
  static constexpr std::array<std::string_view, 4> kNames = {"", "NEVER", "BETWEEN_STEPS", "WITH_ROLLBACK"};
  return NameOf(kNames, value);
}

std::string_view LockModeName(LockMode value) {
  static constexpr std::array<std::string_view, 3> kNames = {"", "EXCLUSIVE", "SHARED"};
  return NameOf(kNames, value);
}

}  // namespace meshplay::store
