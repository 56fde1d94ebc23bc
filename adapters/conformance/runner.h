#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "adapters/conformance/reach.h"
#include "adapters/conformance/site.h"
#include "adapters/conformance/verdict.h"

namespace meshplay::conformance {

struct RunOptions {
  std::vector<std::string> groups = {};        ///< Empty: all.
  std::chrono::milliseconds converge{60'000};  ///< How long a change may take to have effect everywhere.
  std::chrono::milliseconds pause{500};        ///< Between two looks.
  std::chrono::milliseconds control_patience{20'000};
  int confirmations = 3;  ///< In a row, of what must pass.
  int denials = 5;        ///< In a row, of what must be denied.
  int share_requests = 1'000;
  /// Told before each case.
  std::function<void(std::uint32_t done, std::uint32_t total, const std::string& text)> progress = {};
};

/// Names of all groups, in order.
std::vector<std::string> GroupNames();

/// Runs the suite. First the control experiments: every application answers about itself, is in the mesh, one request
/// passes, and one fails for the right reason; without them no case gets a verdict. Then each case changes what is in
/// force, looks until the expectation holds or `converge` is over, and wants it confirmed in a row.
/// Never an error: what went wrong is in the report. Threads: one; blocks.
RunReport RunSuite(Site& site, PodReach& reach, const RunOptions& options);

}  // namespace meshplay::conformance
