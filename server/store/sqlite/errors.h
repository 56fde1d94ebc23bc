#pragma once

#include <exception>
#include <string>

#include "libs/base/result.h"

namespace meshplay::store::sqlite {

/// What a failure means for the connection that met it.
enum class Fault {
  kNone,    ///< Of the statement alone: the transaction goes on.
  kBusy,    ///< Somebody else holds the database, or the time of a read is over.
  kFull,    ///< No room on the disk.
  kBroken,  ///< Input/output error, corruption, failed fsync: trust nothing any more.
};

struct Failure {
  Fault fault;
  Error error;
};

/// Sorts an exception of SQLiteCpp, or any other, into a fault and the error that callers see. `path` is the database
/// file: some input/output errors are a full disk in disguise.
Failure Classify(const std::exception& exception, const std::string& path);

/// The same for a failure to open: a file that is no database at all is STORE_FOREIGN.
Error ClassifyOpen(const std::exception& exception, const std::string& path);

}  // namespace meshplay::store::sqlite
