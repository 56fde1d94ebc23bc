#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "server/store/internal/commit_signal.h"
#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/disk.h"
#include "server/store/sqlite/errors.h"

namespace meshplay::store::sqlite {

/// The one thread that writes. It takes whatever waits, runs each unit in a savepoint of one transaction and commits
/// them together; while that commit runs, the next batch forms. No timer.
class Writer {
 public:
  /// Starts the thread. Keeps a reference to `signal`.
  Writer(const SqliteOptions& options, std::unique_ptr<Connection> connection, internal::CommitSignal& signal);
  ~Writer();  ///< Stops.

  Status Write(const std::function<Status(Transaction&)>& work);
  void Stop();
  StoreHealth health() const { return health_.load(); }
  void Fail() { health_ = StoreHealth::kFailed; }  ///< Damage was found elsewhere.

 private:
  enum class Stage { kQueued, kRunning, kDone };
  struct Unit {
    const std::function<Status(Transaction&)>* work;
    Stage stage = Stage::kQueued;
    Status result;
    std::condition_variable done;
  };

  void Loop();
  /// Runs and commits the units; sets their results. The newest event seq, or 0 when nothing was committed.
  std::uint64_t RunBatch(const std::vector<Unit*>& batch);
  Failure RunUnits(const std::vector<Unit*>& batch, std::uint64_t& newest_event, bool& any_success);
  bool RunUnit(Unit& unit, Failure& failure, std::uint64_t& newest_event);
  void RollBack();
  void EnterFault(const Failure& failure);
  void TryToLeaveReadOnly();
  void CloseCleanly();

  const SqliteOptions options_;
  const Reserve reserve_;
  std::unique_ptr<Connection> connection_;
  internal::CommitSignal& signal_;
  std::atomic<StoreHealth> health_{StoreHealth::kOk};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Unit*> queue_;  // guarded by mutex_, as are the stages of the units
  bool stopping_ = false;    // guarded by mutex_
  std::mutex stop_mutex_;    // one Stop at a time
  std::thread thread_;
};

}  // namespace meshplay::store::sqlite
