#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace meshplay::testing {

/// SMI documents and Kubernetes objects of one namespace: `targets` TrafficTargets with a workload and a Service each,
/// twice as many HTTPRouteGroups, half as many TrafficSplits, every other one with matches.
struct BigWorld {
  std::vector<nlohmann::json> documents;
  std::vector<nlohmann::json> cluster;
};

BigWorld MakeBigWorld(int targets);

}  // namespace meshplay::testing
