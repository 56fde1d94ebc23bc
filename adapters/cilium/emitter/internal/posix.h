#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace meshplay::cilium {

// Cilium documents its expressions as POSIX extended ones and runs them with RE2, on the whole text. What is written
// here means the same in both: plain groups, no lazy quantifiers, no classes with a backslash.

/// Text as an expression for exactly that text.
std::string Quote(std::string_view text);

/// The query string that may follow a path.
inline constexpr const char* kQuery = "(\\?.*)?";

/// An expression for the paths that `regex` (RE2, anchored at its start) accepts, with any query string behind them;
/// nothing in it takes a part of the query for the path. `open`: anything may follow what `regex` takes.
/// nullopt: the expression is outside the dialect.
std::optional<std::string> PosixPath(std::string_view regex, bool open);

/// The same for texts without a query, matched as a whole.
std::optional<std::string> PosixText(std::string_view regex);

}  // namespace meshplay::cilium
