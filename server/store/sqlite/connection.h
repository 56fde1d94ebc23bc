#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>

#include "libs/base/result.h"
#include "server/store/sqlite_store.h"

namespace meshplay::store::sqlite {

enum class Access { kWrite, kRead };

/// One connection with its prepared statements. Throws SQLite::Exception; callers in this folder sort it with
/// Classify. Threads: one at a time.
class Connection {
 public:
  Connection(const SqliteOptions& options, Access access);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  SQLite::Database& db() { return db_; }
  const std::string& path() const { return path_; }
  void Run(const char* sql) { db_.exec(sql); }  ///< Statements without parameters and rows, any number of them.
  bool InTransaction();
  /// A read that runs longer than this from now on ends with SQLITE_INTERRUPT; zero: no bound.
  void SetTimeLimit(std::chrono::milliseconds limit);
  void Interrupt();  ///< From any thread: ends the statement that runs now, not one that starts later.

 private:
  friend class Query;
  SQLite::Statement& Prepared(const std::string& sql);

  std::string path_;
  SQLite::Database db_;
  std::unordered_map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
  int in_use_ = 0;  ///< Queries that are alive: the cache is emptied only when there is none.
  std::chrono::steady_clock::time_point limit_{};
};

/// A use of a prepared statement: resets it when it goes, so that no snapshot stays open.
class Query {
 public:
  Query(Connection& connection, const std::string& sql);
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  /// Binds the next parameter. The text is not copied: it must live until the last step.
  void Add(const std::string& text) { statement_.bindNoCopy(++next_, text); }
  void Add(std::int64_t number) { statement_.bind(++next_, number); }
  void AddCopy(const std::string& text) { statement_.bind(++next_, text); }
  void AddBlob(const std::string& bytes) {
    statement_.bindNoCopy(++next_, bytes.data(), static_cast<int>(bytes.size()));
  }

  bool Step() { return statement_.executeStep(); }
  int RunToEnd();  ///< Steps to the end and returns how many rows changed.
  SQLite::Statement& statement() { return statement_; }

 private:
  Connection& connection_;
  SQLite::Statement& statement_;
  int next_ = 0;
};

}  // namespace meshplay::store::sqlite
