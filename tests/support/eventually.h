#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace meshplay::test {

/// Asks every 20 ms until `condition` holds (true) or the time is over (false).
inline bool Eventually(std::chrono::milliseconds time, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace meshplay::test
