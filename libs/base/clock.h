#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace meshplay {

/// Milliseconds since the Unix epoch: the form in which wall times are stored and compared.
using UnixMs = std::int64_t;

/// A moment on CLOCK_BOOTTIME: never jumps and goes on while the machine sleeps.
using BootTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;

/// Where all time comes from, so that tests can move it.
/// Threads: any thread may call any method.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixMs NowUnixMs() const = 0;  ///< Wall clock; may jump. For columns and people.
  virtual BootTime NowBoot() const = 0;  ///< For leases, timeouts and everything that waits.
};

/// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  UnixMs NowUnixMs() const override;
  BootTime NowBoot() const override;
};

/// Moves only when told to; both clocks together, or the wall clock alone. Threads: as Clock.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixMs start_unix_ms = 1'800'000'000'000) : wall_ms_(start_unix_ms) {}
  UnixMs NowUnixMs() const override { return wall_ms_.load(); }
  BootTime NowBoot() const override { return BootTime(std::chrono::milliseconds(boot_ms_.load())); }
  void Advance(std::chrono::milliseconds by) {
    boot_ms_ += by.count();
    wall_ms_ += by.count();
  }
  void JumpWall(std::chrono::milliseconds by) { wall_ms_ += by.count(); }

 private:
  std::atomic<UnixMs> wall_ms_;
  std::atomic<std::int64_t> boot_ms_{1'000'000};
};

}  // namespace meshplay
