#pragma once

#include <string>

#include "meshplay/v1/policies.pb.h"
#include "server/services/internal/core.h"

namespace meshplay::services {

/// Policies.PlanPolicy: asks every mesh that a spec would concern for its plan, all at once, and waits for the answers.
Result<v1::PolicyPlan> PlanPolicy(const Core& core, const CallContext& context, const v1::PlanPolicyRequest& request);

/// The changes of a stored plan that would change something, as JSON.
std::string PlannedChangesOf(const std::string& plan_body_json);

}  // namespace meshplay::services
