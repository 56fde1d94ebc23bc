#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace meshplay {

/// A fixed number of worker threads behind a bounded queue.
/// Threads: any thread may call any method, a task of the pool may call TryPost but not Drain.
/// An exception out of a task is logged and ends that task only.
class BoundedPool {
 public:
  /// `name` is for logs; at least one thread; `queue_limit` counts waiting tasks only.
  BoundedPool(std::string name, std::size_t threads, std::size_t queue_limit);
  ~BoundedPool();  ///< Drain.
  BoundedPool(const BoundedPool&) = delete;
  BoundedPool& operator=(const BoundedPool&) = delete;

  /// False when the queue is full or the pool is draining: the task will not run.
  bool TryPost(std::function<void()> task);

  /// Refuses new tasks, runs the queued ones, joins the threads. Idempotent.
  void Drain();

 private:
  void Work();

  const std::string name_;
  const std::size_t queue_limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool draining_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace meshplay
