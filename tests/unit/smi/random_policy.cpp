#include "tests/unit/smi/random_policy.h"

#include <re2/re2.h>

#include <algorithm>

namespace meshplay::testing {
namespace {

using nlohmann::json;

const char* const kPaths[] = {"",          "/",        ".*",        "/api",       "^/api$",         "/api/.*",
                              "/v1.0",     "/v1\\.0$", "/a(/.*)?$", "/u/[^/]+/o", "/u/[^/]+$",      "/a|/api/x$",
                              "/u/[0-9]+", "/a\\*",    "/a\\*$",    "(?i)/API",   "/(x|y)/(z|api)", "/api(/|$).*",
                              "/never$x"};
const char* const kValues[] = {"a", "^a$", ".*", "a.*", ".*b", ".*b.*", "v[12]", "a|b", "", "\\*", "(x.*)?y"};
const char* const kRequestPaths[] = {"/",       "/api", "/apix", "/api/",  "/api/x", "/v1.0", "/v1x0", "/v1.0/x",
                                     "/a",      "/a/",  "/a/b",  "/ab",    "/u/7/o", "/u/7",  "/u//o", "/u/x/o/p",
                                     "/u/x/ox", "/a*",  "/x/z",  "/y/api", "/API",   "/a*b"};
const char* const kRequestValues[] = {"a", "b", "ab", "xb", "v1", "v3", "", "*", "xy", "y", "abc"};
const char* const kMethods[] = {"GET", "POST", "DELETE"};
const char* const kAccounts[] = {"web", "admin", "cron"};
const int kServicePorts[] = {80, 81, 9000};

template <std::size_t N, class T>
T Pick(std::mt19937& random, T const (&from)[N]) {
  return from[std::uniform_int_distribution<std::size_t>(0, N - 1)(random)];
}

const RE2& Compiled(const std::string& regex) {
  static std::map<std::string, RE2> cache;
  return cache.try_emplace(regex, regex).first->second;
}

bool SourcesHold(const json& target, const Request& request) {
  const json& sources = target["sources"];
  return std::any_of(sources.begin(), sources.end(), [&](const json& source) {
    return source["name"] == request.source_account && source["namespace"] == request.source_namespace;
  });
}

int PodPort(int service_port) {
  return service_port < 100 ? 8000 + service_port : service_port;
}

}  // namespace

int Below(std::mt19937& random, int limit) {
  return std::uniform_int_distribution<int>(0, limit - 1)(random);
}

json Document(const char* group, const char* version, const char* kind, const std::string& name, const json& spec) {
  return {{"apiVersion", std::string(group) + ".smi-spec.io/" + version},
          {"kind", kind},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", spec}};
}

bool SmiMatches(const json& match, const Request& request) {
  if (!request.is_http) return false;
  const std::string regex = match.value("pathRegex", std::string());
  if (!regex.empty() && !RE2::PartialMatch(request.path, Compiled("^(?:" + regex + ")"))) return false;
  const auto methods = match.value("methods", std::vector<std::string>());
  const auto allows = [&](const std::string& m) { return m == "*" || m == request.method; };
  if (!methods.empty() && std::none_of(methods.begin(), methods.end(), allows)) return false;
  if (!match.contains("headers")) return true;
  const json& headers = match["headers"];
  for (auto it = headers.begin(); it != headers.end(); ++it) {
    const auto found = request.headers.find(it.key());
    if (found == request.headers.end()) return false;
    if (!RE2::FullMatch(found->second, Compiled(it.value().get<std::string>()))) return false;
  }
  return true;
}

RandomPolicy::RandomPolicy(std::mt19937& random, int max_targets, std::vector<std::string> destinations)
    : random_(random), destinations_(std::move(destinations)) {
  for (int i = 0; i < 3; ++i) AddGroup("g" + std::to_string(i));
  for (int i = 0; i < 2; ++i) AddRoute("p" + std::to_string(i));
  const int targets = 1 + Below(random_, max_targets);
  for (int i = 0; i < targets; ++i) AddTarget("t" + std::to_string(i));
}

std::vector<json> RandomPolicy::Documents() const {
  std::vector<json> out;
  for (const auto& [name, spec] : groups_) out.push_back(Document("specs", "v1alpha4", "HTTPRouteGroup", name, spec));
  for (const auto& [name, spec] : routes_) out.push_back(Document("specs", "v1alpha4", "TCPRoute", name, spec));
  for (const auto& [name, spec] : targets_) out.push_back(Document("access", "v1alpha3", "TrafficTarget", name, spec));
  return out;
}

std::vector<std::string> RandomPolicy::AllowedBy(const Request& request) const {
  std::vector<std::string> out;
  for (const auto& [name, spec] : targets_) {
    if (SourcesHold(spec, request) && TargetAllows(spec, request)) out.push_back(name);
  }
  return out;
}

bool RandomPolicy::AllowsAt(const std::string& destination, const Request& request) const {
  bool guarded = false;
  for (const auto& [name, spec] : targets_) {
    if (spec["destination"]["name"] != destination) continue;
    guarded = true;
    if (SourcesHold(spec, request) && TargetAllows(spec, request)) return true;
  }
  return !guarded;
}

void RandomPolicy::AddGroup(const std::string& name) {
  json matches = json::array();
  const int count = 1 + Below(random_, 2);
  for (int i = 0; i < count; ++i) {
    json match = {{"name", "m" + std::to_string(i)}, {"pathRegex", Pick(random_, kPaths)}};
    if (Below(random_, 2) == 0) match["methods"] = {Pick(random_, kMethods), Pick(random_, kMethods)};
    if (Below(random_, 5) == 0) match["methods"] = {"GET", "*"};
    if (Below(random_, 3) == 0) match["headers"]["x"] = Pick(random_, kValues);
    if (Below(random_, 6) == 0) match["headers"]["host"] = Pick(random_, kValues);
    matches.push_back(match);
  }
  groups_[name] = {{"matches", matches}};
}

void RandomPolicy::AddRoute(const std::string& name) {
  json ports = json::array();
  for (const int port : kServicePorts) {
    if (Below(random_, 2) == 0) ports.push_back(port);
  }
  routes_[name] = {{"matches", {{"ports", ports}}}};
}

void RandomPolicy::AddTarget(const std::string& name) {
  json rules = json::array();
  const int count = 1 + Below(random_, 3);
  for (int i = 0; i < count; ++i) {
    const bool http = Below(random_, 3) != 0;
    // Now and then a reference to nothing.
    json rule = {{"kind", http ? "HTTPRouteGroup" : "TCPRoute"},
                 {"name", (http ? "g" : "p") + std::to_string(Below(random_, http ? 4 : 3))}};
    if (http && Below(random_, 3) == 0) rule["matches"] = {"m" + std::to_string(Below(random_, 3))};
    rules.push_back(rule);
  }
  json sources = json::array();
  for (const char* account : kAccounts) {
    if (sources.empty() || Below(random_, 2) == 0) {
      sources.push_back({{"kind", "ServiceAccount"}, {"name", account}, {"namespace", "shop"}});
    }
  }
  if (Below(random_, 3) == 0) {
    const json far = {{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "far"}};
    if (Below(random_, 2) == 0)
      sources[0] = far;
    else
      sources.push_back(far);
  }
  const std::size_t place =
      destinations_.size() == 1 ? 0 : static_cast<std::size_t>(Below(random_, static_cast<int>(destinations_.size())));
  targets_[name] = {{"destination", {{"kind", "ServiceAccount"}, {"name", destinations_[place]}}},
                    {"rules", rules},
                    {"sources", sources}};
}

bool RandomPolicy::Names(const std::string& target, const Request& request) const {
  return SourcesHold(targets_.at(target), request);
}

bool RandomPolicy::TargetAllows(const json& spec, const Request& request) const {
  bool names_http = false;
  bool names_tcp = false;
  bool http = false;
  bool port = false;
  for (const json& rule : spec["rules"]) {
    const std::string name = rule["name"];
    if (rule["kind"] == "HTTPRouteGroup") {
      names_http = true;
      http = http || GroupAllows(name, rule.value("matches", std::vector<std::string>()), request);
      continue;
    }
    names_tcp = true;
    const auto route = routes_.find(name);
    if (route == routes_.end()) continue;
    const json& ports = route->second["matches"]["ports"];
    if (ports.empty()) port = true;
    for (const json& p : ports) port = port || PodPort(p.get<int>()) == request.port;
  }
  if (!names_tcp) port = true;
  return port && (!names_http || http);
}

bool RandomPolicy::GroupAllows(const std::string& name, const std::vector<std::string>& wanted,
                               const Request& request) const {
  const auto group = groups_.find(name);
  if (group == groups_.end()) return false;
  for (const json& match : group->second["matches"]) {
    const bool named = wanted.empty() || std::find(wanted.begin(), wanted.end(), match["name"]) != wanted.end();
    if (named && SmiMatches(match, request)) return true;
  }
  return false;
}

Request RandomRequest(std::mt19937& random) {
  Request request;
  request.source_account = Pick(random, kAccounts);
  request.target_labels = {{"app", "api"}, {"pod", "1"}};
  request.port = Below(random, 4) == 0 ? 9000 : 8080 + Below(random, 2);
  request.is_http = Below(random, 6) != 0;
  request.method = Pick(random, kMethods);
  request.path = Pick(random, kRequestPaths);
  if (Below(random, 3) != 0) request.headers["x"] = Pick(random, kRequestValues);
  request.headers["host"] = Pick(random, kRequestValues);
  return request;
}

void ComeFromAnywhere(std::mt19937& random, Request& request) {
  if (Below(random, 4) != 0) return;
  request.source_account = "web";
  request.source_namespace = "far";
}

std::string Text(const Request& request) {
  return request.source_namespace + "/" + request.source_account + (request.is_http ? " http " : " tcp ") +
         std::to_string(request.port) + " " + request.method + " " + request.path + " " + json(request.headers).dump();
}

}  // namespace meshplay::testing
