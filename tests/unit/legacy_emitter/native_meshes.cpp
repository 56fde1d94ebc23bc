#include "tests/unit/legacy_emitter/native_meshes.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

namespace meshplay::test {
namespace {

using nlohmann::json;
using Test = std::function<bool(const std::string& regex, const std::string& text)>;

const json* Find(const std::vector<json>& objects, const json& kind, const json& name) {
  const auto it = std::find_if(objects.begin(), objects.end(), [&](const json& object) {
    return object["kind"] == kind && object["metadata"]["name"] == name;
  });
  return it == objects.end() ? nullptr : &*it;
}

std::vector<const json*> Targets(const std::vector<json>& objects) {
  std::vector<const json*> out;
  for (const json& object : objects) {
    if (object["kind"] == "TrafficTarget" && object["spec"]["destination"]["name"] == "api") out.push_back(&object);
  }
  return out;
}

bool Names(const json& target, const std::string& source) {
  return NamesSource(target["spec"], source);
}

// The matches of a target's rules, in order. Unknown names are an error of the emitter.
std::vector<json> MatchesOf(const std::vector<json>& objects, const json& target) {
  std::vector<json> out;
  for (const json& rule : target["spec"]["rules"]) {
    if (rule["kind"] != "HTTPRouteGroup") continue;
    const json* group = Find(objects, "HTTPRouteGroup", rule["name"]);
    if (group == nullptr) throw std::runtime_error("no group " + rule.dump());
    for (const json& name : rule["matches"]) {
      const json& matches = (*group)["spec"]["matches"];
      const auto it = std::find_if(matches.begin(), matches.end(), [&](const json& m) { return m["name"] == name; });
      if (it == matches.end()) throw std::runtime_error("no match " + name.dump());
      out.push_back(*it);
    }
  }
  return out;
}

bool Fits(const json& match, const TestRequest& request, const Test& path, const Test& header) {
  if (match.contains("pathRegex") && !path(match["pathRegex"], request.path)) return false;
  const json methods = match.value("methods", json::array());
  if (!methods.empty() && std::find(methods.begin(), methods.end(), request.method) == methods.end()) return false;
  const json headers = match.value("headers", json::array());
  return std::all_of(headers.begin(), headers.end(), [&](const json& item) {
    const auto it = request.headers.find(item.begin().key());
    return it != request.headers.end() && header(item.begin().value(), it->second);
  });
}

bool Searches(const std::string& regex, const std::string& text) {
  return MatchesFully("(?s:.*)(?:" + regex + ")(?s:.*)", text);
}

bool HasTcpRule(const json& target) {
  const json& rules = target["spec"]["rules"];
  return std::any_of(rules.begin(), rules.end(), [](const json& rule) { return rule["kind"] == "TCPRoute"; });
}

// gorilla/mux refuses a template with capturing groups or unbalanced braces, and Traefik a rule with a backquote in it.
bool PathPrefix(const std::string& path_regex, const std::string& path) {
  const std::string regex = path_regex.starts_with("/") ? path_regex.substr(1) : path_regex;
  int depth = 0;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] == '{') ++depth;
    if (regex[i] == '}' && --depth < 0) throw std::runtime_error("braces in " + regex);
    if (regex[i] == '`') throw std::runtime_error("backquote in " + regex);
    const bool escaped = i > 0 && regex[i - 1] == '\\';
    if (regex[i] == '(' && !escaped && regex.compare(i, 3, "(?:") != 0) throw std::runtime_error("capture in " + regex);
  }
  if (depth != 0) throw std::runtime_error("braces in " + regex);
  return MatchesFully("/(?:" + regex + ")(?s:.*)", path);
}

}  // namespace

bool OsmAllows(const std::vector<json>& objects, const Reading& reading, const std::string& source,
               const TestPort& port, const TestRequest* request) {
  const std::vector<const json*> targets = Targets(objects);
  bool connects = !port.http && targets.empty();
  for (const json* target : targets) {
    bool has_route = false;
    bool fits = false;
    for (const json& rule : (*target)["spec"]["rules"]) {
      if (rule["kind"] != "TCPRoute") continue;
      const json* route = Find(objects, "TCPRoute", rule["name"]);
      if (route == nullptr) throw std::runtime_error("no route " + rule.dump());
      const json& ports = (*route)["spec"]["matches"]["ports"];
      has_route = has_route || !ports.empty();
      fits = fits || std::find(ports.begin(), ports.end(), port.pod) != ports.end();
    }
    connects = connects || (Names(*target, source) && (fits || !has_route));
  }
  if (!connects || !port.http) return connects;
  if (request == nullptr) return false;

  std::vector<std::pair<json, std::vector<const json*>>> routes;
  for (const json* target : targets) {
    for (json match : MatchesOf(objects, *target)) {
      match.erase("name");
      const auto same =
          std::find_if(routes.begin(), routes.end(), [&](const auto& route) { return route.first == match; });
      if (same == routes.end()) {
        routes.push_back({match, {target}});
      } else {
        same->second.push_back(target);
      }
    }
  }
  if (reading.last_wins) std::reverse(routes.begin(), routes.end());
  for (const auto& [match, owners] : routes) {
    if (!Fits(match, *request, MatchesFully, MatchesFully)) continue;
    return std::any_of(owners.begin(), owners.end(), [&](const json* target) { return Names(*target, source); });
  }
  return false;
}

bool TraefikAllows(const std::vector<json>& objects, const Reading& reading, const std::string& source,
                   const TestPort& port, const TestRequest* request) {
  std::vector<const json*> targets = Targets(objects);
  if (reading.last_wins) std::reverse(targets.begin(), targets.end());
  for (const json* target : targets) {
    const json& destination = (*target)["spec"]["destination"];
    if (destination.contains("port") && destination["port"] != port.pod) continue;
    if (!port.http) {
      if (HasTcpRule(*target)) return true;  // For everybody.
      continue;
    }
    if (request == nullptr) continue;
    bool any_rule = false;
    bool fits = false;
    for (const json& match : MatchesOf(objects, *target)) {
      if (match.size() == 1) continue;
      any_rule = true;
      TestRequest seen = *request;
      seen.headers.erase("host");
      fits = fits || Fits(match, seen, PathPrefix, Searches);
    }
    if (any_rule && !fits) continue;
    return Names(*target, source);
  }
  return false;
}

bool NginxAllows(const std::vector<json>& objects, const Reading& reading, const std::string& source,
                 const TestPort& port, const TestRequest* request) {
  const Test test = [&](const std::string& regex, const std::string& text) {
    if (reading.anchor == Reading::Anchor::kFull) return MatchesFully(regex, text);
    if (reading.anchor == Reading::Anchor::kSearch) return Searches(regex, text);
    return MatchesFully("(?:" + regex + ")(?s:.*)", text);
  };
  std::vector<const json*> targets = Targets(objects);
  if (reading.last_wins) std::reverse(targets.begin(), targets.end());
  for (const json* target : targets) {
    const json& destination = (*target)["spec"]["destination"];
    if (destination.contains("port") && destination["port"] != (reading.service_ports ? port.service : port.pod))
      continue;
    if (!port.http) {
      if (HasTcpRule(*target) && Names(*target, source)) return true;
      continue;
    }
    if (request == nullptr) continue;
    for (const json& match : MatchesOf(objects, *target)) {
      if (Fits(match, *request, test, test)) return Names(*target, source);
    }
  }
  return false;
}

}  // namespace meshplay::test
