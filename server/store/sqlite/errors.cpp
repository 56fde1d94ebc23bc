#include "server/store/sqlite/errors.h"

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <string>

#include "server/store/internal/rules.h"
#include "server/store/sqlite/disk.h"

namespace meshplay::store::sqlite {
namespace {

constexpr std::uint64_t kHardlyAnyRoom = 256 * 1024;

Error Full() {
  return Error(ErrorCode::kResourceExhausted, "STORAGE_FULL", "The disk of the database is full.")
      .WithRemediation("Free room on the disk; the server takes writes again by itself.");
}

Error Corrupt() {
  return Error(ErrorCode::kDataLoss, "STORE_CORRUPT", "The database is damaged.")
      .WithRemediation("Stop the server and restore the database from a backup.");
}

Error Failed(int code) {
  return Internal("STORE_FAILED", "The database failed (code " + std::to_string(code) + ").");
}

Failure ClassifyConstraint(int extended) {
  switch (extended) {
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return {Fault::kNone, internal::RowUnknown("parent row")};
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_UNIQUE:
      return {Fault::kNone, internal::RowExists("row")};
    default:
      return {Fault::kNone, Failed(extended)};
  }
}

}  // namespace

Failure Classify(const std::exception& exception, const std::string& path) {
  const auto* of_sqlite = dynamic_cast<const SQLite::Exception*>(&exception);
  if (of_sqlite == nullptr) return {Fault::kNone, Internal("INTERNAL_BUG", "A row could not be read or written.")};
  const int extended = of_sqlite->getExtendedErrorCode();
  switch (of_sqlite->getErrorCode() & 0xff) {
    case SQLITE_CONSTRAINT:
      return ClassifyConstraint(extended);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Fault::kBusy, Unavailable("STORE_BUSY", "The database is in use by another program.")};
    case SQLITE_INTERRUPT:
      return {Fault::kBusy, Unavailable("STORE_BUSY", "The read took too long.")};
    case SQLITE_FULL:
      return {Fault::kFull, Full()};
    case SQLITE_IOERR:
      // The shared-memory file and quotas report a full disk as an input/output error. A failed fsync never counts as
      // full: what it lost cannot be known.
      if (extended != SQLITE_IOERR_FSYNC && extended != SQLITE_IOERR_DIR_FSYNC && FreeBytes(path) < kHardlyAnyRoom) {
        return {Fault::kFull, Full()};
      }
      return {Fault::kBroken, Failed(extended)};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Fault::kBroken, Corrupt()};
    case SQLITE_TOOBIG:
      return {Fault::kNone, InvalidArgument("ROW_TOO_LARGE", "A row is larger than the database takes.")};
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
      return {Fault::kNone, Failed(extended)};
    default:
      return {Fault::kBroken, Failed(extended)};
  }
}

Error ClassifyOpen(const std::exception& exception, const std::string& path) {
  const auto* of_sqlite = dynamic_cast<const SQLite::Exception*>(&exception);
  if (of_sqlite != nullptr && (of_sqlite->getErrorCode() & 0xff) == SQLITE_NOTADB) {
    return FailedPrecondition("STORE_FOREIGN", "The file is not a database.")
        .WithRemediation("Name another file as the database of the server.");
  }
  return Classify(exception, path).error;
}

}  // namespace meshplay::store::sqlite
