#pragma once

#include <cstddef>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay::smi {

/// CheckRegex, and how large the compiled form is (the most there can be for one that is too large): checking takes
/// about as long as that.
Status CheckRegex(std::string_view regex, std::size_t& size);

}  // namespace meshplay::smi
