#pragma once

#include "adapters/common/attempt.h"
#include "adapters/common/plan_objects.h"
#include "adapters/helm/helm.h"

namespace meshplay::common {

/// The objects of a chart as helm would store them: rendered, in the release's namespace, with helm's marks of
/// ownership. Errors: those of helm (CHART_NOT_FOUND, CHART_BROKEN, ...) and of the client.
Result<std::vector<nlohmann::json>> RenderRelease(Attempt& attempt, helm::Helm& helm, const helm::ChartRequest& request,
                                                  bool is_upgrade);

/// What installing or upgrading the release would do to the cluster. `earlier` is what will be there before.
Result<std::vector<PlannedObject>> PlanRelease(Attempt& attempt, const std::vector<nlohmann::json>& rendered,
                                               std::vector<nlohmann::json> earlier);

}  // namespace meshplay::common
