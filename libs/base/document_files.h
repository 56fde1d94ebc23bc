#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "libs/base/result.h"

namespace meshplay {

/// The files that a path given for documents stands for: itself, or for a folder its *.yaml, *.yml and *.json files in
/// the order of their names (folders inside are not looked into). Whether a file exists is for its reader to find out.
/// Errors: kPermissionDenied FILE_NOT_READABLE.
Result<std::vector<std::string>> DocumentFilesOf(const std::string& path);

/// ReadFile; "-" is what comes from standard input until its end. Errors: those of ReadFile.
Result<std::string> ReadDocumentFile(const std::string& file, std::size_t max_bytes = 16 * 1024 * 1024);

}  // namespace meshplay
