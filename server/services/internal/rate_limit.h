#pragma once

#include <map>
#include <mutex>
#include <string>

#include "libs/base/clock.h"
#include "libs/base/result.h"

namespace meshplay::services {

/// A token bucket for each principal: `per_second` calls, bursts of twice as many. Threads: any.
class RateLimit {
 public:
  RateLimit(const Clock& clock, double per_second) : clock_(clock), per_second_(per_second) {}

  /// Errors: kResourceExhausted RATE_LIMITED with the time after which there is a token again.
  Status Take(const std::string& principal);

 private:
  struct Bucket {
    double tokens = 0;
    BootTime filled{};
  };
  const Clock& clock_;
  const double per_second_;
  std::mutex mutex_;
  std::map<std::string, Bucket>
      buckets_;  ///< Principals are tokens of this server, so their number is bounded by theirs.
};

}  // namespace meshplay::services
