#include "adapters/gamma/matches.h"

#include <algorithm>

#include "adapters/gamma/rust_regex.h"

namespace meshplay::gamma {
namespace {

using nlohmann::json;
using smi::HeaderForm;
using smi::PathForm;

// Empty: the implementation's language has no equal.
std::string Wrap(const std::string& regex, RegexStyle style) {
  if (style == RegexStyle::kPlain) return regex;
  const std::optional<std::string> rust = RustRegex(regex);
  return rust.has_value() ? "^(?:" + *rust + ")$" : "";
}

// The full match of a path as the design spells it: `(?:p).*`, for Linkerd `^(?:p).*$`.
std::string WrapPath(const smi::RequestMatch& match, RegexStyle style) {
  const std::string& regex = match.path.full_regex;
  if (style == RegexStyle::kPlain && regex.size() < std::string_view(kAnyPathRegex).size()) return "(?:" + regex + ")";
  const bool open = regex.size() > 6 && match.path_regex.ends_with(regex.substr(3, regex.size() - 6)) &&
                    regex.starts_with("(?:") && regex.ends_with(").*");
  if (style == RegexStyle::kPlain || !open) return Wrap(regex, style);
  const std::optional<std::string> rust = RustRegex(regex);
  return rust.has_value() ? "^" + *rust + "$" : "";
}

void HasNoEqual(RouteMatches& out, const std::string& what) {
  out.problem_code = "NOT_REPRESENTABLE";
  out.problem = "the expression of " + what + " has no equal in the implementation's regular expressions";
}

json Path(const char* type, const std::string& value) {
  return {{"type", type}, {"value", value}};
}

// Empty: every path. One regular expression says all alternatives as soon as one of them needs it.
std::vector<json> PathsOf(const smi::RequestMatch& match, RegexStyle style, RouteMatches& out) {
  std::vector<json> paths;
  const auto& alternatives = match.path.alternatives;
  if (std::any_of(alternatives.begin(), alternatives.end(), [](const auto& p) { return p.form == PathForm::kAny; })) {
    return {json()};
  }
  for (const smi::PathPattern& pattern : alternatives) {
    if (pattern.form == PathForm::kExact && IsGatewayPath(pattern.text)) {
      paths.push_back(Path("Exact", pattern.text));
    } else if (pattern.form == PathForm::kSegmentPrefix && IsGatewayPath(pattern.text) &&
               !pattern.text.ends_with("/")) {
      paths.push_back(Path("PathPrefix", pattern.text));
    } else {
      out.path_regex = true;
      return {Path("RegularExpression", WrapPath(match, style))};
    }
  }
  return paths;
}

bool AddHeaders(const smi::RequestMatch& match, RegexStyle style, RouteMatches& out, json& headers) {
  for (const smi::HeaderCondition& header : match.headers) {
    if (header.patterns.empty()) return false;
    const smi::HeaderPattern& pattern = header.patterns.front();
    const bool exact = header.patterns.size() == 1 && pattern.form == HeaderForm::kExact && !pattern.text.empty();
    if (header.name == "host") {
      out.problem_code = "NOT_REPRESENTABLE";
      out.problem = "a condition on the host cannot be said as a header match";
      return false;
    }
    const std::string value = exact ? pattern.text : Wrap(header.regex.empty() ? "^$" : header.regex, style);
    if (value.empty()) {
      HasNoEqual(out, "header " + header.name);
      return false;
    }
    if (value.size() > kMaxHeaderBytes) {
      out.problem_code = "REGEX_TOO_LONG";
      out.problem = "the value of header " + header.name + " is longer than 4096 characters";
      return false;
    }
    out.header_regex = out.header_regex || !exact;
    headers.push_back({{"type", exact ? "Exact" : "RegularExpression"}, {"name", header.name}, {"value", value}});
  }
  if (headers.size() <= kMaxHeaders) return true;
  out.problem_code = "NOT_REPRESENTABLE";
  out.problem = "more than 16 headers in one match";
  return false;
}

}  // namespace

bool IsGatewayPath(const std::string& text) {
  return text.starts_with("/") && text.find("//") == std::string::npos && text.find("/./") == std::string::npos &&
         text.find("/../") == std::string::npos && !text.ends_with("/.") && !text.ends_with("/..") &&
         text.find_first_not_of("-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._~!$&'()*+,;=:@") ==
             std::string::npos;
}

RouteMatches MatchesOf(const smi::RequestMatch& match, RegexStyle style) {
  RouteMatches out;
  json headers = json::array();
  if (!AddHeaders(match, style, out, headers)) return out;
  for (const json& path : PathsOf(match, style, out)) {
    json entry = json::object();
    if (!path.is_null()) {
      if (path["value"].get_ref<const std::string&>().empty()) {
        HasNoEqual(out, "the path");
        return out;
      }
      if (path["value"].get_ref<const std::string&>().size() > kMaxPathBytes) {
        out.entries.clear();
        out.problem_code = "REGEX_TOO_LONG";
        out.problem = "the path is longer than the 1024 characters that a route takes";
        return out;
      }
      entry["path"] = path;
    }
    if (!headers.empty()) entry["headers"] = headers;
    if (!match.methods.has_value()) {
      out.entries.push_back(std::move(entry));
      continue;
    }
    for (const std::string& method : *match.methods) {
      entry["method"] = method;
      out.entries.push_back(entry);
    }
  }
  return out;
}

}  // namespace meshplay::gamma
