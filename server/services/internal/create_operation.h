#pragma once

#include <string>

#include "meshplay/v1/operations.pb.h"
#include "server/services/internal/core.h"

namespace meshplay::services {

/// Everything between a caller's request and what the engine takes: finds type, cluster and mesh, merges the alias's
/// parameters, fills in defaults, validates, checks the named plan. Reads only.
/// Errors: those listed at Operations.CreateOperation and PlanOperation.
Result<engine::OperationRequest> PrepareOperation(const Core& core, const CallContext& context,
                                                  const v1::CreateOperationRequest& request, bool plan_only);

}  // namespace meshplay::services
