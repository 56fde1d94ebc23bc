#include "adapters/linkerd/emitter/internal/request_set.h"

#include <algorithm>

#include "adapters/gamma/matches.h"
#include "adapters/gamma/rust_regex.h"

namespace meshplay::linkerd {
namespace {

using nlohmann::json;
using smi::HeaderCondition;
using smi::HeaderForm;
using smi::HeaderPattern;
using smi::PathForm;
using smi::PathPattern;

constexpr std::string_view kHole = "{*}";

bool IsLiteral(const PathPattern& path) {
  return path.form == PathForm::kExact || path.form == PathForm::kPrefix || path.form == PathForm::kSegmentPrefix;
}

/// The whole-path expression in RE2, for forms that are not literal.
std::string FullRegex(const PathPattern& path) {
  std::string regex;
  if (path.form == PathForm::kTemplate) {
    std::string_view rest = path.text;
    while (!rest.empty()) {
      const std::size_t hole = rest.find(kHole);
      regex += gamma::EscapeLiteral(rest.substr(0, hole));
      if (hole == std::string_view::npos) break;
      regex += "[^/]+";
      rest.remove_prefix(hole + kHole.size());
    }
  } else {
    regex = path.text;
  }
  return path.open ? "(?:" + regex + ").*" : regex;
}

bool Accepts(const PathPattern& path, const std::string& text) {
  return smi::Matches(smi::LoweredPath{{path}, FullRegex(path), false}, text);
}

bool CoversPath(const RequestSet& wide, const RequestSet& narrow) {
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
         Accepts(w, n.text);
}

// Literal paths are nested or have nothing in common; for others their literal start decides.
bool DisjointPaths(const RequestSet& a, const RequestSet& b) {
  if (!a.start.starts_with(b.start) && !b.start.starts_with(a.start)) return true;
  if (CoversPath(a, b) || CoversPath(b, a)) return false;
  if (IsLiteral(a.path) && IsLiteral(b.path)) return true;
  return a.path.form == PathForm::kExact || b.path.form == PathForm::kExact;  // Not accepted by the other.
}

bool CoversPattern(const HeaderPattern& wide, const HeaderPattern& narrow) {
  if (wide.form == HeaderForm::kPresent || wide == narrow) return true;
  switch (narrow.form) {
    case HeaderForm::kExact:
      return smi::Matches({wide}, narrow.text);
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

bool DisjointPatterns(const HeaderPattern& a, const HeaderPattern& b) {
  if (a.form == HeaderForm::kExact) return !smi::Matches({b}, a.text);
  if (b.form == HeaderForm::kExact) return !smi::Matches({a}, b.text);
  if (a.form != b.form) return false;
  if (a.form == HeaderForm::kPrefix) return !a.text.starts_with(b.text) && !b.text.starts_with(a.text);
  if (a.form == HeaderForm::kSuffix) return !a.text.ends_with(b.text) && !b.text.ends_with(a.text);
  return false;
}

bool CoversHeader(const HeaderCondition& wide, const HeaderCondition& narrow) {
  return std::all_of(narrow.patterns.begin(), narrow.patterns.end(), [&](const HeaderPattern& n) {
    return std::any_of(wide.patterns.begin(), wide.patterns.end(),
                       [&](const HeaderPattern& w) { return CoversPattern(w, n); });
  });
}

bool AllExact(const HeaderCondition& header) {
  return std::all_of(header.patterns.begin(), header.patterns.end(),
                     [](const HeaderPattern& p) { return p.form == HeaderForm::kExact; });
}

// Those values of a list of values that the other condition takes too.
HeaderCondition Filtered(const HeaderCondition& values, const HeaderCondition& by) {
  HeaderCondition out{values.name, "", {}};
  for (const HeaderPattern& value : values.patterns) {
    if (!smi::Matches(by.patterns, value.text)) continue;
    out.regex += (out.patterns.empty() ? "" : "|") + gamma::EscapeLiteral(value.text);
    out.patterns.push_back(value);
  }
  return out;
}

Overlap::Kind IntersectHeader(const HeaderCondition& a, const HeaderCondition& b, HeaderCondition& out) {
  if (CoversHeader(a, b)) {
    out = b;
  } else if (CoversHeader(b, a)) {
    out = a;
  } else if (AllExact(a) || AllExact(b)) {
    out = AllExact(a) ? Filtered(a, b) : Filtered(b, a);
    if (out.patterns.empty()) return Overlap::Kind::kNone;
  } else {
    const bool disjoint = std::all_of(a.patterns.begin(), a.patterns.end(), [&](const HeaderPattern& x) {
      return std::all_of(b.patterns.begin(), b.patterns.end(),
                         [&](const HeaderPattern& y) { return DisjointPatterns(x, y); });
    });
    return disjoint ? Overlap::Kind::kNone : Overlap::Kind::kUnknown;
  }
  return Overlap::Kind::kSet;
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

// Empty: has no equal in Rust.
std::string PathRegex(const PathPattern& path) {
  switch (path.form) {
    case PathForm::kExact:
      return "^(?:" + gamma::EscapeLiteral(path.text) + ")$";
    case PathForm::kPrefix:
      return "^(?:" + gamma::EscapeLiteral(path.text) + ").*$";
    case PathForm::kSegmentPrefix:
      return "^(?:" + gamma::EscapeLiteral(path.text) + "(?:/.*)?)$";
    case PathForm::kAny:
    case PathForm::kTemplate:
    case PathForm::kRegex:
      break;
  }
  const auto rust = gamma::RustRegex(FullRegex(path));
  if (!rust.has_value()) return "";
  return path.open ? "^" + *rust + "$" : "^(?:" + *rust + ")$";
}

json HeaderMatch(const HeaderCondition& header, RouteEntries& out) {
  const HeaderPattern& first = header.patterns.front();
  if (first.form == HeaderForm::kPresent) {
    return {{"type", "RegularExpression"}, {"name", header.name}, {"value", "^.*$"}};
  }
  if (header.patterns.size() == 1 && first.form == HeaderForm::kExact && !first.text.empty()) {
    return {{"type", "Exact"}, {"name", header.name}, {"value", first.text}};
  }
  const auto rust = gamma::RustRegex(header.regex);
  if (!rust.has_value()) {
    out.problem_code = "NARROWED";
    out.problem = "the expression of header " + header.name + " has no equal in Linkerd's regular expressions";
    return nullptr;
  }
  return {{"type", "RegularExpression"}, {"name", header.name}, {"value", "^(?:" + *rust + ")$"}};
}

}  // namespace

std::string RequestSet::Key() const {
  std::string key = std::to_string(static_cast<int>(path.form)) + (path.open ? "o" : "c") + path.text + "\n";
  if (methods.has_value()) {
    for (const std::string& method : *methods) key += method + ",";
  } else {
    key += "*";
  }
  for (const auto& [name, condition] : headers) {
    key += "\n" + name;
    for (const HeaderPattern& pattern : condition.patterns) {
      key += "\t" + std::to_string(static_cast<int>(pattern.form)) + pattern.text;
    }
  }
  return key;
}

void SetPath(RequestSet& set, PathPattern path) {
  set.path = std::move(path);
  if (set.path.form == PathForm::kRegex) {
    set.start = smi::LiteralPrefix(set.path.text);
  } else if (set.path.form == PathForm::kTemplate) {
    set.start = set.path.text.substr(0, set.path.text.find(kHole));
  } else {
    set.start = set.path.text;
  }
}

std::vector<RequestSet> SetsOf(const smi::RequestMatch& match) {
  RequestSet set;
  if (match.methods.has_value()) set.methods.emplace(match.methods->begin(), match.methods->end());
  for (const HeaderCondition& header : match.headers) {
    if (header.patterns.empty()) return {};
    set.headers[header.name] = header;
  }
  std::vector<RequestSet> out;
  for (const PathPattern& path : match.path.alternatives) {
    SetPath(set, path);
    out.push_back(set);
  }
  return out;
}

bool Covers(const RequestSet& wide, const RequestSet& narrow) {
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

Overlap Intersect(const RequestSet& a, const RequestSet& b) {
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

RouteEntries EntriesOf(const RequestSet& set) {
  RouteEntries out;
  json entry = json::object();
  if (set.path.form == PathForm::kExact && gamma::IsGatewayPath(set.path.text)) {
    entry["path"] = {{"type", "Exact"}, {"value", set.path.text}};
  } else if (set.path.form != PathForm::kAny) {
    const std::string regex = PathRegex(set.path);
    if (regex.empty()) {
      out.problem_code = "NARROWED";
      out.problem = "pathRegex " + set.path.text + " has no equal in Linkerd's regular expressions";
      return out;
    }
    entry["path"] = {{"type", "RegularExpression"}, {"value", regex}};
  } else if (!set.methods.has_value() && set.headers.empty()) {
    entry["path"] = {{"type", "PathPrefix"}, {"value", "/"}};
  }
  json headers = json::array();
  for (const auto& [name, condition] : set.headers) {
    json header = HeaderMatch(condition, out);
    if (header.is_null()) return out;
    headers.push_back(std::move(header));
  }
  if (headers.size() > gamma::kMaxHeaders) {
    out.problem_code = "NARROWED";
    out.problem = "a route takes at most 16 headers";
    return out;
  }
  const auto too_long = [](const json& match, std::size_t limit) {
    return match["value"].get_ref<const std::string&>().size() > limit;
  };
  if ((entry.contains("path") && too_long(entry["path"], gamma::kMaxPathBytes)) ||
      std::any_of(headers.begin(), headers.end(), [&](const json& h) { return too_long(h, gamma::kMaxHeaderBytes); })) {
    out.problem_code = "REGEX_TOO_LONG";
    out.problem = "a route takes paths of 1024 and header values of 4096 characters";
    return out;
  }
  if (!headers.empty()) entry["headers"] = std::move(headers);
  if (!set.methods.has_value()) {
    out.matches.push_back(std::move(entry));
    return out;
  }
  for (const std::string& method : *set.methods) {
    entry["method"] = method;
    out.matches.push_back(entry);
  }
  return out;
}

}  // namespace meshplay::linkerd
