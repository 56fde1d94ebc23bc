#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/common/operation.h"
#include "adapters/common/plan_objects.h"
#include "adapters/metrics_api/host.h"

namespace meshplay::metrics_api {

/// smi.metricsApi.enable: makes the cluster's API server serve metrics.smi-spec.io from this adapter, and takes
/// everything back when it does not reach it. Refuses: PREREQUISITE_MISSING (kFailedPrecondition), METRICS_API_TAKEN
/// (kAlreadyExists).
std::unique_ptr<common::Operation> MakeEnable(std::shared_ptr<MetricsApiHost> host);

/// smi.metricsApi.disable: removes it, the APIServices first.
std::unique_ptr<common::Operation> MakeDisable();

/// The step "barrier" of both.
Result<std::string> TakeCluster(common::Attempt& attempt);

/// Everything of ours on the cluster, in the order in which it goes. With `mesh_key` nothing when the API is enabled
/// for another mesh. Errors: those of the client.
Result<std::vector<common::PlannedObject>> OwnObjects(common::Attempt& attempt, const std::string& mesh_key = {});

/// Removes them; "3 removed".
Result<std::string> RemoveObjects(common::Attempt& attempt, const std::vector<common::PlannedObject>& objects);

}  // namespace meshplay::metrics_api
