#pragma once

#include <string>

#include "adapters/metrics/request.h"
#include "libs/base/result.h"

namespace meshplay::metrics_api {

/// What a request line asks for.
struct Target {
  std::string path;  ///< Without a slash at the end; empty for the root.
  std::string window, label_selector;
  bool watch = false;
};

/// Errors: kInvalidArgument METRICS_PATH_INVALID. Paths with escapes, empty or dot segments are refused, so that nobody
/// on the way can read another path out of them than this API does.
Result<Target> ReadTarget(const std::string& request_target);

/// What a user must be allowed to do, in the words in which the API server itself asks it about the same path.
struct Attributes {
  std::string verb, resource, subresource, name_space, name;
};
Attributes AttributesOf(const metrics::MetricsRequest& request);

}  // namespace meshplay::metrics_api
