#pragma once

#include <cstddef>
#include <string_view>

namespace meshplay {

/// True when `text` is well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
bool IsUtf8(std::string_view text);

/// Code points in well-formed UTF-8.
std::size_t CountCodePoints(std::string_view text);

}  // namespace meshplay
