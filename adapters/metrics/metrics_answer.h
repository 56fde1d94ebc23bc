#pragma once

#include <chrono>
#include <string>

#include "adapters/metrics/prometheus.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::metrics {

namespace pb = meshplay::adapter::v1;

inline constexpr const char* kMetricsQuery = "smi.metrics";

/// The query of the manifest.
pb::OperationDescriptor MetricsDescriptor();

/// One call of the SMI metrics API, from whichever door.
struct MetricsCall {
  std::string path;  ///< After "/apis/metrics.smi-spec.io/<version>".
  Version version = Version::kV1Alpha1;
  std::string window;          ///< `t` as the caller wrote it.
  std::string label_selector;  ///< Of a list; empty: everything.
};

/// Errors: PARAMETERS_INVALID.
Result<MetricsCall> ReadCall(const std::string& parameters_json);

/// Answers it from a mesh's Prometheus; a label selector asks the cluster which objects it matches. Every way it can
/// end is an answer with a status, as clients of this API expect.
MetricsAnswer Answer(const Dialect& dialect, const Prometheus& prometheus, kube::Client& cluster,
                     const MetricsCall& call, UnixMs now, std::chrono::milliseconds timeout);

/// Likewise, with the cause when there is none: errors are those of reading the call, of the cluster and of Prometheus.
Result<MetricsAnswer> TryAnswer(const Dialect& dialect, const Prometheus& prometheus, kube::Client& cluster,
                                const MetricsCall& call, UnixMs now, std::chrono::milliseconds timeout);

/// {"status", "body"} as the output of a query.
pb::TaskResult ToResult(const MetricsAnswer& answer);

}  // namespace meshplay::metrics
