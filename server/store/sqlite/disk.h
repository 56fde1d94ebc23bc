#pragma once

#include <cstdint>
#include <string>

#include "libs/base/result.h"

namespace meshplay::store::sqlite {

/// Room left for us on the file system of `path`; 0 when it cannot be read.
std::uint64_t FreeBytes(const std::string& path);

/// True for the f_type of statfs(2) of file systems whose locks and fsync cannot be trusted for a database.
bool IsNetworkFilesystem(std::uint64_t filesystem_type);

/// Errors: kFailedPrecondition STORE_NETWORK_FILESYSTEM; kInternal STORE_FAILED when the folder cannot be looked at.
Status CheckFilesystem(const std::string& database_path);

/// Makes an empty file with mode 0600 when there is none. Errors: kInternal STORE_FAILED.
Status MakePrivateFile(const std::string& path);

/// Room kept back in a file beside the database, so that a full disk leaves enough to fold the log and to stop cleanly.
class Reserve {
 public:
  Reserve(std::string path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {}
  bool Take() const;  ///< True when the room is set aside (again). False: the disk has not enough.
  void Free() const;

 private:
  std::string path_;
  std::uint64_t bytes_;
};

}  // namespace meshplay::store::sqlite
