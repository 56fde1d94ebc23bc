#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace meshplay::store::internal {

/// Tells the rest of the process that events were committed: the newest seq, waiters and listeners.
/// Threads: any; Publish from one thread at a time. A listener must not add or remove listeners.
class CommitSignal {
 public:
  std::uint64_t newest() const { return newest_.load(); }
  void Publish(std::uint64_t newest_seq);  ///< After the commit; nothing happens when the seq is not new.
  void SetInitial(std::uint64_t newest_seq) { newest_ = newest_seq; }  ///< At open, before any waiter.
  bool Wait(std::uint64_t seq, std::chrono::milliseconds timeout);
  std::uint64_t AddListener(std::function<void(std::uint64_t)> listener);
  void RemoveListener(std::uint64_t id);
  void Stop();

 private:
  std::atomic<std::uint64_t> newest_{0};
  std::mutex wait_mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;       // guarded by wait_mutex_
  std::mutex listener_mutex_;  // held while listeners run, so that RemoveListener waits for them
  std::map<std::uint64_t, std::function<void(std::uint64_t)>> listeners_;
  std::uint64_t next_listener_ = 1;
};

}  // namespace meshplay::store::internal
