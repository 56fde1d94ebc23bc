#include "server/hub/internal/strand.h"

#include <utility>

namespace meshplay::hub {

bool Strand::Post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (running_) return true;
  running_ = pool_.TryPost([self = shared_from_this()] { self->Turn(); });
  if (!running_) tasks_.pop_back();
  return running_;
}

void Strand::PostOrRun(const std::function<void()>& task) {
  if (!Post(task)) task();
}

void Strand::Turn() {
  for (;;) {
    std::function<void()> task;
    {
      const std::lock_guard lock(mutex_);
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
    const std::lock_guard lock(mutex_);
    if (tasks_.empty()) {
      running_ = false;
      return;
    }
    if (pool_.TryPost([self = shared_from_this()] { self->Turn(); })) return;
    // The pool is full or draining: this thread goes on, so that no task is lost.
  }
}

}  // namespace meshplay::hub
