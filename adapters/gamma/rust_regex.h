#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace meshplay::gamma {

/// The same expression for the regex crate of Rust, which Linkerd uses. `regex` must be valid RE2. Where the two
/// languages read the same text differently (\d and \w are Unicode there; "[", "&&" and "--" mean more inside a class;
/// "{id}" is an error) the text is rewritten. nullopt for the few things that have no equal: Unicode classes, octal
/// escapes, \C, \Q, \B, \w without regard to case, and a repetition right behind flags.
std::optional<std::string> RustRegex(std::string_view regex);

/// `text` as an expression that accepts exactly it, in RE2 and in Rust.
std::string EscapeLiteral(std::string_view text);

}  // namespace meshplay::gamma
