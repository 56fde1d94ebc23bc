#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/result.h"

namespace meshplay::conformance {

/// One request to an application on its own localhost.
struct AppRequest {
  std::string method = "GET";
  std::string path;
  std::string body = {};
};

struct AppAnswer {
  int status = 0;  ///< 0: the application did not answer.
  std::string body;
};

/// How the runner reaches the application inside a pod: past every policy, by the API server's exec or proxy.
/// Threads: one at a time.
class PodReach {
 public:
  virtual ~PodReach() = default;
  /// Has `app` answer these requests, in order. Errors: kUnavailable POD_UNREACHABLE when the pod does not run, is gone
  /// or cannot be reached (it may be back later); kCancelled; what is wrong with the cluster itself otherwise.
  virtual Result<std::vector<AppAnswer>> Drive(const std::string& app, const std::vector<AppRequest>& requests) = 0;
};

}  // namespace meshplay::conformance
