#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/smi/resolve.h"

namespace meshplay::gamma {

inline constexpr std::size_t kMaxMatchesPerRule = 64;
inline constexpr std::size_t kMaxMatches = 128;
inline constexpr std::size_t kMaxBackends = 16;
inline constexpr std::size_t kMaxPathBytes = 1024;
inline constexpr std::size_t kMaxHeaderBytes = 4096;
inline constexpr std::size_t kMaxHeaders = 16;

/// Takes every path, and comes last where prefixes come before regular expressions and longer ones before shorter ones.
inline constexpr const char* kAnyPathRegex = ".*";

/// How an implementation reads regular expressions.
enum class RegexStyle {
  kPlain,    ///< Full match, as Envoy does.
  kWrapped,  ///< Leftmost-first search whose result must be the whole text, as Linkerd does: always ^(?:p)$.
};

/// The entries of `matches` of an HTTPRoute rule that say one SMI match exactly, one for each pair of path and method.
struct RouteMatches {
  std::vector<nlohmann::json> entries;  ///< Empty with an empty `problem`: no request can match.
  std::string problem_code;             ///< REGEX_TOO_LONG or NOT_REPRESENTABLE.
  std::string problem;                  ///< Why it cannot be said; empty when it can.
  bool path_regex = false;              ///< A path is a regular expression.
  bool header_regex = false;            ///< A header value is a regular expression.
};
RouteMatches MatchesOf(const smi::RequestMatch& match, RegexStyle style);

/// True for what a route takes as an Exact or PathPrefix path: starts with "/", no "//", "/./" or "/../", no character
/// that a URL does not hold. Escaped characters are left out too: routes refuse "%2F" and compare the others as
/// written.
bool IsGatewayPath(const std::string& text);

}  // namespace meshplay::gamma
