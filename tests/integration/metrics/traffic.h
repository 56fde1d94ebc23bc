#pragma once

#include <string>

#include "tests/integration/metrics/exporter.h"

namespace meshplay::test {

struct Workload {
  std::string name_space, name;
};

/// Requests from one workload to another, as the proxies at both ends tell of them.
struct Traffic {
  Workload from, to;
  double successes = 0, failures = 0;
  double milliseconds = 0;  ///< Of each request.
};

/// Adds what the proxies of a mesh of this type count for the traffic; pods are "<name>-0".
void Report(Exporter& exporter, const std::string& mesh_type, const Traffic& traffic);

}  // namespace meshplay::test
