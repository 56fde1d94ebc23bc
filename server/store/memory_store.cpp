#include "server/store/memory_store.h"

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>

#include "server/store/internal/commit_signal.h"
#include "server/store/internal/memory_unit.h"
#include "server/store/internal/rules.h"

namespace meshplay::store {
namespace {

using internal::MemoryTables;
using internal::MemoryUnit;

class MemoryStore final : public Store {
 public:
  MemoryStore() {
    tables_.meta.Put(std::string(internal::kEpochKey), "1");
    tables_.journal.Keep();
  }

  Status Write(const std::function<Status(Transaction&)>& work) override {
    const std::lock_guard writer(writer_mutex_);
    if (stopped_) return internal::StoreStopped();
    std::uint64_t newest = 0;
    {
      const std::unique_lock tables(tables_mutex_);
      MemoryUnit unit(tables_);
      Status done = internal::RunGuarded(work, unit);
      if (!done) {
        tables_.journal.Undo();
        return done;
      }
      tables_.journal.Keep();
      if (!tables_.events.rows().empty()) newest = tables_.events.rows().rbegin()->first;
    }
    signal_.Publish(newest);
    return {};
  }

  Status Read(const std::function<Status(Reader&)>& work) override {
    const std::shared_lock tables(tables_mutex_);
    MemoryUnit unit(tables_);
    return internal::RunGuarded(work, static_cast<Reader&>(unit));
  }

  std::uint64_t NewestEventSeq() const override { return signal_.newest(); }
  bool WaitForEvents(std::uint64_t seq, std::chrono::milliseconds timeout) override {
    return signal_.Wait(seq, timeout);
  }
  std::uint64_t AddListener(std::function<void(std::uint64_t)> listener) override {
    return signal_.AddListener(std::move(listener));
  }
  void RemoveListener(std::uint64_t id) override { signal_.RemoveListener(id); }
  StoreHealth Health() const override { return StoreHealth::kOk; }
  bool IsChecking() const override { return false; }
  void Stop() override {
    {
      const std::lock_guard writer(writer_mutex_);
      stopped_ = true;
    }
    signal_.Stop();
  }

 private:
  std::mutex writer_mutex_;  // one unit at a time, its listeners included
  bool stopped_ = false;     // guarded by writer_mutex_
  std::shared_mutex tables_mutex_;
  MemoryTables tables_;
  internal::CommitSignal signal_;
};

}  // namespace

std::unique_ptr<Store> NewMemoryStore() {
  return std::make_unique<MemoryStore>();
}

}  // namespace meshplay::store
