#include "server/engine/transitions.h"

#include <algorithm>
#include <array>

namespace meshplay::engine {
namespace {

using S = store::OperationState;
using T = Trigger;

constexpr std::array kTable{
    Transition{3, S::kAwaitingApproval, S::kQueued, T::kApprove,
               "the approver differs from the author if so configured"},
    Transition{3, S::kAwaitingApproval, S::kCancelled, T::kReject, ""},
    Transition{3, S::kAwaitingApproval, S::kCancelled, T::kCancel, ""},
    Transition{3, S::kAwaitingApproval, S::kCancelled, T::kDeadline, ""},
    Transition{4, S::kQueued, S::kDispatching, T::kDispatch,
               "due, lock free or held by this operation, slot free, session live, neither quarantined nor held"},
    Transition{5, S::kDispatching, S::kRunning, T::kAccepted, "attempt current"},
    Transition{6, S::kDispatching, S::kQueued, T::kOfferReturned, "BUSY and DRAINING do not count"},
    Transition{6, S::kDispatching, S::kFailed, T::kOfferReturned, "attempts used up"},
    Transition{7, S::kDispatching, S::kFailed, T::kOfferRejected, "TARGET_MISMATCH also quarantines"},
    Transition{7, S::kDispatching, S::kInspecting, T::kFenced, "the server believes that it is the newest"},
    Transition{8, S::kRunning, S::kRunning, T::kUpdate, "seq is the last one plus 1"},
    Transition{10, S::kRunning, S::kSucceeded, T::kResult, "result ok, or failed with COMPLETE side effects"},
    Transition{11, S::kRunning, S::kFailed, T::kResult, "no retry by the error tables"},
    Transition{12, S::kRunning, S::kCancelled, T::kResult, "the adapter ended it so"},
    Transition{13, S::kRunning, S::kBackoff, T::kResult, "the error tables say retry; attempts and deadline allow"},
    Transition{14, S::kRunning, S::kQueued, T::kLost, "phase below MUTATING"},
    Transition{14, S::kRunning, S::kFailed, T::kLost, "phase below MUTATING, attempts used up"},
    Transition{14, S::kRunning, S::kCancelled, T::kLost, "phase below MUTATING, cancellation was asked for"},
    Transition{15, S::kRunning, S::kInspecting, T::kLost, "phase MUTATING or later"},
    Transition{15, S::kRunning, S::kInspecting, T::kResult, "outcome unknown, or FENCED"},
    Transition{16, S::kRunning, S::kIndeterminate, T::kResult, "ROLLBACK_FAILED, or PARTIAL without idempotency"},
    Transition{16, S::kCancelling, S::kIndeterminate, T::kResult, "ROLLBACK_FAILED"},
    Transition{17, S::kInspecting, S::kBackoff, T::kInspected, "nothing or a part happened and may be repeated"},
    Transition{17, S::kInspecting, S::kSucceeded, T::kInspected, "it happened"},
    Transition{17, S::kInspecting, S::kFailed, T::kInspected, "no attempt or no time left"},
    Transition{17, S::kInspecting, S::kCancelled, T::kInspected, "cancellation was asked for"},
    Transition{17, S::kInspecting, S::kIndeterminate, T::kInspected, "cannot be told"},
    Transition{17, S::kInspecting, S::kBackoff, T::kResult, "the inspected attempt is still the newest"},
    Transition{17, S::kInspecting, S::kSucceeded, T::kResult, "the inspected attempt is still the newest"},
    Transition{17, S::kInspecting, S::kFailed, T::kResult, "the inspected attempt is still the newest"},
    Transition{17, S::kInspecting, S::kCancelled, T::kResult, "the inspected attempt is still the newest"},
    Transition{17, S::kInspecting, S::kIndeterminate, T::kResult, "the inspected attempt is still the newest"},
    Transition{17, S::kInspecting, S::kInspecting, T::kUpdate, "offer, report or end of an INSPECT attempt"},
    Transition{17, S::kInspecting, S::kIndeterminate, T::kDeadline, "nobody could tell until the deadline"},
    Transition{18, S::kQueued, S::kCancelled, T::kCancel, ""},
    Transition{18, S::kBackoff, S::kCancelled, T::kCancel, ""},
    Transition{19, S::kDispatching, S::kCancelling, T::kCancel, ""},
    Transition{19, S::kRunning, S::kCancelling, T::kCancel, ""},
    Transition{19, S::kInspecting, S::kInspecting, T::kCancel, "only notes the wish"},
    Transition{20, S::kCancelling, S::kCancelling, T::kCancel, "asked again"},
    Transition{20, S::kCancelling, S::kCancelling, T::kAccepted, "the offer was on the wire"},
    Transition{20, S::kCancelling, S::kCancelling, T::kUpdate, "seq is the last one plus 1"},
    Transition{20, S::kCancelling, S::kRunning, T::kCancelRefused, "the adapter said NOT_POSSIBLE"},
    Transition{21, S::kCancelling, S::kCancelled, T::kResult, ""},
    Transition{21, S::kCancelling, S::kSucceeded, T::kResult, ""},
    Transition{21, S::kCancelling, S::kFailed, T::kResult, ""},
    Transition{21, S::kCancelling, S::kInspecting, T::kResult, "outcome unknown"},
    Transition{21, S::kCancelling, S::kCancelled, T::kOfferReturned, "never started"},
    Transition{21, S::kCancelling, S::kCancelled, T::kOfferRejected, "never started"},
    Transition{21, S::kCancelling, S::kInspecting, T::kFenced, ""},
    Transition{21, S::kCancelling, S::kCancelled, T::kLost, "phase below MUTATING"},
    Transition{21, S::kCancelling, S::kInspecting, T::kLost, "phase MUTATING or later"},
    Transition{22, S::kQueued, S::kExpired, T::kQueueDeadline, "never offered"},
    Transition{23, S::kQueued, S::kFailed, T::kDeadline, "offered before"},
    Transition{23, S::kBackoff, S::kFailed, T::kDeadline, ""},
    Transition{23, S::kDispatching, S::kFailed, T::kDeadline, ""},
    Transition{23, S::kRunning, S::kFailed, T::kDeadline, "phase below MUTATING"},
    Transition{23, S::kRunning, S::kInspecting, T::kDeadline, "phase MUTATING or later"},
    Transition{23, S::kCancelling, S::kFailed, T::kDeadline, "phase below MUTATING"},
    Transition{23, S::kCancelling, S::kInspecting, T::kDeadline, "phase MUTATING or later"},
    Transition{24, S::kBackoff, S::kQueued, T::kDue, ""},
    Transition{25, S::kIndeterminate, S::kIndeterminate, T::kResolve, "the target is quarantined by it"},
    Transition{0, S::kAwaitingApproval, S::kAwaitingApproval, T::kClockShift, ""},
    Transition{0, S::kQueued, S::kQueued, T::kClockShift, ""},
    Transition{0, S::kDispatching, S::kDispatching, T::kClockShift, ""},
    Transition{0, S::kRunning, S::kRunning, T::kClockShift, ""},
    Transition{0, S::kCancelling, S::kCancelling, T::kClockShift, ""},
    Transition{0, S::kBackoff, S::kBackoff, T::kClockShift, ""},
    Transition{0, S::kInspecting, S::kInspecting, T::kClockShift, ""},
};

}  // namespace

std::span<const Transition> Transitions() {
  return kTable;
}

bool IsAllowed(store::OperationState from, store::OperationState to, Trigger trigger) {
  return std::any_of(kTable.begin(), kTable.end(), [&](const Transition& transition) {
    return transition.from == from && transition.to == to && transition.trigger == trigger;
  });
}

std::string_view TriggerName(Trigger trigger) {
  switch (trigger) {
    case T::kApprove:
      return "approve";
    case T::kReject:
      return "reject";
    case T::kDispatch:
      return "dispatch";
    case T::kAccepted:
      return "accepted";
    case T::kOfferReturned:
      return "offer_returned";
    case T::kOfferRejected:
      return "offer_rejected";
    case T::kFenced:
      return "fenced";
    case T::kUpdate:
      return "update";
    case T::kResult:
      return "result";
    case T::kLost:
      return "lost";
    case T::kInspected:
      return "inspected";
    case T::kCancel:
      return "cancel";
    case T::kCancelRefused:
      return "cancel_refused";
    case T::kQueueDeadline:
      return "queue_deadline";
    case T::kDeadline:
      return "deadline";
    case T::kDue:
      return "due";
    case T::kResolve:
      return "resolve";
    case T::kClockShift:
      return "clock_shift";
  }
  return "unknown";
}

}  // namespace meshplay::engine
