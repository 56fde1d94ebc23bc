#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "libs/base/bounded_pool.h"

namespace meshplay::hub {

/// Runs tasks one after the other on a shared pool, one task a turn so that strands take turns.
/// Threads: any. Ownership: shared, so that a queued turn keeps it alive; the pool must outlive the last turn.
class Strand : public std::enable_shared_from_this<Strand> {
 public:
  explicit Strand(BoundedPool& pool) : pool_(pool) {}

  /// False when the pool takes no more: the task will not run.
  bool Post(std::function<void()> task);
  /// As Post, but runs on the calling thread when the pool takes no more: for the end of things.
  void PostOrRun(const std::function<void()>& task);

 private:
  void Turn();

  BoundedPool& pool_;
  std::mutex mutex_;
  std::deque<std::function<void()>> tasks_;
  bool running_ = false;
};

}  // namespace meshplay::hub
