#include "server/store/sqlite/reader_pool.h"

#include "libs/base/log.h"
#include "server/store/internal/rules.h"
#include "server/store/sqlite/unit.h"

namespace meshplay::store::sqlite {
namespace {

constexpr std::chrono::milliseconds kReadTimeLimit{1'000};

/// Ends the snapshot and the time limit on every way out.
class Snapshot {
 public:
  explicit Snapshot(Connection& connection) : connection_(connection) {
    Query(connection_, "BEGIN").RunToEnd();
    connection_.SetTimeLimit(kReadTimeLimit);
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot() {
    connection_.SetTimeLimit(std::chrono::milliseconds(0));
    try {
      if (connection_.InTransaction()) Query(connection_, "ROLLBACK").RunToEnd();
    } catch (const std::exception& exception) {
      LogError("a read could not be ended", {{log_key::kError, exception.what()}});
    }
  }

 private:
  Connection& connection_;
};

}  // namespace

/// A connection taken from the pool, given back when this object goes.
class ReaderPool::Loan {
 public:
  Loan(ReaderPool& pool, std::unique_ptr<Connection> connection) : pool_(pool), connection_(std::move(connection)) {}
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  ~Loan() {
    {
      const std::lock_guard lock(pool_.mutex_);
      pool_.free_.push_back(std::move(connection_));
    }
    pool_.returned_.notify_one();
  }
  Connection& connection() { return *connection_; }

 private:
  ReaderPool& pool_;
  std::unique_ptr<Connection> connection_;
};

ReaderPool::ReaderPool(const SqliteOptions& options) : options_(options) {
  for (std::uint32_t i = 0; i < options.readers; ++i) {
    free_.push_back(std::make_unique<Connection>(options, Access::kRead));
  }
}

Status ReaderPool::Read(const std::function<Status(Reader&)>& work) {
  std::unique_lock lock(mutex_);
  if (!returned_.wait_for(lock, options_.busy_timeout, [&] { return !free_.empty(); })) {
    return Unavailable("STORE_BUSY", "Too many reads wait for the database.");
  }
  Loan loan(*this, std::move(free_.back()));
  free_.pop_back();
  lock.unlock();
  try {
    const Snapshot snapshot(loan.connection());
    SqliteUnit unit(loan.connection());
    return internal::RunGuarded(work, static_cast<Reader&>(unit));
  } catch (const std::exception& exception) {
    return Classify(exception, options_.path).error;
  }
}

}  // namespace meshplay::store::sqlite
