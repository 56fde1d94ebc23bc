#include "server/store/sqlite_store.h"

#include <atomic>
#include <future>
#include <mutex>
#include <utility>

#include "libs/base/files.h"
#include "libs/base/log.h"
#include "server/store/internal/commit_signal.h"
#include "server/store/sqlite/disk.h"
#include "server/store/sqlite/errors.h"
#include "server/store/sqlite/migrations.h"
#include "server/store/sqlite/reader_pool.h"
#include "server/store/sqlite/writer.h"

namespace meshplay::store {
namespace {

using sqlite::Access;
using sqlite::Connection;

/// Looks through the whole file in the background after an unclean stop; Stop interrupts it.
class DamageCheck {
 public:
  /// `running` is true until the check is over.
  DamageCheck(const SqliteOptions& options, std::function<void()> on_damage, std::atomic<bool>& running)
      : connection_(options, Access::kRead),
        on_damage_(std::move(on_damage)),
        running_(running),
        done_(std::async(std::launch::async, [this] {
          Run();
          running_ = false;
        })) {}
  DamageCheck(const DamageCheck&) = delete;
  DamageCheck& operator=(const DamageCheck&) = delete;
  ~DamageCheck() {
    stopping_ = true;
    // An interrupt has no effect on a statement that has not started, so it is repeated.
    do {
      connection_.Interrupt();
    } while (done_.wait_for(std::chrono::milliseconds(5)) != std::future_status::ready);
  }

 private:
  void Run() {
    try {
      if (stopping_) return;
      const std::string verdict = connection_.db().execAndGet("PRAGMA quick_check(1)").getString();
      if (verdict == "ok") {
        LogInfo("the database is undamaged after an unclean stop");
        return;
      }
      LogError("the database is damaged", {{log_key::kError, verdict}});
    } catch (const std::exception& exception) {
      if (stopping_) return;
      LogError("the check of the database failed", {{log_key::kError, exception.what()}});
    }
    on_damage_();
  }

  Connection connection_;
  std::function<void()> on_damage_;
  std::atomic<bool>& running_;
  std::atomic<bool> stopping_{false};
  std::future<void> done_;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(const SqliteOptions& options, FileLock lock, std::unique_ptr<Connection> connection, bool was_clean,
              std::uint64_t newest_event)
      : lock_(std::move(lock)), readers_(options), writer_(options, std::move(connection), signal_) {
    signal_.SetInitial(newest_event);
    if (was_clean) return;
    checking_ = true;
    check_ = std::make_unique<DamageCheck>(
        options, [this] { writer_.Fail(); }, checking_);
  }
  ~SqliteStore() override { Stop(); }

  Status Write(const std::function<Status(Transaction&)>& work) override { return writer_.Write(work); }
  Status Read(const std::function<Status(Reader&)>& work) override { return readers_.Read(work); }
  std::uint64_t NewestEventSeq() const override { return signal_.newest(); }
  bool WaitForEvents(std::uint64_t seq, std::chrono::milliseconds timeout) override {
    return signal_.Wait(seq, timeout);
  }
  std::uint64_t AddListener(std::function<void(std::uint64_t)> listener) override {
    return signal_.AddListener(std::move(listener));
  }
  void RemoveListener(std::uint64_t id) override { signal_.RemoveListener(id); }
  StoreHealth Health() const override { return writer_.health(); }
  bool IsChecking() const override { return checking_; }
  void Stop() override {
    const std::lock_guard once(stop_mutex_);
    check_.reset();
    writer_.Stop();
    signal_.Stop();
  }

 private:
  FileLock lock_;
  internal::CommitSignal signal_;
  sqlite::ReaderPool readers_;
  sqlite::Writer writer_;
  std::mutex stop_mutex_;
  std::atomic<bool> checking_{false};
  std::unique_ptr<DamageCheck> check_;
};

Status CheckOptions(const SqliteOptions& options) {
  if (options.path.empty() || options.path.front() == ':' || options.path.starts_with("file:")) {
    return InvalidArgument("STORE_OPTIONS_INVALID", "The database needs the path of a file.");
  }
  if (options.readers < 1 || options.readers > 32 || options.max_batch < 1 || options.max_queued_writes < 1) {
    return InvalidArgument("STORE_OPTIONS_INVALID", "readers must be 1 to 32, batch and queue at least 1.");
  }
  return {};
}

Result<FileLock> TakeLock(const std::string& path) {
  auto lock = FileLock::Acquire(path + ".lock");
  if (lock) return lock;
  if (lock.error().reason() == "FILE_LOCKED") {
    return FailedPrecondition("STORE_LOCKED", "Another server uses the database.")
        .WithRemediation("Stop the other server, or give this one a database of its own.");
  }
  return Internal("STORE_FAILED", "The lock file of the database cannot be used: " + lock.error().message());
}

/// What was in the row before this start; from now on the stop is unclean until Stop says otherwise.
bool ReplaceCleanMark(Connection& connection) {
  SQLite::Statement read(connection.db(), "SELECT value FROM meta WHERE name = 'clean_stop'");
  const bool known = read.executeStep();
  const bool clean = !known || read.getColumn(0).getString() == "1";  // no row: a new database
  read.reset();
  connection.Run(
      "INSERT INTO meta (name, value) VALUES ('clean_stop', '0') ON CONFLICT (name) DO UPDATE SET value = '0'");
  return clean;
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options) {
  MP_CHECK(CheckOptions(options));
  MP_CHECK(sqlite::CheckFilesystem(options.path));
  MP_TRY(FileLock lock, TakeLock(options.path));
  MP_CHECK(sqlite::MakePrivateFile(options.path));
  try {
    auto connection = std::make_unique<Connection>(options, Access::kWrite);
    // Looks before it changes anything: the file may belong to another program.
    MP_CHECK(sqlite::CheckOwner(*connection));
    if (connection->db().execAndGet("PRAGMA journal_mode = WAL").getString() != "wal") {
      return Internal("STORE_FAILED", "The database cannot be switched to write-ahead logging.");
    }
    connection->Run("PRAGMA journal_size_limit = 67108864");
    connection->Run(options.durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
    sqlite::Migrate(*connection);
    const bool clean = ReplaceCleanMark(*connection);
    const std::int64_t newest = connection->db().execAndGet("SELECT coalesce(max(seq), 0) FROM event").getInt64();
    return std::unique_ptr<Store>(std::make_unique<SqliteStore>(options, std::move(lock), std::move(connection), clean,
                                                                static_cast<std::uint64_t>(newest)));
  } catch (const std::exception& exception) {
    LogError("the database cannot be opened", {{log_key::kError, exception.what()}});
    return sqlite::ClassifyOpen(exception, options.path);
  }
}

}  // namespace meshplay::store
