#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "adapters/conformance/internal/experiment.h"

namespace meshplay::conformance {

/// What an answer of TrafficMetrics tells of one workload.
struct ToldMetrics {
  nlohmann::json item = nullptr;    ///< The TrafficMetrics of that workload; null when there is none.
  std::optional<double> successes;  ///< Its success_count; nothing when the item is missing or not in shape.
  std::string wrong;                ///< What is missing or not in shape; empty when nothing is.
};

/// `answer` is a TrafficMetrics or a list of them. `caller` is the workload at the other end of an edge; empty: no edge
/// is asked for. Pure.
ToldMetrics ReadTrafficMetrics(const nlohmann::json& answer, const std::string& name_space, const std::string& workload,
                               const std::string& caller);

/// Drives traffic and looks whether TrafficMetrics tells of it. The window is the time since the looks began, so that
/// nothing else counts: Prometheus extends a count to the bounds of its window, and a count of long ago would move by
/// itself.
class MetricsLooks {
 public:
  MetricsLooks(Site& site, PodReach& reach, const Step& step) : site_(site), reach_(reach), step_(step) {}

  /// One batch of requests, one question. Met when the metrics are in shape, tell of a batch at least, and of more than
  /// the first answer did. A source that is away is a look that tells nothing. Errors: as of LookAtCalls, and the
  /// source's.
  Result<Look> Once();
  /// Why the last question had no answer; empty when it had one.
  const std::string& away() const { return away_; }

 private:
  Site& site_;
  PodReach& reach_;
  const Step& step_;
  const std::chrono::steady_clock::time_point began_ = site_.Now();
  std::optional<double> first_;
  std::string away_;
  int driven_ = 0;
};

}  // namespace meshplay::conformance
