#pragma once

#include "server/policy/policies.h"
#include "server/services/internal/core.h"

namespace meshplay::services {

/// What a policy asks of a mesh as an operation of that mesh's adapter, checked and gated as a caller's own would be.
/// Errors: those of PrepareOperation.
Result<engine::OperationRequest> PreparePolicyOperation(const Core& core, const policy::OperationWish& wish);
/// The plan of it: nothing is changed.
Result<engine::OperationRequest> PreparePolicyPlan(const Core& core, const policy::OperationWish& wish);

}  // namespace meshplay::services
