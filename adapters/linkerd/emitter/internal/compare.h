#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

#include "adapters/linkerd/emitter/internal/request_set.h"

namespace meshplay::linkerd {

inline constexpr std::size_t kMaxRegexTries = 10'000;  ///< Of one Comparer.

/// The requests of two sets.
struct Overlap {
  enum class Kind {
    kNone,     ///< There is none.
    kSet,      ///< `set` is exactly those.
    kUnknown,  ///< There may be some, and no route says exactly those.
  };
  Kind kind = Kind::kNone;
  RequestSet set;
};

/// Tells how sets of requests lie to each other. Remembers what regular expressions accept, and stops trying them after
/// kMaxRegexTries: from then on it cannot tell, which is always a safe answer.
class Comparer {
 public:
  /// True only when every request of `narrow` is one of `wide`. False also when that cannot be told.
  bool Covers(const RequestSet& wide, const RequestSet& narrow);
  Overlap Intersect(const RequestSet& a, const RequestSet& b);

 private:
  using Header = smi::HeaderCondition;
  using Pattern = smi::HeaderPattern;

  bool CoversPath(const RequestSet& wide, const RequestSet& narrow);
  bool DisjointPaths(const RequestSet& a, const RequestSet& b);
  bool CoversPattern(const Pattern& wide, const Pattern& narrow);
  bool DisjointPatterns(const Pattern& a, const Pattern& b);
  bool CoversHeader(const Header& wide, const Header& narrow);
  Overlap::Kind IntersectHeader(const Header& a, const Header& b, Header& out);
  Overlap::Kind Filter(const Header& values, const Header& by, Header& out);
  std::optional<bool> Accepts(const smi::PathPattern& path, const std::string& text);
  std::optional<bool> Accepts(const Pattern& pattern, const std::string& text);
  std::optional<bool> RegexAccepts(const std::string& regex, const std::string& text);

  std::unordered_map<std::string, bool> tried_;
};

/// A number that is greater for a narrower set: Covers(wide, narrow) gives Narrowness(wide) <= Narrowness(narrow), and
/// equality only when the sets differ in nothing but their header conditions.
long Narrowness(const RequestSet& set);

}  // namespace meshplay::linkerd
