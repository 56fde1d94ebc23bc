#include "adapters/sdk/internal/pause.h"

#include <condition_variable>
#include <mutex>
#include <random>

namespace meshplay::sdk {

void Pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
}

std::chrono::milliseconds FullJitter(std::chrono::milliseconds most) {
  static thread_local std::mt19937_64 random(std::random_device{}());
  return std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, most.count())(random));
}

}  // namespace meshplay::sdk
