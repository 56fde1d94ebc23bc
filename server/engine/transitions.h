#pragma once

#include <span>
#include <string_view>

#include "server/store/records.h"

namespace meshplay::engine {

/// What makes an operation change its state.
enum class Trigger {
  kApprove,
  kReject,
  kDispatch,       ///< The scheduler found it due, with lock, slot and a live session.
  kAccepted,       ///< The adapter took the offer (or reported on the attempt, which proves that it did).
  kOfferReturned,  ///< BUSY, DRAINING, no reply in time, or the session went away before the reply.
  kOfferRejected,  ///< Any other rejection.
  kFenced,         ///< The adapter saw a higher fence than the one of the offer.
  kUpdate,         ///< A report or a note that leaves the state as it is.
  kResult,         ///< The adapter ended the attempt.
  kLost,           ///< The attempt is lost.
  kInspected,      ///< An INSPECT attempt answered.
  kCancel,         ///< Somebody asked for cancellation.
  kCancelRefused,  ///< The adapter is past the point of no return.
  kQueueDeadline,  ///< Never offered until its queue deadline.
  kDeadline,       ///< The operation's own deadline.
  kDue,            ///< not_before has come.
  kResolve,        ///< A person said how it ended.
  kClockShift,     ///< The wall clock jumped: deadlines move with it.
};

struct Transition {
  int row;  ///< Of the table in docs/architecture.md, "Operation states".
  store::OperationState from;
  store::OperationState to;
  Trigger trigger;
  std::string_view guard;
};

/// The one table of the engine. Every state change goes through it; the store holds the pairs as well.
std::span<const Transition> Transitions();

bool IsAllowed(store::OperationState from, store::OperationState to, Trigger trigger);

std::string_view TriggerName(Trigger trigger);

}  // namespace meshplay::engine
