#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay {

/// Reads a whole file. Errors: kNotFound FILE_NOT_FOUND, kPermissionDenied FILE_NOT_READABLE,
/// kResourceExhausted FILE_TOO_LARGE, kInternal FILE_IO_FAILED.
Result<std::string> ReadFile(const std::string& path, std::size_t max_bytes = 16 * 1024 * 1024);

/// Replaces a file in one step (temporary file, fsync, rename, fsync of the folder). `mode` is the permission bits.
/// Errors: kInternal FILE_IO_FAILED, kResourceExhausted STORAGE_FULL.
Status WriteFileAtomically(const std::string& path, std::string_view content, unsigned mode = 0600);

/// Makes a folder and its parents; existing folders are fine. Errors: kInternal FILE_IO_FAILED.
Status MakeDirectory(const std::string& path, unsigned mode = 0700);

/// An exclusive flock on a file, held while this object lives. Threads: move-only, one owner.
class FileLock {
 public:
  /// Errors: kFailedPrecondition FILE_LOCKED when another process holds it; kInternal FILE_IO_FAILED.
  static Result<FileLock> Acquire(const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

/// A new folder under the system's temporary folder, mode 0700, removed with its content when this object dies.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> Create(const std::string& prefix);
  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace meshplay
