#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay {

/// Reads "250ms", "3.5s", "2m", "1h30m": numbers with the units h, m, s, ms, largest first, no sign, no blanks.
/// Errors: kInvalidArgument DURATION_INVALID (also above 10 years).
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

/// The shortest such text: "1h30m", "3.5s", "250ms", "0s".
std::string FormatDuration(std::chrono::milliseconds duration);

}  // namespace meshplay
