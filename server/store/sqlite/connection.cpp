#include "server/store/sqlite/connection.h"

#include <sqlite3.h>

namespace meshplay::store::sqlite {
namespace {

constexpr std::size_t kMaxStatements = 512;
constexpr int kStepsBetweenLooks = 10'000;

int Flags(Access access) {
  return SQLite::OPEN_NOMUTEX | (access == Access::kWrite ? SQLite::OPEN_READWRITE : SQLite::OPEN_READONLY);
}

}  // namespace

Connection::Connection(const SqliteOptions& options, Access access)
    : path_(options.path), db_(options.path, Flags(access), static_cast<int>(options.busy_timeout.count())) {
  db_.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON");
  if (access == Access::kRead) db_.exec("PRAGMA query_only = ON");
}

Connection::~Connection() {
  statements_.clear();
}

bool Connection::InTransaction() {
  return sqlite3_get_autocommit(db_.getHandle()) == 0;
}

void Connection::SetTimeLimit(std::chrono::milliseconds limit) {
  if (limit.count() == 0) {
    sqlite3_progress_handler(db_.getHandle(), 0, nullptr, nullptr);
    return;
  }
  limit_ = std::chrono::steady_clock::now() + limit;
  sqlite3_progress_handler(
      db_.getHandle(), kStepsBetweenLooks,
      [](void* self) {
        return std::chrono::steady_clock::now() > static_cast<const Connection*>(self)->limit_ ? 1 : 0;
      },
      this);
}

void Connection::Interrupt() {
  sqlite3_interrupt(db_.getHandle());
}

SQLite::Statement& Connection::Prepared(const std::string& sql) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) return *known->second;
  // Filters combine to many texts; the common ones come back at once.
  if (statements_.size() >= kMaxStatements && in_use_ == 0) statements_.clear();
  auto made = std::make_unique<SQLite::Statement>(db_, sql);
  return *statements_.emplace(sql, std::move(made)).first->second;
}

Query::Query(Connection& connection, const std::string& sql)
    : connection_(connection), statement_(connection.Prepared(sql)) {
  ++connection_.in_use_;
}

Query::~Query() {
  statement_.tryReset();
  try {
    statement_.clearBindings();
  } catch (const std::exception&) {
    // Bindings are replaced at the next use anyway.
  }
  --connection_.in_use_;
}

int Query::RunToEnd() {
  while (statement_.executeStep()) {
  }
  return statement_.getChanges();
}

}  // namespace meshplay::store::sqlite
