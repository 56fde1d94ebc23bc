#include <algorithm>
#include <array>
#include <set>

#include "libs/base/json.h"
#include "libs/smi/internal/checks.h"
#include "libs/smi/internal/names.h"
#include "libs/smi/lower.h"

namespace meshplay::smi {
namespace {

constexpr std::array<std::string_view, 10> kMethods = {"*",      "GET",     "HEAD",    "PUT",   "POST",
                                                       "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

void CheckHeaders(Checks& checks, const Head& head, const HttpMatch& match, const std::string& pointer) {
  for (std::size_t i = 0; i < match.headers.size(); ++i) {
    const auto& [name, regex] = match.headers[i];
    const bool placed = i < match.header_pointers.size();
    const std::string here = pointer + (placed ? match.header_pointers[i] : "/headers/" + EscapePointerToken(name));
    if (name.starts_with(":")) {
      checks.Error(head, "HEADER_PSEUDO", here, "pseudo headers are no headers; use pathRegex and methods");
      continue;
    }
    if (!IsHeaderName(name)) {
      checks.Error(head, "HEADER_INVALID", here, "\"" + name + "\" is no header name");
      continue;
    }
    if (name == "host") {
      checks.Warn(head, "HEADER_HOST_MAPPED", here, "host is matched as the request's authority");
    }
    checks.CheckExpression(head, regex, here);
  }
}

}  // namespace

void CheckGroup(Checks& checks, const HttpRouteGroup& group) {
  const Head& head = group.head;
  const std::string at = head.spec_pointer + "/matches";
  if (group.matches.empty()) checks.Error(head, "MATCH_NAME_INVALID", at, "at least one match is required");
  std::set<std::string> names;
  for (std::size_t i = 0; i < group.matches.size(); ++i) {
    const HttpMatch& match = group.matches[i];
    const std::string here = at + "/" + std::to_string(i);
    if (match.name.empty()) {
      checks.Error(head, "MATCH_NAME_INVALID", here + "/name", "a name is required");
    } else if (!names.insert(match.name).second) {
      checks.Error(head, "MATCH_NAME_INVALID", here + "/name", "\"" + match.name + "\" is given twice in this group");
    }
    for (std::size_t k = 0; k < match.methods.size(); ++k) {
      if (std::find(kMethods.begin(), kMethods.end(), match.methods[k]) != kMethods.end()) continue;
      checks.Error(head, "METHOD_INVALID", here + "/methods/" + std::to_string(k),
                   "must be one of * GET HEAD PUT POST DELETE CONNECT OPTIONS TRACE PATCH, in upper case");
    }
    checks.CheckExpression(head, match.path_regex, here + "/pathRegex");
    CheckHeaders(checks, head, match, here);
  }
}

void CheckPortRoute(Checks& checks, const PortRoute& route) {
  std::set<std::int64_t> seen;
  for (std::size_t i = 0; i < route.ports.size(); ++i) {
    const std::string here = route.head.spec_pointer + "/matches/ports/" + std::to_string(i);
    if (route.ports[i] < 1 || route.ports[i] > 65535) {
      checks.Error(route.head, "PORT_INVALID", here, "must be between 1 and 65535");
    } else if (!seen.insert(route.ports[i]).second) {
      checks.Error(route.head, "PORT_INVALID", here, std::to_string(route.ports[i]) + " is given twice");
    }
  }
}

}  // namespace meshplay::smi
