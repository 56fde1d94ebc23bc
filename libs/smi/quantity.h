#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace meshplay::smi {

/// A Kubernetes quantity ("10m", "1", "1.5", "2k", "1e3", "1Ki") in thousandths. nullopt when the text is no quantity,
/// is finer than a thousandth, or does not fit.
std::optional<std::int64_t> MilliFromQuantity(std::string_view text);

}  // namespace meshplay::smi
