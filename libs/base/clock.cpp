#include "libs/base/clock.h"

#include <ctime>

namespace meshplay {

UnixMs SystemClock::NowUnixMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

BootTime SystemClock::NowBoot() const {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return BootTime(std::chrono::milliseconds(static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000));
}

}  // namespace meshplay
