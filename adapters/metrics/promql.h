#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/metrics/dialect.h"
#include "adapters/metrics/request.h"

namespace meshplay::metrics {

/// The five metrics of an SMI answer, in its order.
enum class Metric { kP99, kP90, kP50, kSuccess, kFailure };
inline constexpr Metric kMetrics[] = {Metric::kP99, Metric::kP90, Metric::kP50, Metric::kSuccess, Metric::kFailure};

/// Which end of an edge the asked resource is.
enum class End { kResource, kSource, kDestination };

/// Names of the labels that a series of a query is told apart by.
struct SeriesLabels {
  WorkloadLabels self;  ///< The asked resource.
  WorkloadLabels peer;  ///< The other end; empty names for a resource query.
};

/// Errors: kUnimplemented METRICS_EDGES_UNSUPPORTED when the mesh's series do not know both ends of the kind.
Result<SeriesLabels> LabelsOf(const Dialect& dialect, const MetricsRequest& request, End end);

/// One PromQL query. Latencies are over the whole window as the counts are (upstream's server asks for irate: the last
/// two scrapes of the window, and nothing when the traffic ended before them). Names in it are exact matchers of
/// checked names, never parts of a regex.
std::string Query(const Dialect& dialect, const MetricsRequest& request, End end, const SeriesLabels& labels,
                  Metric metric);

}  // namespace meshplay::metrics
