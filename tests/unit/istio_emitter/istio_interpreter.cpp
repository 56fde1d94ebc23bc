#include "tests/unit/istio_emitter/istio_interpreter.h"

#include <re2/re2.h>

#include <algorithm>

namespace meshplay::testing {
namespace {

using nlohmann::json;

// Exact, "prefix*", "*suffix" or "*".
bool MatchesText(const std::string& pattern, const std::string& text) {
  if (pattern == "*") return !text.empty();
  if (pattern.ends_with("*")) return text.starts_with(pattern.substr(0, pattern.size() - 1));
  if (pattern.starts_with("*")) return text.ends_with(pattern.substr(1));
  return pattern == text;
}

bool MatchesPath(const std::string& pattern, const std::string& path) {
  if (pattern.find("{*") == std::string::npos) return MatchesText(pattern, path);
  std::string regex;
  for (std::size_t i = 0; i < pattern.size();) {
    if (pattern.compare(i, 4, "{**}") == 0) {
      regex += ".*";
      i += 4;
    } else if (pattern.compare(i, 3, "{*}") == 0) {
      regex += "[^/]+";
      i += 3;
    } else {
      regex += RE2::QuoteMeta(pattern.substr(i, 1));
      ++i;
    }
  }
  return RE2::FullMatch(path, regex);
}

template <class Match>
bool AnyOf(const json& list, const Match& match) {
  return std::any_of(list.begin(), list.end(), [&](const json& item) { return match(item.get<std::string>()); });
}

bool MatchesFrom(const json& rule, const Request& request) {
  if (!rule.contains("from")) return true;
  const std::string principal = "cluster.local/ns/" + request.source_namespace + "/sa/" + request.source_account;
  return std::any_of(rule["from"].begin(), rule["from"].end(), [&](const json& from) {
    return AnyOf(from["source"]["principals"], [&](const std::string& p) { return MatchesText(p, principal); });
  });
}

bool MatchesTo(const json& rule, const Request& request) {
  if (!rule.contains("to")) return true;
  return std::any_of(rule["to"].begin(), rule["to"].end(), [&](const json& to) {
    const json& operation = to["operation"];
    const auto holds = [&](const char* field, const auto& match) {
      return !operation.contains(field) || AnyOf(operation[field], match);
    };
    if (!request.is_http && (operation.contains("methods") || operation.contains("paths"))) return false;
    return holds("ports", [&](const std::string& p) { return p == std::to_string(request.port); }) &&
           holds("methods", [&](const std::string& m) { return MatchesText(m, request.method); }) &&
           holds("paths", [&](const std::string& p) { return MatchesPath(p, request.path); });
  });
}

bool MatchesWhen(const json& rule, const Request& request) {
  if (!rule.contains("when")) return true;
  if (!request.is_http) return false;
  return std::all_of(rule["when"].begin(), rule["when"].end(), [&](const json& condition) {
    std::string name = condition["key"];
    name = name.substr(std::string("request.headers[").size());
    name.pop_back();
    const auto it = request.headers.find(name == ":authority" ? "host" : name);
    if (it == request.headers.end()) return false;
    return AnyOf(condition["values"], [&](const std::string& v) { return v == "*" || MatchesText(v, it->second); });
  });
}

bool MatchesString(const json& match, const std::string& text) {
  if (match.contains("exact")) return match["exact"] == text;
  if (match.contains("prefix")) return text.starts_with(match["prefix"].get<std::string>());
  return RE2::FullMatch(text, match["regex"].get<std::string>());
}

bool MatchesEntry(const json& entry, const Request& request) {
  if (entry.contains("port") && entry["port"] != request.port) return false;
  if (entry.contains("uri") && !MatchesString(entry["uri"], request.path)) return false;
  if (entry.contains("method") && !MatchesString(entry["method"], request.method)) return false;
  const auto header = [&](const std::string& name, const json& match) {
    const auto it = request.headers.find(name);
    return it != request.headers.end() && MatchesString(match, it->second);
  };
  if (entry.contains("authority") && !header("host", entry["authority"])) return false;
  if (!entry.contains("headers")) return true;
  const json& headers = entry["headers"];
  for (auto it = headers.begin(); it != headers.end(); ++it) {
    if (!header(it.key(), it.value())) return false;
  }
  return true;
}

bool AllowsAny(const json& spec, const Request& request) {
  const json rules = spec.value("rules", json::array());
  return std::any_of(rules.begin(), rules.end(), [&](const json& rule) {
    return MatchesFrom(rule, request) && MatchesTo(rule, request) && MatchesWhen(rule, request);
  });
}

bool SelectsPod(const json& spec, const Request& request) {
  if (spec.contains("targetRefs")) return false;
  if (!spec.contains("selector")) return true;
  const json& labels = spec["selector"]["matchLabels"];
  for (auto it = labels.begin(); it != labels.end(); ++it) {
    const auto label = request.target_labels.find(it.key());
    if (label == request.target_labels.end() || it.value() != label->second) return false;
  }
  return true;
}

bool TargetsService(const json& spec, const std::string& service) {
  const json targets = spec.value("targetRefs", json::array());
  return std::any_of(targets.begin(), targets.end(), [&](const json& target) {
    return target["group"] == "" && target["kind"] == "Service" && target["name"] == service;
  });
}

// No ALLOW policy: everything; else what any of them allows.
template <class Holds>
bool Allows(const std::vector<json>& objects, const Request& request, const Holds& holds) {
  bool guarded = false;
  for (const json& object : objects) {
    if (object["kind"] != "AuthorizationPolicy" || !holds(object["spec"])) continue;
    guarded = true;
    if (AllowsAny(object["spec"], request)) return true;
  }
  return !guarded;
}

}  // namespace

bool IstioAllows(const std::vector<json>& objects, const Request& request) {
  return Allows(objects, request, [&](const json& spec) { return SelectsPod(spec, request); });
}

bool WaypointAllows(const std::vector<json>& objects, const std::string& service, const Request& request) {
  return Allows(objects, request, [&](const json& spec) { return TargetsService(spec, service); });
}

std::string IstioRoute(const json& virtual_service, const Request& request) {
  for (const json& route : virtual_service["spec"]["http"]) {
    const bool matches = std::any_of(route["match"].begin(), route["match"].end(),
                                     [&](const json& entry) { return MatchesEntry(entry, request); });
    if (matches) return route["name"];
  }
  return "";
}

std::vector<std::string> IstioDestinations(const std::vector<json>& objects, const std::string& service,
                                           const Request& request) {
  for (const json& object : objects) {
    if (object["kind"] != "VirtualService" || object["spec"]["hosts"][0] != service + ".shop.svc.cluster.local")
      continue;
    std::vector<std::string> out;
    const std::string name = IstioRoute(object, request);
    for (const json& route : object["spec"]["http"]) {
      if (route["name"] != name) continue;
      for (const json& to : route["route"]) {
        const std::string host = to["destination"]["host"];
        // A destination that is alone gets everything.
        if (route["route"].size() == 1 || to.value("weight", 1) > 0) out.push_back(host.substr(0, host.find('.')));
      }
    }
    return out;
  }
  return {service};
}

}  // namespace meshplay::testing
