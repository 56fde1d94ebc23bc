#pragma once

#include <cstddef>
#include <cstdint>

namespace meshplay::smi {

/// Findings of one object that the parser lists, and that Validate lists; FINDINGS_OMITTED stands for those after.
inline constexpr std::size_t kMaxFindingsOfObject = 100;

/// Instructions of all regular expressions of one set, compiled: checking them takes a second or two. Those after are
/// REGEX_INVALID.
inline constexpr std::size_t kMaxRegexesSize = 2'000'000;

/// The largest weight of a backend, all entries of it together, that every mesh takes (Gateway API).
inline constexpr std::int64_t kMaxWeight = 1'000'000;

}  // namespace meshplay::smi
