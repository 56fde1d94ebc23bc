#pragma once

#include <chrono>
#include <stop_token>

namespace meshplay::http {

/// When a call must end: a point in time, or earlier by request of another thread.
struct Bound {
  using Time = std::chrono::steady_clock::time_point;
  static constexpr Time kNever = Time::max();
  Time deadline = kNever;
  std::stop_token stop = {};

  /// The same stop with the earlier of two deadlines.
  Bound Within(std::chrono::milliseconds length) const {
    const Time other = After(length);
    return Bound{other < deadline ? other : deadline, stop};
  }
  static Time After(std::chrono::milliseconds length) {
    const Time now = std::chrono::steady_clock::now();
    return length > std::chrono::hours(24 * 365) ? kNever : now + length;
  }
  bool Passed() const { return deadline != kNever && std::chrono::steady_clock::now() >= deadline; }
};

}  // namespace meshplay::http
