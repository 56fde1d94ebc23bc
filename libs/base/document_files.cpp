#include "libs/base/document_files.h"

#include <algorithm>
#include <filesystem>

namespace meshplay {

namespace fs = std::filesystem;

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

}  // namespace meshplay
