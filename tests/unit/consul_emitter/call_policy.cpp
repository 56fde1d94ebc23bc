#include "tests/unit/consul_emitter/call_policy.h"

#include <re2/re2.h>

#include <algorithm>

#include "libs/facts/kubernetes_facts.h"

namespace meshplay::testing {
namespace {

using nlohmann::json;

// Some would take a query string for the path when written carelessly.
const char* const kPaths[] = {"",          "/",         ".*",        "/api",           "^/api$",          "/api/.*",
                              "/v1.0",     "/v1\\.0$",  "/a(/.*)?$", "/u/[^/]+/o",     "/u/[^/]+$",       "/a|/api/x$",
                              "/u/[0-9]+", "/a\\*$",    "(?i)/API",  "/(x|y)/(z|api)", "/api(/|$).*",     "/never$x",
                              "/a.b$",     "/[^b]+b$",  "/a.*b",     "/x\\?y",         "/w(/[0-9]{2}|$)", "/(?:a|u)+?$",
                              "/[a-u]/?",  "/\\w+/\\d$"};
const char* const kValues[] = {"a", "^a$", ".*", "a.*", ".*b", "v[12]", "a|b", "", "a b", "[^x]b?"};
const char* const kRequestPaths[] = {"/",       "/api",     "/apix", "/api/", "/api/x", "/v1.0",  "/v1x0",
                                     "/v1.0/x", "/a",       "/a/",   "/a/b",  "/ab",    "/u/7/o", "/u/7",
                                     "/u//o",   "/u/x/o/p", "/a*",   "/x/z",  "/y/api", "/API",   "/axb",
                                     "/x",      "/w",       "/w/12", "/w/1",  "/au",    "/uu"};
const char* const kQueries[] = {"", "", "?", "?x=/o", "?b", "?y", "?/12", "?a=1&b"};
const char* const kRequestValues[] = {"a", "b", "ab", "v1", "v3", "", "a b", "x", "xb"};
const char* const kMethods[] = {"GET", "POST", "DELETE"};
const char* const kAccounts[] = {"web", "admin", "cron", "left", "right"};
const char* const kServices[] = {"api", "api", "db", "plain", "gossip", ""};
constexpr int kBarePort = 7777;

template <std::size_t N, class T>
T Pick(std::mt19937& random, T const (&from)[N]) {
  return from[std::uniform_int_distribution<std::size_t>(0, N - 1)(random)];
}

struct KnownPort {
  int service = 0;
  int pod = 0;
  bool http = true;
};

const std::map<std::string, KnownPort>& Ports() {
  static const std::map<std::string, KnownPort> kPorts = {
      {"api", {80, 8080}}, {"db", {5432, 5432, false}}, {"plain", {9000, 9000}}, {"gossip", {8301, 9301, false}}};
  return kPorts;
}

const RE2& Compiled(const std::string& regex) {
  static std::map<std::string, RE2> cache;
  return cache.try_emplace(regex, regex).first->second;
}

bool SourcesHold(const json& target, const Call& call) {
  const json& sources = target["sources"];
  return std::any_of(sources.begin(), sources.end(), [&](const json& source) {
    return source["name"] == call.source_account && source["namespace"] == call.source_namespace;
  });
}

json RandomMatch(std::mt19937& random, const std::string& name) {
  json match = {{"name", name}, {"pathRegex", Pick(random, kPaths)}};
  if (Below(random, 2) == 0) match["methods"] = {Pick(random, kMethods), Pick(random, kMethods)};
  if (Below(random, 5) == 0) match["methods"] = {"GET", "*"};
  if (Below(random, 3) == 0) match["headers"]["x"] = Pick(random, kValues);
  if (Below(random, 6) == 0) match["headers"]["host"] = Pick(random, kValues);
  return match;
}

}  // namespace

json DeploymentObject(const std::string& account, const json& labels) {
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", account}, {"namespace", "shop"}}},
          {"spec",
           {{"selector", {{"matchLabels", labels}}},
            {"template", {{"metadata", {{"labels", labels}}}, {"spec", {{"serviceAccountName", account}}}}}}}};
}

json ServiceObject(const std::string& name, const std::string& app, const json& port) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", {{"selector", {{"app", app}}}, {"ports", json::array({port})}}}};
}

bool MatchesFully(const std::string& regex, const std::string& text) {
  return RE2::FullMatch(text, Compiled(regex));
}

std::string CallText(const Call& call) {
  return "through \"" + call.service + "\" " + call.query + " " + Text(call);
}

smi::ClusterFacts TestCluster() {
  return facts::FactsFromObjects(
      {DeploymentObject("api", {{"app", "api"}}), DeploymentObject("web", {{"app", "web"}}),
       DeploymentObject("admin", {{"app", "admin"}}), DeploymentObject("cron", {{"app", "cron"}}),
       DeploymentObject("left", {{"app", "both"}, {"side", "left"}}),
       DeploymentObject("right", {{"app", "both"}, {"side", "right"}}),
       ServiceObject("api", "api", {{"name", "http"}, {"port", 80}, {"targetPort", 8080}}),
       ServiceObject("db", "api", {{"name", "tcp-db"}, {"port", 5432}}),
       ServiceObject("plain", "api", {{"port", 9000}}),
       ServiceObject("gossip", "api", {{"port", 8301}, {"targetPort", 9301}, {"protocol", "UDP"}}),
       ServiceObject("web", "web", {{"name", "http"}, {"port", 80}}),
       ServiceObject("backoffice", "admin", {{"name", "http"}, {"port", 80}}),
       ServiceObject("both", "both", {{"name", "http"}, {"port", 80}})});
}

CallPolicy::CallPolicy(std::mt19937& random) {
  for (int i = 0; i < 3; ++i) {
    json matches = json::array();
    const int count = 1 + Below(random, 2);
    for (int k = 0; k < count; ++k) matches.push_back(RandomMatch(random, "m" + std::to_string(k)));
    Add("specs", "HTTPRouteGroup", "g" + std::to_string(i), {{"matches", matches}});
  }
  for (int i = 0; i < 4; ++i) {
    const bool udp = i > 1;
    json ports = json::array();
    for (const int port : {80, 5432, 9000, 8301, kBarePort}) {
      if (Below(random, 3) == 0) ports.push_back(port);
    }
    Add("specs", udp ? "UDPRoute" : "TCPRoute", "p" + std::to_string(i % 2), {{"matches", {{"ports", ports}}}});
  }
  const int targets = 1 + Below(random, 3);
  for (int i = 0; i < targets; ++i) {
    json rules = json::array();
    const int count = 1 + Below(random, 3);
    for (int k = 0; k < count; ++k) {
      const int kind = Below(random, 6);
      // Now and then a reference to nothing.
      json rule = {{"kind", kind < 3   ? "HTTPRouteGroup"
                            : kind < 5 ? "TCPRoute"
                                       : "UDPRoute"},
                   {"name", (kind < 3 ? "g" : "p") + std::to_string(Below(random, kind < 3 ? 4 : 3))}};
      if (kind < 3 && Below(random, 3) == 0) rule["matches"] = {"m" + std::to_string(Below(random, 3))};
      rules.push_back(rule);
    }
    json sources = json::array();
    const bool all_named = Below(random, 2) == 0;
    for (const char* account : kAccounts) {
      if (all_named && std::string(account) != "web" && std::string(account) != "admin") continue;
      if (sources.empty() || Below(random, 2) == 0) {
        sources.push_back({{"kind", "ServiceAccount"}, {"name", account}, {"namespace", "shop"}});
      }
    }
    if (!all_named && Below(random, 3) == 0) {
      const json far = {{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "far"}};
      if (Below(random, 2) == 0)
        sources[0] = far;
      else
        sources.push_back(far);
    }
    Add("access", "TrafficTarget", "t" + std::to_string(i),
        {{"destination", {{"kind", "ServiceAccount"}, {"name", "api"}}}, {"rules", rules}, {"sources", sources}});
  }
}

void CallPolicy::Add(const char* group, const char* kind, const std::string& name, const json& spec) {
  const char* version = std::string(group) == "access" ? "v1alpha3" : "v1alpha4";
  objects_[std::string(kind) + "/" + name] = spec;
  documents_.push_back(Document(group, version, kind, name, spec));
}

std::vector<std::string> CallPolicy::AllowedBy(const Call& call) const {
  constexpr std::string_view kPrefix = "TrafficTarget/";
  std::vector<std::string> names;
  for (const auto& [key, spec] : objects_) {
    if (key.starts_with(kPrefix) && TargetAllows(spec, call)) names.push_back(key.substr(kPrefix.size()));
  }
  return names;
}

bool CallPolicy::GroupsMatch(const Call& call) const {
  return GroupAllows({{"name", "g0"}}, call) || GroupAllows({{"name", "g1"}}, call);
}

bool CallPolicy::GroupAllows(const json& rule, const Call& call) const {
  const auto group = objects_.find("HTTPRouteGroup/" + rule["name"].get<std::string>());
  if (group == objects_.end()) return false;
  const auto wanted = rule.value("matches", std::vector<std::string>());
  for (const json& match : group->second["matches"]) {
    const bool named = wanted.empty() || std::find(wanted.begin(), wanted.end(), match["name"]) != wanted.end();
    if (named && SmiMatches(match, call)) return true;
  }
  return false;
}

bool CallPolicy::Names(const std::string& target, const Call& call) const {
  return SourcesHold(objects_.at("TrafficTarget/" + target), call);
}

bool CallPolicy::TargetAllows(const json& spec, const Call& call) const {
  if (!SourcesHold(spec, call)) return false;
  bool names_http = false;
  bool names_tcp = false;
  bool http = false;
  bool any_port = false;
  bool any_other = false;  // The same for the other transport.
  bool listed = false;
  const auto known = Ports().find(call.service);
  const int service_port = known == Ports().end() ? kBarePort : known->second.service;
  for (const json& rule : spec["rules"]) {
    const std::string kind = rule["kind"];
    if (kind == "HTTPRouteGroup") {
      names_http = true;
      http = http || (call.is_http && GroupAllows(rule, call));
      continue;
    }
    names_tcp = names_tcp || kind == "TCPRoute";
    const auto route = objects_.find(kind + "/" + rule["name"].get<std::string>());
    if (route == objects_.end()) continue;
    const json& ports = route->second["matches"]["ports"];
    const bool other = (kind == "UDPRoute") != call.udp;
    (other ? any_other : any_port) = (other ? any_other : any_port) || ports.empty();
    if (other) continue;
    listed = listed || std::find(ports.begin(), ports.end(), service_port) != ports.end();
  }
  // Everything means everything; else "all ports" are those of the Services, whatever else is listed.
  if (any_port && any_other && !names_http) return true;
  listed = listed && !any_port;
  if (call.udp) return listed || (any_port && known != Ports().end());
  if (names_http && !names_tcp) any_port = true;
  // Requests have no meaning where other bytes are spoken, unless the port is named.
  const bool by_any = any_port && known != Ports().end() && (!names_http || known->second.http);
  if (!names_http && !names_tcp) return false;
  return (listed || by_any) && (!names_http || http);
}

Call RandomCall(std::mt19937& random) {
  Call call;
  call.source_account = Pick(random, kAccounts);
  ComeFromAnywhere(random, call);
  call.service = Pick(random, kServices);
  call.udp = call.service == "gossip";
  const auto known = Ports().find(call.service);
  call.port = known == Ports().end() ? kBarePort : known->second.pod;
  call.is_http = !call.udp && Below(random, 6) != 0;
  call.method = Pick(random, kMethods);
  call.path = Pick(random, kRequestPaths);
  call.query = Pick(random, kQueries);
  if (Below(random, 3) != 0) call.headers["x"] = Pick(random, kRequestValues);
  call.headers["host"] = Pick(random, kRequestValues);
  return call;
}

json SplitByGroups(const json& backends) {
  return Document(
      "split", "v1alpha4", "TrafficSplit", "s",
      {{"service", "api"},
       {"backends", backends},
       {"matches", {{{"kind", "HTTPRouteGroup"}, {"name", "g0"}}, {{"kind", "HTTPRouteGroup"}, {"name", "g1"}}}}});
}

}  // namespace meshplay::testing
