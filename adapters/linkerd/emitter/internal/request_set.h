#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libs/smi/resolve.h"

namespace meshplay::linkerd {

/// Requests that one HTTPRoute takes: path, methods and headers hold together.
struct RequestSet {
  smi::PathPattern path;
  std::string start;                                    ///< Every accepted path starts with it; follows from `path`.
  std::optional<std::set<std::string>> methods;         ///< nullopt: any.
  std::map<std::string, smi::HeaderCondition> headers;  ///< By name.

  /// Equal sets that are written alike have equal keys.
  std::string Key() const;
};

/// Sets the path and what follows from it.
void SetPath(RequestSet& set, smi::PathPattern path);

/// What a match of an HTTPRouteGroup takes: one set for each of its paths. Empty: no request.
std::vector<RequestSet> SetsOf(const smi::RequestMatch& match);

/// The whole-path expression in RE2 of a template or an expression.
std::string FullRegex(const smi::PathPattern& path);

/// The `matches` of an HTTPRoute rule: one for each method.
struct RouteEntries {
  std::vector<nlohmann::json> matches;
  std::string problem_code;  ///< REGEX_TOO_LONG or NARROWED.
  std::string problem;       ///< Why it cannot be said; empty when it can.
};
RouteEntries EntriesOf(const RequestSet& set);

}  // namespace meshplay::linkerd
