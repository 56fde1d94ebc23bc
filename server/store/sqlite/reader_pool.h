#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "server/store/sqlite/connection.h"

namespace meshplay::store::sqlite {

/// Read-only connections, each used by one caller at a time. Threads: any.
class ReaderPool {
 public:
  explicit ReaderPool(const SqliteOptions& options);  ///< Throws what SQLite throws.
  Status Read(const std::function<Status(Reader&)>& work);

 private:
  class Loan;

  const SqliteOptions options_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> free_;
};

}  // namespace meshplay::store::sqlite
