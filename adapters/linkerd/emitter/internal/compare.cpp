#include "adapters/linkerd/emitter/internal/compare.h"

#include <algorithm>

#include "adapters/gamma/rust_regex.h"

namespace meshplay::linkerd {
namespace {

using smi::HeaderCondition;
using smi::HeaderForm;
using smi::HeaderPattern;
using smi::PathForm;
using smi::PathPattern;

bool IsLiteral(const PathPattern& path) {
  return path.form == PathForm::kExact || path.form == PathForm::kPrefix || path.form == PathForm::kSegmentPrefix;
}

bool AllExact(const HeaderCondition& header) {
  return std::all_of(header.patterns.begin(), header.patterns.end(),
                     [](const HeaderPattern& p) { return p.form == HeaderForm::kExact; });
}

long NarrownessOf(const HeaderPattern& pattern) {
  const long length = static_cast<long>(pattern.text.size());
  switch (pattern.form) {
    case HeaderForm::kPresent:
      return 0;
    case HeaderForm::kRegex:
      return 1;
    case HeaderForm::kContains:
      return 2 * length + 1;
    case HeaderForm::kPrefix:
    case HeaderForm::kSuffix:
      return 2 * length + 2;
    case HeaderForm::kExact:
      return 2 * length + 3;
  }
  return 0;
}

long PathNarrowness(const RequestSet& set) {
  const long length = static_cast<long>(set.start.size());
  switch (set.path.form) {
    case PathForm::kAny:
      return 0;
    case PathForm::kPrefix:
      return 2 * length + 1;
    case PathForm::kSegmentPrefix:
    case PathForm::kTemplate:
    case PathForm::kRegex:
      return 2 * length + 2;
    case PathForm::kExact:
      return 2 * length + 3;
  }
  return 0;
}

}  // namespace

std::optional<bool> Comparer::RegexAccepts(const std::string& regex, const std::string& text) {
  const std::string key = std::to_string(regex.size()) + ":" + regex + text;
  const auto known = tried_.find(key);
  if (known != tried_.end()) return known->second;
  if (tried_.size() >= kMaxRegexTries) return std::nullopt;
  return tried_.emplace(key, smi::RegexMatchesFully(regex, text)).first->second;
}

std::optional<bool> Comparer::Accepts(const PathPattern& path, const std::string& text) {
  if (path.form == PathForm::kRegex) return RegexAccepts(FullRegex(path), text);
  return smi::Matches(smi::LoweredPath{{path}, "", false}, text);
}

std::optional<bool> Comparer::Accepts(const Pattern& pattern, const std::string& text) {
  if (pattern.form == HeaderForm::kRegex) return RegexAccepts(pattern.text, text);
  return smi::Matches({pattern}, text);
}

bool Comparer::CoversPath(const RequestSet& wide, const RequestSet& narrow) {
  const PathPattern& w = wide.path;
  const PathPattern& n = narrow.path;
  if (w.form == PathForm::kAny) return true;
  if (n.form == PathForm::kAny) return false;
  if (w.form == PathForm::kPrefix) return narrow.start.starts_with(w.text);
  if (w == n) return true;
  if (w.form == PathForm::kSegmentPrefix) {
    if (!narrow.start.starts_with(w.text)) return false;
    if (narrow.start.size() > w.text.size()) return narrow.start[w.text.size()] == '/';
    return n.form == PathForm::kExact;
  }
  return w.form != PathForm::kExact && n.form == PathForm::kExact && n.text.starts_with(wide.start) &&
         Accepts(w, n.text).value_or(false);
}

// Literal paths are nested or have nothing in common; for others their literal start decides.
bool Comparer::DisjointPaths(const RequestSet& a, const RequestSet& b) {
  if (!a.start.starts_with(b.start) && !b.start.starts_with(a.start)) return true;
  if (CoversPath(a, b) || CoversPath(b, a)) return false;
  if (IsLiteral(a.path) && IsLiteral(b.path)) return true;
  if (a.path.form == PathForm::kExact) return !Accepts(b.path, a.path.text).value_or(true);
  if (b.path.form == PathForm::kExact) return !Accepts(a.path, b.path.text).value_or(true);
  return false;
}

bool Comparer::CoversPattern(const Pattern& wide, const Pattern& narrow) {
  if (wide.form == HeaderForm::kPresent || wide == narrow) return true;
  switch (narrow.form) {
    case HeaderForm::kExact:
      return Accepts(wide, narrow.text).value_or(false);
    case HeaderForm::kPrefix:
      return (wide.form == HeaderForm::kPrefix && narrow.text.starts_with(wide.text)) ||
             (wide.form == HeaderForm::kContains && narrow.text.find(wide.text) != std::string::npos);
    case HeaderForm::kSuffix:
      return (wide.form == HeaderForm::kSuffix && narrow.text.ends_with(wide.text)) ||
             (wide.form == HeaderForm::kContains && narrow.text.find(wide.text) != std::string::npos);
    case HeaderForm::kContains:
      return wide.form == HeaderForm::kContains && narrow.text.find(wide.text) != std::string::npos;
    case HeaderForm::kPresent:
    case HeaderForm::kRegex:
      return false;
  }
  return false;
}

bool Comparer::DisjointPatterns(const Pattern& a, const Pattern& b) {
  if (a.form == HeaderForm::kExact) return !Accepts(b, a.text).value_or(true);
  if (b.form == HeaderForm::kExact) return !Accepts(a, b.text).value_or(true);
  if (a.form != b.form) return false;
  if (a.form == HeaderForm::kPrefix) return !a.text.starts_with(b.text) && !b.text.starts_with(a.text);
  if (a.form == HeaderForm::kSuffix) return !a.text.ends_with(b.text) && !b.text.ends_with(a.text);
  return false;
}

bool Comparer::CoversHeader(const Header& wide, const Header& narrow) {
  return std::all_of(narrow.patterns.begin(), narrow.patterns.end(), [&](const Pattern& n) {
    return std::any_of(wide.patterns.begin(), wide.patterns.end(),
                       [&](const Pattern& w) { return CoversPattern(w, n); });
  });
}

// Those values of a list of values that the other condition takes too.
Overlap::Kind Comparer::Filter(const Header& values, const Header& by, Header& out) {
  out = {values.name, "", {}};
  for (const Pattern& value : values.patterns) {
    bool accepted = false;
    for (const Pattern& pattern : by.patterns) {
      const auto one = Accepts(pattern, value.text);
      if (!one.has_value()) return Overlap::Kind::kUnknown;
      accepted = accepted || *one;
    }
    if (!accepted) continue;
    if (!out.patterns.empty()) out.regex += '|';
    out.regex += gamma::EscapeLiteral(value.text);
    out.patterns.push_back(value);
  }
  return out.patterns.empty() ? Overlap::Kind::kNone : Overlap::Kind::kSet;
}

Overlap::Kind Comparer::IntersectHeader(const Header& a, const Header& b, Header& out) {
  if (CoversHeader(a, b)) {
    out = b;
  } else if (CoversHeader(b, a)) {
    out = a;
  } else if (AllExact(a) || AllExact(b)) {
    return AllExact(a) ? Filter(a, b, out) : Filter(b, a, out);
  } else {
    const bool disjoint = std::all_of(a.patterns.begin(), a.patterns.end(), [&](const Pattern& x) {
      return std::all_of(b.patterns.begin(), b.patterns.end(),
                         [&](const Pattern& y) { return DisjointPatterns(x, y); });
    });
    return disjoint ? Overlap::Kind::kNone : Overlap::Kind::kUnknown;
  }
  return Overlap::Kind::kSet;
}

bool Comparer::Covers(const RequestSet& wide, const RequestSet& narrow) {
  if (!CoversPath(wide, narrow)) return false;
  if (wide.methods.has_value()) {
    if (!narrow.methods.has_value()) return false;
    if (!std::includes(wide.methods->begin(), wide.methods->end(), narrow.methods->begin(), narrow.methods->end())) {
      return false;
    }
  }
  for (const auto& [name, condition] : wide.headers) {
    const auto it = narrow.headers.find(name);
    if (it == narrow.headers.end() || !CoversHeader(condition, it->second)) return false;
  }
  return true;
}

Overlap Comparer::Intersect(const RequestSet& a, const RequestSet& b) {
  Overlap out;
  if (DisjointPaths(a, b)) return out;
  out.set.methods = a.methods.has_value() ? a.methods : b.methods;
  if (a.methods.has_value() && b.methods.has_value()) {
    out.set.methods.emplace();
    std::set_intersection(a.methods->begin(), a.methods->end(), b.methods->begin(), b.methods->end(),
                          std::inserter(*out.set.methods, out.set.methods->end()));
    if (out.set.methods->empty()) return out;
  }
  bool known = true;
  out.set.headers = a.headers;
  for (const auto& [name, condition] : b.headers) {
    const auto [it, added] = out.set.headers.emplace(name, condition);
    if (added) continue;
    const Overlap::Kind kind = IntersectHeader(a.headers.at(name), condition, it->second);
    if (kind == Overlap::Kind::kNone) return out;
    known = known && kind == Overlap::Kind::kSet;
  }
  if (CoversPath(a, b)) {
    SetPath(out.set, b.path);
  } else if (CoversPath(b, a)) {
    SetPath(out.set, a.path);
  } else {
    known = false;
  }
  out.kind = known ? Overlap::Kind::kSet : Overlap::Kind::kUnknown;
  return out;
}

long Narrowness(const RequestSet& set) {
  long total = PathNarrowness(set);
  if (set.methods.has_value()) total += 100 - static_cast<long>(set.methods->size());
  for (const auto& [name, condition] : set.headers) {
    long least = NarrownessOf(condition.patterns.front());
    for (const HeaderPattern& pattern : condition.patterns) least = std::min(least, NarrownessOf(pattern));
    total += 1 + least;
  }
  return total;
}

}  // namespace meshplay::linkerd
