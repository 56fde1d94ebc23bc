#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay {

/// Unpacks one or more whole gzip members. Errors: kInvalidArgument GZIP_INVALID (damaged, cut off, or followed by
/// something else); kResourceExhausted GZIP_TOO_LARGE when the content has more than `max_bytes`, found out without
/// holding more than that.
Result<std::string> Gunzip(std::string_view bytes, std::size_t max_bytes);

/// Packs; the same input gives the same bytes. Errors: kInternal GZIP_FAILED.
Result<std::string> Gzip(std::string_view bytes);

}  // namespace meshplay
