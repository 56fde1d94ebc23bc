#include "libs/base/bounded_pool.h"

#include <algorithm>
#include <exception>

#include "libs/base/log.h"

namespace meshplay {

BoundedPool::BoundedPool(std::string name, std::size_t threads, std::size_t queue_limit)
    : name_(std::move(name)), queue_limit_(queue_limit) {
  for (std::size_t i = 0; i < std::max<std::size_t>(1, threads); ++i) threads_.emplace_back([this] { Work(); });
}

BoundedPool::~BoundedPool() {
  Drain();
}

bool BoundedPool::TryPost(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (draining_ || queue_.size() >= queue_limit_) return false;
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

void BoundedPool::Drain() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    threads.swap(threads_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

void BoundedPool::Work() {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return draining_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      task();
    } catch (const std::exception& fault) {
      LogError("a task ended by an exception", {{"pool", name_}, {log_key::kError, fault.what()}});
    } catch (...) {
      LogError("a task ended by an exception", {{"pool", name_}});
    }
  }
}

}  // namespace meshplay
