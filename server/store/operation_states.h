#pragma once

#include <optional>
#include <string_view>

#include "server/store/records.h"

namespace meshplay::store {

std::string_view OperationStateName(OperationState state);  ///< "QUEUED" and so on; "UNSPECIFIED" for a foreign value.
std::optional<OperationState> ParseOperationState(std::string_view name);
bool IsFinal(OperationState state);

/// True when the state machine knows a way from `from` to `to` (including a state to itself for rows that may change
/// without a change of state). The one table of docs/architecture.md, "Operation states"; the engine adds the
/// triggers. Final states have no way out, themselves included, except INDETERMINATE to itself (resolve).
bool IsTransition(OperationState from, OperationState to);

std::string_view TaskKindName(TaskKind kind);           ///< "APPLY" ...
std::string_view AttemptPhaseName(AttemptPhase phase);  ///< "MUTATING" ...
std::string_view SideEffectsName(SideEffects value);    ///< "NONE", "PARTIAL", "COMPLETE", "UNKNOWN"; "" unspecified.
std::string_view IdempotencyName(Idempotency value);
std::string_view CancellationName(Cancellation value);
std::string_view LockModeName(LockMode value);

}  // namespace meshplay::store
