#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/result.h"

namespace meshplay::smi {

// Lowering turns SMI's regular expressions into the plainest form that means exactly the same, so that a mesh without
// regular expressions can still carry most policies. Nothing here approximates: what has no plain form stays a regex,
// and the emitter decides. All functions are pure and bounded: a regex has at most kMaxRegexBytes bytes, a union at
// most kMaxAlternatives branches, nesting at most 8 groups. That a lowered form accepts exactly what RE2 accepts is
// tried on expressions and texts of a generator, near misses among them (tests/unit/smi/lower_property_test.cpp), and
// by a fuzzer (tests/fuzz/smi/lower_fuzz.cpp).

inline constexpr std::size_t kMaxRegexBytes = 1024;
inline constexpr std::size_t kMaxAlternatives = 16;

/// Where a pathRegex ends: SMI says it is anchored at its start only.
enum class PathAnchor { kSpec, kFull };

/// Compiles `regex` with RE2 within fixed memory. Errors: kInvalidArgument REGEX_TOO_LONG, REGEX_INVALID.
Status CheckRegex(std::string_view regex);

/// The same expression with `\Q...\E` written out: what stands around an expression must not end up within a quotation
/// that it leaves open.
std::string WithoutQuotations(std::string_view regex);

/// True when RE2 accepts the whole of `text`. A regex that does not compile matches nothing.
bool RegexMatchesFully(const std::string& regex, std::string_view text);

enum class PathForm {
  kAny,            ///< Every path.
  kExact,          ///< The path is `text`.
  kPrefix,         ///< The path starts with the characters of `text` ("/api" accepts "/apix").
  kSegmentPrefix,  ///< The path is `text`, or starts with `text` and "/".
  kTemplate,       ///< `text` with `{*}` for one non-empty segment; when `open`, anything may follow.
  kRegex,          ///< Only the regular expression says it.
};

struct PathPattern {
  PathForm form = PathForm::kAny;
  std::string text;   ///< Unescaped characters; for kRegex the expression.
  bool open = false;  ///< kTemplate only.
  bool operator==(const PathPattern&) const = default;
};

struct LoweredPath {
  std::vector<PathPattern> alternatives;  ///< Any of them. Empty: no path can match.
  std::string full_regex;                 ///< RE2/Envoy full-match form of the whole expression; "" means any path.
  bool dot_taken_literally = false;       ///< lenientDots narrowed a "." to a dot.
};

struct PathOptions {
  PathAnchor anchor = PathAnchor::kSpec;
  bool lenient_dots = false;
};

/// Lowers a pathRegex that passed CheckRegex. 06 §4.0.2 lists the forms.
LoweredPath LowerPath(std::string_view path_regex, const PathOptions& options = {});

/// The meaning of the lowered form: for tests and interpreters. `path` has no query string and starts with "/".
bool Matches(const LoweredPath& lowered, std::string_view path);

/// Longest literal text with which every path accepted by the regex starts (a widening for meshes without regexes).
std::string LiteralPrefix(std::string_view path_regex);

enum class HeaderForm { kPresent, kExact, kPrefix, kSuffix, kContains, kRegex };

struct HeaderPattern {
  HeaderForm form = HeaderForm::kPresent;
  std::string text;  ///< Unescaped characters; for kRegex the expression (full match).
  bool operator==(const HeaderPattern&) const = default;
};

/// Lowers a header value regex (full match) that passed CheckRegex; any of the patterns may accept. Empty: none can.
std::vector<HeaderPattern> LowerHeader(std::string_view value_regex);
bool Matches(const std::vector<HeaderPattern>& lowered, std::string_view value);

/// The methods as a set in the order written; nullopt for any method (none given, or "*" among them).
std::optional<std::vector<std::string>> LowerMethods(const std::vector<std::string>& methods);

/// Shares of `weights` that add up to `total` (100 for percent, 10,000 for hundredths), by largest remainder, ties to
/// the lowest index. All zero when the weights are. `rounded_to_zero` tells that a positive weight got nothing.
struct Shares {
  std::vector<std::int64_t> values;
  bool rounded_to_zero = false;
};
Shares LargestRemainder(const std::vector<std::int64_t>& weights, std::int64_t total);

}  // namespace meshplay::smi
