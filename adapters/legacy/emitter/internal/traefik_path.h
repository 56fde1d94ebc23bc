#pragma once

#include <optional>
#include <string>

#include "libs/smi/lower.h"

namespace meshplay::legacy {

/// The characters of `text` as a regular expression.
std::string EscapeRegex(const std::string& text);

/// A pathRegex that Traefik Mesh takes for exactly the paths of `path`. Its controller removes one leading "/" and
/// writes PathPrefix(`/{path:REGEX}`): the regex is open at its end, may hold no capturing group, no backquote and no
/// unbalanced braces, and each of its alternatives must go on behind the slash. nullopt: there is no such form. Never
/// empty.
std::optional<std::string> TraefikPath(const smi::LoweredPath& path);

}  // namespace meshplay::legacy
