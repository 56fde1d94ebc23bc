#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "libs/base/result.h"
#include "server/store/store.h"

namespace meshplay::store {

struct SqliteOptions {
  std::string path;           ///< Database file; its folder must exist. ":memory:" is refused.
  std::uint32_t readers = 4;  ///< Read connections, 1..32.
  std::chrono::milliseconds busy_timeout{5'000};
  std::uint32_t max_queued_writes = 4'096;        ///< More is kUnavailable STORE_BUSY at once.
  std::uint32_t max_batch = 256;                  ///< Units of one commit.
  std::uint64_t reserve_bytes = 8 * 1024 * 1024;  ///< Size of the reserve file that a full disk frees; 0: none.
  bool durable = true;                            ///< false only in tests: synchronous=OFF.
};

/// Opens or makes the database, takes an exclusive flock on `path`.lock, checks application_id and user_version, runs
/// the embedded migrations.
/// Errors: kFailedPrecondition STORE_LOCKED (another server uses it), STORE_NEWER (schema of a newer server),
/// STORE_FOREIGN (not a Meshplay database), STORE_NETWORK_FILESYSTEM; kInvalidArgument STORE_OPTIONS_INVALID;
/// kResourceExhausted STORAGE_FULL; kDataLoss STORE_CORRUPT; kInternal STORE_FAILED.
/// After an unclean stop the whole file is checked in the background; damage turns Health() to kFailed.
Result<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options);

}  // namespace meshplay::store
