#include "server/store/sqlite/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>

namespace meshplay::store::sqlite {
namespace {

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

std::uint64_t FreeBytes(const std::string& path) {
  struct statvfs facts {};
  if (::statvfs(FolderOf(path).c_str(), &facts) != 0) return 0;
  return static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
}

bool IsNetworkFilesystem(std::uint64_t filesystem_type) {
  switch (filesystem_type) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFE534D42:  // SMB2
    case 0xFF534D42:  // CIFS
    case 0x5346414F:  // AFS
    case 0x73757245:  // Coda
    case 0x00C36400:  // Ceph
    case 0x0BD00BD0:  // Lustre
    case 0x7461636F:  // OCFS2
    case 0x01161970:  // GFS2
      return true;
    default:
      return false;
  }
}

Status CheckFilesystem(const std::string& database_path) {
  struct statfs facts {};
  if (::statfs(FolderOf(database_path).c_str(), &facts) != 0) {
    return Internal("STORE_FAILED", "The folder of the database cannot be read.")
        .WithRemediation("Make the folder and let the server's user read and write it.");
  }
  if (IsNetworkFilesystem(static_cast<std::uint64_t>(facts.f_type) & 0xffffffffU)) {
    return FailedPrecondition("STORE_NETWORK_FILESYSTEM", "The database would lie on a network file system.")
        .WithRemediation("Put it on a local disk: locks and fsync of network file systems lose data.");
  }
  return {};
}

Status MakePrivateFile(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return Internal("STORE_FAILED", "The database file cannot be opened.")
        .WithRemediation("Let the server's user read and write the file and its folder.");
  }
  ::close(descriptor);
  return {};
}

bool Reserve::Take() const {
  if (bytes_ == 0) return FreeBytes(path_) > 1024 * 1024;
  const int descriptor = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return false;
  const bool taken = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes_)) == 0;
  ::close(descriptor);
  if (!taken) Free();
  return taken;
}

void Reserve::Free() const {
  ::unlink(path_.c_str());
}

}  // namespace meshplay::store::sqlite
