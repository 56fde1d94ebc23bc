#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

#include "libs/base/clock.h"

namespace meshplay::sdk {

/// Until when this process may start mutating calls, on CLOCK_BOOTTIME: ttl - guard after the SEND time of the last
/// heartbeat (or Hello) that the server acknowledged. Threads: any.
class Lease {
 public:
  explicit Lease(const Clock& clock) : clock_(clock) {}

  void Extend(BootTime sent, std::chrono::milliseconds ttl, std::chrono::milliseconds guard) {
    const std::int64_t until = (sent + ttl - guard).time_since_epoch().count();
    std::int64_t known = until_ms_.load();
    while (until > known && !until_ms_.compare_exchange_weak(known, until)) {
    }
  }
  std::chrono::milliseconds Left() const {
    const std::int64_t now = clock_.NowBoot().time_since_epoch().count();
    return std::chrono::milliseconds(std::max<std::int64_t>(0, until_ms_.load() - now));
  }

 private:
  const Clock& clock_;
  std::atomic<std::int64_t> until_ms_{0};
};

}  // namespace meshplay::sdk
