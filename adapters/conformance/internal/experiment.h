#pragma once

#include "adapters/conformance/internal/judge.h"
#include "adapters/conformance/reach.h"
#include "adapters/conformance/site.h"

namespace meshplay::conformance {

/// Makes the requests of one look and judges them. An unreachable pod is a look that tells nothing. Errors: only such
/// as make going on useless (kCancelled, what is wrong with the cluster).
Result<Look> LookAtCalls(Site& site, PodReach& reach, const std::vector<Call>& calls);
Result<Look> LookAtShares(Site& site, PodReach& reach, const std::vector<Share>& shares, int default_requests);

/// Has `call.from` make the call so often, without looking what becomes of it. A look that tells nothing when its pod
/// is unreachable.
Result<std::optional<Look>> DriveCalls(Site& site, PodReach& reach, const Call& call, int count);

/// Every application answers about itself.
Result<Look> LookAtApplications(PodReach& reach);
/// app-a calls an address where nobody listens: the failure must be recorded, and as what it is.
Result<Look> LookAtRefusal(PodReach& reach);

}  // namespace meshplay::conformance
