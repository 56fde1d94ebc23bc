#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "libs/base/result.h"

namespace meshplay::helm {

/// The folder of a chart below `root`: <root>/<chart>-<version> or <root>/<chart>, whose Chart.yaml names the version.
/// Errors: kNotFound CHART_NOT_FOUND; kFailedPrecondition CHART_BROKEN.
Result<std::string> FindChartFolder(const std::string& root, const std::string& chart, const std::string& version);

Result<nlohmann::json> ChartYamlOf(const std::string& folder);

/// Checks an unpacked bundle against its SHA256SUMS ("<64 hex>  <path>" a line), which must name every file but itself.
/// Errors: kFailedPrecondition CHART_BROKEN.
Status CheckBundle(const std::string& folder);

}  // namespace meshplay::helm
