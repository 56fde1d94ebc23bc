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

std::string RequestSet::Key() const {
  // Every text with its length, so that no text can pretend to be two.
  std::string key;
  const auto add = [&](std::string_view text) { key += std::to_string(text.size()) + ":" + std::string(text); };
  add((path.open ? "open" : "closed") + std::to_string(static_cast<int>(path.form)));
  add(path.text);
  add(methods.has_value() ? std::to_string(methods->size()) : "any");
  for (const std::string& method : methods.value_or(std::set<std::string>())) add(method);
  for (const auto& [name, condition] : headers) {
    add(name);
    add(std::to_string(condition.patterns.size()));
    for (const HeaderPattern& pattern : condition.patterns) {
      add(std::to_string(static_cast<int>(pattern.form)));
      add(pattern.text);
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
