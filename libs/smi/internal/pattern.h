#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshplay::smi {

/// A piece of a regular expression of the small language that lowering understands.
struct Atom {
  enum class Type {
    kLiteral,   ///< The characters of `text`.
    kAnything,  ///< `.*`
    kOneChar,   ///< `.`
    kSegment,   ///< `[^/]+`
    kEnd,       ///< `$`
  };
  Type type = Type::kLiteral;
  std::string text;
};

/// One branch of an expression: atoms in order, neighbouring literals joined.
using Sequence = std::vector<Atom>;

/// Multiplies out groups, alternations and `?` into at most kMaxAlternatives branches. nullopt when the expression
/// uses anything outside the small language. The expression must be valid RE2; it is taken as anchored at its start.
std::optional<std::vector<Sequence>> ExpandPattern(std::string_view regex);

/// What `$` means for a branch: everything after the first `$` can only be empty.
struct Tail {
  bool impossible = false;  ///< Something must follow the end: the branch accepts nothing.
  bool closed = false;      ///< The branch ended in `$`.
  bool anything = false;    ///< The branch ended in `.*`.
};

/// Removes the end of a branch (`$`, `.*`) and says what it was.
Tail StripTail(Sequence& sequence);

}  // namespace meshplay::smi
