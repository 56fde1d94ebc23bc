#pragma once

#include "adapters/common/clusters.h"
#include "adapters/metrics/metrics_answer.h"
#include "adapters/metrics_api/host.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::istio {

namespace pb = meshplay::adapter::v1;

/// Answers the query `smi.metrics` for the control plane of the offer's mesh_key, from the Prometheus that the
/// operation istio.metrics.set has named. Fails with METRICS_NOT_CONFIGURED when it has named none.
pb::TaskResult AnswerMetricsQuery(sdk::TaskContext& task, const common::Cluster& cluster);

/// The same for one question of the adapter's own. Errors: kFailedPrecondition METRICS_NOT_CONFIGURED, those of
/// metrics::TryAnswer.
Result<metrics::MetricsAnswer> AskTrafficMetrics(kube::Client& client, const std::string& mesh_key,
                                                 const metrics::MetricsCall& question, const kube::Call& call);

/// What the aggregated API needs to know of Istio.
metrics_api::MeshSide MetricsSide();

}  // namespace meshplay::istio
