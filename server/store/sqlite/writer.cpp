#include "server/store/sqlite/writer.h"

#include <algorithm>

#include "libs/base/log.h"
#include "server/store/internal/rules.h"
#include "server/store/sqlite/unit.h"

namespace meshplay::store::sqlite {
namespace {

constexpr std::chrono::milliseconds kReadOnlyProbe{500};

Error StorageFull() {
  return Error(ErrorCode::kResourceExhausted, "STORAGE_FULL", "The disk of the database is full.")
      .WithRemediation("Free room on the disk; the server takes writes again by itself.");
}
Error Broken() {
  return Internal("STORE_FAILED", "The database failed; the server takes no more writes.");
}
Error Busy() {
  return Unavailable("STORE_BUSY", "Too many writes are waiting for the database.");
}

Failure NoFailure() {
  return {Fault::kNone, Broken()};
}

}  // namespace

Writer::Writer(const SqliteOptions& options, std::unique_ptr<Connection> connection, internal::CommitSignal& signal)
    : options_(options),
      reserve_(options.path + ".reserve", options.reserve_bytes),
      connection_(std::move(connection)),
      signal_(signal) {
  if (!reserve_.Take()) health_ = StoreHealth::kReadOnly;
  thread_ = std::thread([this] { Loop(); });
}

Writer::~Writer() {
  Stop();
}

Status Writer::Write(const std::function<Status(Transaction&)>& work) {
  Unit unit;
  unit.work = &work;
  std::unique_lock lock(mutex_);
  if (stopping_) return internal::StoreStopped();
  if (health_ == StoreHealth::kReadOnly) return StorageFull();
  if (health_ == StoreHealth::kFailed) return Broken();
  if (queue_.size() >= options_.max_queued_writes) return Busy();
  queue_.push_back(&unit);
  wake_.notify_one();
  unit.done.wait_for(lock, options_.busy_timeout, [&] { return unit.stage != Stage::kQueued; });
  if (unit.stage == Stage::kQueued) {
    queue_.erase(std::find(queue_.begin(), queue_.end(), &unit));
    return Busy();
  }
  unit.done.wait(lock, [&] { return unit.stage == Stage::kDone; });
  return std::move(unit.result);
}

void Writer::Stop() {
  const std::lock_guard once(stop_mutex_);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Writer::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto has_work = [&] { return stopping_ || !queue_.empty(); };
    if (health_ == StoreHealth::kReadOnly) {
      wake_.wait_for(lock, kReadOnlyProbe, has_work);
    } else {
      wake_.wait(lock, has_work);
    }
    std::vector<Unit*> batch;
    while (!queue_.empty() && batch.size() < options_.max_batch) {
      batch.push_back(queue_.front());
      batch.back()->stage = Stage::kRunning;
      queue_.pop_front();
    }
    if (batch.empty() && stopping_) break;
    lock.unlock();
    if (health_ == StoreHealth::kReadOnly) TryToLeaveReadOnly();
    const std::uint64_t newest = batch.empty() ? 0 : RunBatch(batch);
    if (newest != 0) signal_.Publish(newest);
    lock.lock();
    for (Unit* unit : batch) {
      unit->stage = Stage::kDone;
      unit->done.notify_one();
    }
  }
  lock.unlock();
  CloseCleanly();
}

std::uint64_t Writer::RunBatch(const std::vector<Unit*>& batch) {
  std::uint64_t newest = 0;
  bool any_success = false;
  Failure failure = NoFailure();
  if (health_ == StoreHealth::kReadOnly) {
    failure = {Fault::kFull, StorageFull()};
  } else if (health_ == StoreHealth::kFailed) {
    failure = {Fault::kBroken, Broken()};
  } else {
    failure = RunUnits(batch, newest, any_success);
  }
  if (failure.fault == Fault::kNone) return any_success ? newest : 0;
  for (Unit* unit : batch) {
    if (unit->result) unit->result = failure.error;  // nothing of this batch is on disk
  }
  return 0;
}

Failure Writer::RunUnits(const std::vector<Unit*>& batch, std::uint64_t& newest_event, bool& any_success) {
  Failure failure = NoFailure();
  try {
    Query(*connection_, "BEGIN IMMEDIATE").RunToEnd();
    for (Unit* unit : batch) {
      if (RunUnit(*unit, failure, newest_event)) any_success = true;
      if (failure.fault != Fault::kNone) break;
    }
    if (failure.fault == Fault::kNone) Query(*connection_, any_success ? "COMMIT" : "ROLLBACK").RunToEnd();
  } catch (const std::exception& exception) {
    failure = Classify(exception, options_.path);
    // Whatever ended the transaction, none of its units may be acknowledged.
    if (failure.fault == Fault::kNone) failure = {Fault::kBroken, Broken()};
    LogError("a commit failed", {{log_key::kError, exception.what()}});
  }
  if (failure.fault != Fault::kNone) {
    RollBack();
    EnterFault(failure);
  }
  return failure;
}

bool Writer::RunUnit(Unit& unit, Failure& failure, std::uint64_t& newest_event) {
  Query(*connection_, "SAVEPOINT unit").RunToEnd();
  SqliteUnit transaction(*connection_);
  unit.result = internal::RunGuarded(*unit.work, static_cast<Transaction&>(transaction));
  if (transaction.fault() != Fault::kNone) {
    failure = {transaction.fault(), *transaction.error()};
    unit.result = failure.error;
    return false;
  }
  if (!unit.result) Query(*connection_, "ROLLBACK TO unit").RunToEnd();
  Query(*connection_, "RELEASE unit").RunToEnd();
  if (unit.result) newest_event = std::max(newest_event, transaction.newest_event());
  return unit.result.has_value();
}

void Writer::RollBack() {
  if (!connection_->InTransaction()) return;
  try {
    Query(*connection_, "ROLLBACK").RunToEnd();
  } catch (const std::exception& exception) {
    LogError("a rollback failed", {{log_key::kError, exception.what()}});
    health_ = StoreHealth::kFailed;
  }
}

void Writer::EnterFault(const Failure& failure) {
  if (health_ == StoreHealth::kFailed) return;
  if (failure.fault == Fault::kBroken) {
    health_ = StoreHealth::kFailed;
    LogError("the database failed: no write is acknowledged any more", {{log_key::kReason, failure.error.reason()}});
  } else if (failure.fault == Fault::kFull) {
    StoreHealth expected = StoreHealth::kOk;
    health_.compare_exchange_strong(expected, StoreHealth::kReadOnly);
    LogWarning("the disk is full: the database is read-only until there is room");
    reserve_.Free();
    try {
      // Folding the log into the database gives its room back.
      Query(*connection_, "PRAGMA wal_checkpoint(TRUNCATE)").RunToEnd();
    } catch (const std::exception& exception) {
      LogWarning("the log of the database could not be folded", {{log_key::kError, exception.what()}});
    }
  }
}

void Writer::TryToLeaveReadOnly() {
  if (!reserve_.Take()) return;
  try {
    connection_->Run("BEGIN IMMEDIATE");
    connection_->Run(
        "INSERT INTO meta (name, value) VALUES ('storage_probe', hex(randomblob(4096)))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    connection_->Run("COMMIT");
    StoreHealth expected = StoreHealth::kReadOnly;
    health_.compare_exchange_strong(expected, StoreHealth::kOk);
    LogInfo("there is room on the disk: the database takes writes again");
  } catch (const std::exception& exception) {
    const Failure failure = Classify(exception, options_.path);
    RollBack();
    reserve_.Free();
    if (failure.fault == Fault::kBroken) EnterFault(failure);
  }
}

void Writer::CloseCleanly() {
  if (health_ == StoreHealth::kFailed) return;
  try {
    connection_->Run(
        "INSERT INTO meta (name, value) VALUES ('clean_stop', '1')"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    Query(*connection_, "PRAGMA wal_checkpoint(TRUNCATE)").RunToEnd();
  } catch (const std::exception& exception) {
    LogWarning("the database was not closed cleanly", {{log_key::kError, exception.what()}});
  }
}

}  // namespace meshplay::store::sqlite
