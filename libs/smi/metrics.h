#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/result.h"

namespace meshplay::smi {

/// What metrics are about: `kind` as Kubernetes spells it; a Namespace has no namespace.
struct MetricsResource {
  std::string kind;
  std::string namespace_name;
  std::string name;
  bool operator==(const MetricsResource&) const = default;
};

/// The other end of the traffic.
struct MetricsEdge {
  std::string direction;  ///< "from" or "to".
  std::string side;       ///< "server" or "client"; v1alpha2 only.
  std::optional<MetricsResource> resource;
  bool operator==(const MetricsEdge&) const = default;
};

/// The backend of a TrafficSplit; v1alpha2 only.
struct MetricsBackend {
  std::string apex;
  std::string name;
  std::int64_t weight = 0;
  bool operator==(const MetricsBackend&) const = default;
};

struct Metric {
  std::string name;  ///< "p99_response_latency" and so on.
  std::string unit;  ///< "ms" for latencies, else empty.
  std::int64_t milli = 0;
  bool operator==(const Metric&) const = default;
};

/// metrics.smi-spec.io TrafficMetrics: an answer of an API server, never an input of a translation.
struct TrafficMetrics {
  int version = 1;  ///< 1 or 2 for v1alpha1 and v1alpha2.
  std::string timestamp;
  std::string window;
  MetricsResource resource;
  MetricsEdge edge;
  std::optional<MetricsBackend> backend;
  std::vector<Metric> metrics;
  bool operator==(const TrafficMetrics&) const = default;
};

/// Reads one TrafficMetrics in the shape of v1alpha1 (smi-sdk-go: neither side nor backend) or of v1alpha2 (the
/// specification's). Values are Kubernetes quantities. Errors: kInvalidArgument METRICS_INVALID with the pointer.
/// Threads: any; pure.
Result<TrafficMetrics> ParseTrafficMetrics(const nlohmann::json& document);

/// The items of a TrafficMetricsList. Errors: as ParseTrafficMetrics.
Result<std::vector<TrafficMetrics>> ParseTrafficMetricsList(const nlohmann::json& document);

/// Without metadata, which its server adds. v1alpha1 leaves side and backend out.
nlohmann::json ToJson(const TrafficMetrics& metrics);

}  // namespace meshplay::smi
