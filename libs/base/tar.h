#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay {

struct TarLimits {
  std::size_t max_entries = 10'000;
  std::size_t max_total_bytes = 128 * 1024 * 1024;  ///< Unpacked.
};

/// Unpacks a gzipped ustar archive into an existing folder. Only plain files and folders with relative names are taken:
/// an absolute name, "..", a link or a device makes the whole archive refused. Files get mode 0600.
/// Errors: kInvalidArgument ARCHIVE_INVALID, ARCHIVE_TOO_LARGE; those of Gunzip and WriteFileAtomically.
Status ExtractTarGz(std::string_view archive, const std::string& folder, const TarLimits& limits = {});

}  // namespace meshplay
