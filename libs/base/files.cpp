#include "libs/base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace meshplay {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  bool valid() const { return number_ >= 0; }

 private:
  int number_;
};

Error IoError(std::string_view what, int code) {
  if (code == ENOSPC || code == EDQUOT) {
    return Error(ErrorCode::kResourceExhausted, "STORAGE_FULL", "there is no space left to write a file");
  }
  return Internal("FILE_IO_FAILED", std::string(what) + ": " + std::generic_category().message(code));
}

Error ReadError(int code) {
  if (code == ENOENT || code == ENOTDIR) return NotFound("FILE_NOT_FOUND", "the file does not exist");
  if (code == EACCES || code == EPERM) {
    return Error(ErrorCode::kPermissionDenied, "FILE_NOT_READABLE", "the file may not be read");
  }
  return IoError("a file could not be read", code);
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// Returns 0 or the errno.
int WriteAll(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t wrote = ::write(descriptor, content.data(), content.size());
    if (wrote >= 0) {
      content.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ReadError(errno);
  std::string content;
  std::vector<char> buffer(64 * 1024);
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got == 0) return content;
    if (got < 0) {
      if (errno == EINTR) continue;
      return ReadError(errno);
    }
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > max_bytes) {
      return Error(ErrorCode::kResourceExhausted, "FILE_TOO_LARGE",
                   "the file is larger than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

Status WriteFileAtomically(const std::string& path, std::string_view content, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  int failed = 0;
  {
    const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!file.valid()) return IoError("a file could not be made", errno);
    failed = WriteAll(file.get(), content);
    if (failed == 0 && ::fchmod(file.get(), static_cast<mode_t>(mode)) != 0) failed = errno;
    if (failed == 0 && ::fsync(file.get()) != 0) failed = errno;
  }
  if (failed == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) failed = errno;
  if (failed != 0) {
    ::unlink(temporary.c_str());
    return IoError("a file could not be written", failed);
  }
  const Descriptor folder(::open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || ::fsync(folder.get()) != 0) return IoError("a folder could not be synced", errno);
  return {};
}

Status MakeDirectory(const std::string& path, unsigned mode) {
  std::filesystem::path made;
  for (const std::filesystem::path& part : std::filesystem::path(path)) {
    made /= part;
    struct stat facts {};
    if (::stat(made.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) continue;
    if (::mkdir(made.c_str(), static_cast<mode_t>(mode)) == 0) continue;
    const int code = errno;
    // Somebody else may have made it in between.
    if (code == EEXIST && ::stat(made.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode)) continue;
    return IoError("a folder could not be made", code);
  }
  return {};
}

Result<FileLock> FileLock::Acquire(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return IoError("a lock file could not be opened", errno);
  FileLock lock(descriptor);
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) return FailedPrecondition("FILE_LOCKED", "another process holds the lock");
    return IoError("a lock could not be taken", errno);
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<TemporaryDirectory> TemporaryDirectory::Create(const std::string& prefix) {
  std::error_code error;
  const std::filesystem::path root = std::filesystem::temp_directory_path(error);
  if (error) return IoError("there is no folder for temporary files", error.value());
  std::string path = (root / (prefix + "XXXXXX")).string();
  if (::mkdtemp(path.data()) == nullptr) return IoError("a temporary folder could not be made", errno);
  return TemporaryDirectory(std::move(path));
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryDirectory::~TemporaryDirectory() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace meshplay
