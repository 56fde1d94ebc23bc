#include "adapters/legacy/emitter/internal/traefik_path.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace meshplay::legacy {
namespace {

using smi::PathForm;

constexpr std::string_view kAnyPath = "/.*";

// The position behind the element of a regular expression that starts at `at`: a character, an escape or a class.
std::size_t Behind(std::string_view regex, std::size_t at) {
  if (regex[at] == '\\') return std::min(at + 2, regex.size());
  if (regex[at] != '[') return at + 1;
  std::size_t i = at + 1;
  if (i < regex.size() && regex[i] == '^') ++i;
  if (i < regex.size() && regex[i] == ']') ++i;
  while (i < regex.size() && regex[i] != ']') {
    // "[:alpha:]" holds a bracket of its own.
    const bool named = regex.substr(i, 2) == "[:" && regex.find(":]", i) != std::string_view::npos;
    i = named ? regex.find(":]", i) + 2 : regex[i] == '\\' ? i + 2 : i + 1;
  }
  return std::min(i + 1, regex.size());
}

// "\Q...\E" would need a reading of its own.
bool IsReadable(std::string_view regex) {
  return regex.find("\\Q") == std::string_view::npos;
}

std::vector<std::string> TopLevelBranches(std::string_view regex) {
  std::vector<std::string> branches(1);
  int depth = 0;
  for (std::size_t i = 0; i < regex.size();) {
    const std::size_t next = Behind(regex, i);
    if (regex[i] == '(') ++depth;
    if (regex[i] == ')') --depth;
    if (regex[i] == '|' && depth == 0) {
      branches.emplace_back();
    } else {
      branches.back() += regex.substr(i, next - i);
    }
    i = next;
  }
  return branches;
}

std::string WithoutCaptures(std::string_view regex) {
  std::string out;
  for (std::size_t i = 0; i < regex.size();) {
    const std::size_t next = Behind(regex, i);
    out += regex.substr(i, next - i);
    if (regex[i] == '(') {
      const std::string_view rest = regex.substr(next);
      const bool named = rest.starts_with("?P<") || rest.starts_with("?<");
      if (!rest.starts_with("?") || named) out += "?:";
      if (named) {
        i = regex.find('>', next) + 1;
        continue;
      }
    }
    i = next;
  }
  return out;
}

// What must follow the path's first slash for `branch` to accept the path.
bool GoOnBehindSlash(std::string branch, std::vector<std::string>& out) {
  while (branch.starts_with("^")) branch.erase(0, 1);
  if (branch.starts_with(".*") && !branch.starts_with(".*?")) {
    out.push_back(branch);
    branch.erase(0, 2);
    return branch.empty() || GoOnBehindSlash(branch, out);
  }
  if (branch.empty()) {
    out.emplace_back();
    return true;
  }
  if (!branch.starts_with("/")) return false;
  branch.erase(0, 1);
  if (!branch.empty() && std::string_view("*+?{").find(branch.front()) != std::string_view::npos) return false;
  out.push_back(std::move(branch));
  return true;
}

// False: no form. Adds nothing for what no path can be.
bool AddPattern(const smi::PathPattern& pattern, std::vector<std::string>& out) {
  if (pattern.form == PathForm::kAny) {
    out.emplace_back(".*");
    return true;
  }
  if (pattern.form == PathForm::kRegex) {
    if (!IsReadable(pattern.text)) return false;
    for (const std::string& branch : TopLevelBranches(pattern.text)) {
      std::vector<std::string> rests;
      if (!GoOnBehindSlash(branch, rests)) return false;
      for (const std::string& rest : rests) {
        const std::string plain = WithoutCaptures(rest);
        out.push_back(pattern.open ? plain : "(?:" + plain + ")$");
      }
    }
    return true;
  }
  if (!pattern.text.starts_with("/")) return true;
  std::string rest = EscapeRegex(pattern.text.substr(1));
  if (pattern.form == PathForm::kTemplate) {
    const std::string hole = EscapeRegex("{*}");
    for (std::size_t at = rest.find(hole); at != std::string::npos; at = rest.find(hole, at)) {
      rest.replace(at, hole.size(), "[^/]+");
    }
  }
  const bool open = pattern.form == PathForm::kPrefix || pattern.open;
  if (pattern.form == PathForm::kSegmentPrefix) rest += "(?:/.*)?";
  out.push_back(open ? rest : rest + "$");
  return true;
}

bool IsTakenByRules(const std::string& regex) {
  int depth = 0;
  for (const char c : regex) {
    if (c == '`') return false;
    if (c == '{') ++depth;
    if (c == '}' && --depth < 0) return false;
  }
  return depth == 0;
}

}  // namespace

std::string EscapeRegex(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::optional<std::string> TraefikPath(const smi::LoweredPath& path) {
  std::vector<std::string> rests;
  for (const smi::PathPattern& pattern : path.alternatives) {
    if (!AddPattern(pattern, rests)) return std::nullopt;
  }
  if (rests.empty()) return std::nullopt;
  std::string regex;
  for (const std::string& rest : rests) {
    if (rest.empty() || rest == ".*") return std::string(kAnyPath);
    regex += (regex.empty() ? "" : "|") + rest;
  }
  if (!IsTakenByRules(regex)) return std::nullopt;
  // An alternative inside of one rest would otherwise end at the slash that Traefik puts before the first one only.
  return rests.size() == 1 ? "/" + regex : "/(?:" + regex + ")";
}

}  // namespace meshplay::legacy
