#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "libs/base/result.h"

namespace meshplay::controller {

/// Decides when the controller of one cluster may write: while this adapter serves the cluster and its lease lives, and
/// while no attempt of an operation holds the cluster. Threads: any.
class WriteGate {
 public:
  /// How long writes are allowed from now; zero: not at all.
  using Allowance = std::function<std::chrono::milliseconds()>;

  explicit WriteGate(Allowance allowance) : allowance_(std::move(allowance)) {}
  WriteGate(const WriteGate&) = delete;
  WriteGate& operator=(const WriteGate&) = delete;

  /// No write begins while one of these lives. Move-only by its pointer.
  class Hold {
   public:
    explicit Hold(WriteGate& gate) : gate_(gate) {}
    ~Hold() { gate_.holders_.fetch_sub(1); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    WriteGate& gate_;
  };
  /// Waits for a write that is under way: at most the time of one write (9 s).
  std::unique_ptr<Hold> HoldWrites();

  /// Changes with every Hold: what was looked at before one is to be looked at again.
  std::uint64_t epoch() const { return epoch_.load(); }
  bool held() const { return holders_.load() != 0; }
  bool Allows() const { return !held() && allowance_() > std::chrono::milliseconds(0); }

  /// Runs one write, giving it the time it may take. Errors: kAborted SMI_CONTROLLER_PAUSED without having run it: the
  /// lease is over, somebody holds the cluster, or the epoch is another one; those of `write`.
  Status Write(std::uint64_t epoch, const std::function<Status(std::chrono::milliseconds)>& write);

 private:
  const Allowance allowance_;
  std::mutex writing_;
  std::atomic<int> holders_{0};
  std::atomic<std::uint64_t> epoch_{1};
};

}  // namespace meshplay::controller
