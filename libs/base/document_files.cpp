#include "libs/base/document_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "libs/base/files.h"

namespace meshplay {

namespace fs = std::filesystem;

namespace {

// By its descriptor: /dev/stdin cannot be opened when it is a socket.
Result<std::string> ReadStandardInput(std::size_t max_bytes) {
  std::string text;
  std::string chunk(64 * 1024, '\0');
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Internal("FILE_IO_FAILED", "cannot read standard input");
    if (got == 0) return text;
    text.append(chunk, 0, static_cast<std::size_t>(got));
    if (text.size() > max_bytes) {
      return Error(ErrorCode::kResourceExhausted, "FILE_TOO_LARGE",
                   "standard input has more than " + std::to_string(max_bytes) + " bytes");
    }
  }
}

}  // namespace

Result<std::vector<std::string>> DocumentFilesOf(const std::string& path) {
  std::error_code failed;
  if (!fs::is_directory(path, failed)) return std::vector<std::string>{path};
  std::vector<std::string> inside;
  for (fs::directory_iterator it(path, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string extension = it->path().extension().string();
    if (extension == ".yaml" || extension == ".yml" || extension == ".json") inside.push_back(it->path().string());
  }
  if (failed) return Error(ErrorCode::kPermissionDenied, "FILE_NOT_READABLE", "cannot list folder " + path);
  std::sort(inside.begin(), inside.end());
  return inside;
}

Result<std::string> ReadDocumentFile(const std::string& file, std::size_t max_bytes) {
  return file == "-" ? ReadStandardInput(max_bytes) : ReadFile(file, max_bytes);
}

}  // namespace meshplay
