#include "server/store/internal/commit_signal.h"

#include <utility>

namespace meshplay::store::internal {

void CommitSignal::Publish(std::uint64_t newest_seq) {
  if (newest_seq <= newest_.load()) return;
  {
    const std::lock_guard lock(wait_mutex_);
    newest_ = newest_seq;
  }
  changed_.notify_all();
  const std::lock_guard lock(listener_mutex_);
  for (const auto& [id, listener] : listeners_) listener(newest_seq);
}

bool CommitSignal::Wait(std::uint64_t seq, std::chrono::milliseconds timeout) {
  std::unique_lock lock(wait_mutex_);
  changed_.wait_for(lock, timeout, [&] { return stopped_ || newest_.load() > seq; });
  return newest_.load() > seq && !stopped_;
}

std::uint64_t CommitSignal::AddListener(std::function<void(std::uint64_t)> listener) {
  const std::lock_guard lock(listener_mutex_);
  listeners_.emplace(next_listener_, std::move(listener));
  return next_listener_++;
}

void CommitSignal::RemoveListener(std::uint64_t id) {
  const std::lock_guard lock(listener_mutex_);
  listeners_.erase(id);
}

void CommitSignal::Stop() {
  {
    const std::lock_guard lock(wait_mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

}  // namespace meshplay::store::internal
