#include "tests/unit/legacy_emitter/random_policy.h"

#include <algorithm>

#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/lower.h"

namespace meshplay::test {
namespace {

using nlohmann::json;

int Below(std::mt19937& random, int limit) {
  return std::uniform_int_distribution<int>(0, limit - 1)(random);
}

template <class T>
const T& Pick(std::mt19937& random, const std::vector<T>& from) {
  return from[static_cast<std::size_t>(Below(random, static_cast<int>(from.size())))];
}

json Document(const char* group, const char* version, const char* kind, const std::string& name, const json& spec) {
  return {{"apiVersion", std::string(group) + ".smi-spec.io/" + version},
          {"kind", kind},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", spec}};
}

json RandomMatch(std::mt19937& random, const std::string& name) {
  static const std::vector<std::string> kPaths = {"",           "",    "/api",  "/api/admin", "/metrics$", "/a|/b",
                                                  "/u/[0-9]+",  ".*x", "/v1.0", "^/api",      "(/c|/d)e$", "/(x)+y$",
                                                  "/[a-c]{2}$", "/q`", "/{",    "/a?b|c",     "/api.*",    "/s(/.*)?$"};
  static const std::vector<json> kMethods = {json(), json(), {"GET"}, {"POST", "GET"}, {"GET", "POST"}, {"*"}};
  static const std::vector<json> kHeaders = {json(),           json(),
                                             json(),           {{{"x", "v1"}}},
                                             {{{"x", "v.*"}}}, {{{"x", "v[12]"}}},
                                             {{{"x", "v`"}}},  {{{"host", "api.*"}}, {{"x", "v1|w"}}}};
  json match = {{"name", name}};
  const std::string& path = Pick(random, kPaths);
  const json& methods = Pick(random, kMethods);
  const json& headers = Pick(random, kHeaders);
  if (!path.empty()) match["pathRegex"] = path;
  if (!methods.is_null()) match["methods"] = methods;
  if (!headers.is_null()) match["headers"] = headers;
  return match;
}

bool Fits(const json& match, const TestRequest& request) {
  const std::string path = match.value("pathRegex", "");
  if (!path.empty() && !MatchesFully("(?:" + path + ").*", request.path)) return false;
  const json methods = match.value("methods", json::array());
  const bool any_method = methods.empty() || std::find(methods.begin(), methods.end(), "*") != methods.end();
  if (!any_method && std::find(methods.begin(), methods.end(), request.method) == methods.end()) return false;
  const json headers = match.value("headers", json::array());
  return std::all_of(headers.begin(), headers.end(), [&](const json& header) {
    const auto it = request.headers.find(header.begin().key());
    return it != request.headers.end() && MatchesFully(header.begin().value(), it->second);
  });
}

bool NamesPort(int number, const TestPort& port) {
  const auto& ports = TestPorts();
  const bool of_service =
      std::any_of(ports.begin(), ports.end(), [&](const TestPort& other) { return other.service == number; });
  return of_service ? port.service == number : port.pod == number;
}

}  // namespace

bool MatchesFully(const std::string& regex, const std::string& text) {
  static std::map<std::pair<std::string, std::string>, bool> known;
  const auto it = known.find({regex, text});
  if (it != known.end()) return it->second;
  return known[{regex, text}] = smi::RegexMatchesFully(regex, text);
}

const std::vector<TestPort>& TestPorts() {
  static const std::vector<TestPort> kPorts = {{80, 8080, true}, {90, 9090, true}, {70, 7000, false}};
  return kPorts;
}

smi::ClusterFacts TestCluster() {
  std::vector<json> objects;
  for (const char* name : {"web", "admin", "api"}) {
    objects.push_back(
        {{"apiVersion", "apps/v1"},
         {"kind", "Deployment"},
         {"metadata", {{"name", name}, {"namespace", "shop"}}},
         {"spec",
          {{"selector", {{"matchLabels", {{"app", name}}}}},
           {"template", {{"metadata", {{"labels", {{"app", name}}}}}, {"spec", {{"serviceAccountName", name}}}}}}}});
  }
  objects.push_back({{"apiVersion", "v1"},
                     {"kind", "Service"},
                     {"metadata", {{"name", "api"}, {"namespace", "shop"}}},
                     {"spec",
                      {{"selector", {{"app", "api"}}},
                       {"ports",
                        {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}},
                         {{"name", "http-b"}, {"port", 90}, {"targetPort", 9090}}}}}}});
  objects.push_back(
      {{"apiVersion", "v1"},
       {"kind", "Service"},
       {"metadata",
        {{"name", "db"}, {"namespace", "shop"}, {"annotations", {{"mesh.traefik.io/traffic-type", "tcp"}}}}},
       {"spec",
        {{"selector", {{"app", "api"}}}, {"ports", {{{"name", "tcp-db"}, {"port", 70}, {"targetPort", 7000}}}}}}});
  return facts::FactsFromObjects(objects);
}

const std::vector<TestRequest>& TestRequests() {
  static const std::vector<TestRequest> kRequests = [] {
    std::vector<TestRequest> out;
    for (const char* path :
         {"/",    "/api", "/apix", "/api/admin/x", "/metrics", "/metrics/", "/x/metrics", "/a", "/b",   "/ab/c",
          "/u/7", "/u/x", "/v1x0", "/ce",          "/xxy",     "/q`1",      "/{",         "/s", "/s/t", "/sx"}) {
      for (const char* method : {"GET", "POST", "DELETE"}) {
        for (const char* x : {"", "v1", "v12", "xv1", "w", "v`"}) {
          TestRequest request{method, path, {{"host", "api.shop"}}};
          if (*x != '\0') request.headers["x"] = x;
          out.push_back(std::move(request));
        }
      }
    }
    return out;
  }();
  return kRequests;
}

RandomPolicy MakePolicy(std::mt19937& random) {
  RandomPolicy policy;
  for (const char* name : {"p0", "p1"}) {
    std::vector<int> ports;
    for (const int port : {80, 90, 70, 8080, 5}) {
      if (Below(random, 3) == 0) ports.push_back(port);
    }
    policy.routes[name] = ports;
    policy.documents.push_back(Document("specs", "v1alpha4", "TCPRoute", name, {{"matches", {{"ports", ports}}}}));
  }
  for (const char* name : {"g0", "g1"}) {
    json matches = json::array();
    const int count = 1 + Below(random, 3);
    for (int i = 0; i < count; ++i) matches.push_back(RandomMatch(random, "m" + std::to_string(i)));
    policy.groups[name] = matches;
    policy.documents.push_back(Document("specs", "v1alpha4", "HTTPRouteGroup", name, {{"matches", matches}}));
  }
  const int targets = 1 + Below(random, 3);
  for (int i = 0; i < targets; ++i) {
    json rules = json::array();
    const int count = 1 + Below(random, 2);
    for (int k = 0; k < count; ++k) {
      const bool http = Below(random, 3) != 0;
      // Now and then a reference to nothing.
      const std::string number = Below(random, 12) == 0 ? "9" : std::to_string(Below(random, 2));
      json rule = {{"kind", http ? "HTTPRouteGroup" : "TCPRoute"}, {"name", (http ? "g" : "p") + number}};
      if (http && Below(random, 2) == 0) rule["matches"] = {"m" + std::to_string(Below(random, 2))};
      rules.push_back(std::move(rule));
    }
    json sources = json::array();
    for (const char* account : {"web", "admin"}) {
      if (Below(random, 2) == 0) continue;
      sources.push_back({{"kind", "ServiceAccount"}, {"name", account}, {"namespace", "shop"}});
    }
    if (Below(random, 4) == 0) {
      sources.push_back({{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "far"}});
    }
    if (sources.empty()) sources.push_back({{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "shop"}});
    policy.targets.push_back(
        {{"destination", {{"kind", "ServiceAccount"}, {"name", "api"}}}, {"rules", rules}, {"sources", sources}});
    policy.documents.push_back(
        Document("access", "v1alpha3", "TrafficTarget", "t" + std::to_string(i), policy.targets.back()));
  }
  return policy;
}

bool NamesSource(const json& target, const std::string& source) {
  const std::size_t slash = source.find('/');
  const std::string name_space = slash == std::string::npos ? "shop" : source.substr(0, slash);
  const json& sources = target["sources"];
  return std::any_of(sources.begin(), sources.end(), [&](const json& s) {
    return s["name"] == source.substr(slash + 1) && s["namespace"] == name_space;
  });
}

bool SmiAllows(const RandomPolicy& policy, const std::string& source, const TestPort& port,
               const TestRequest* request) {
  for (const json& target : policy.targets) {
    if (!NamesSource(target, source)) continue;
    bool has_http = false;
    bool has_tcp = false;
    bool port_fits = false;
    bool request_fits = false;
    for (const json& rule : target["rules"]) {
      if (rule["kind"] == "TCPRoute") {
        has_tcp = true;
        const auto route = policy.routes.find(rule["name"]);
        if (route == policy.routes.end()) continue;
        const auto& ports = route->second;
        port_fits = port_fits || ports.empty() ||
                    std::any_of(ports.begin(), ports.end(), [&](int number) { return NamesPort(number, port); });
        continue;
      }
      has_http = true;
      const auto group = policy.groups.find(rule["name"]);
      if (group == policy.groups.end() || request == nullptr) continue;
      for (const json& match : group->second) {
        const json wanted = rule.value("matches", json::array());
        const bool named = wanted.empty() || std::find(wanted.begin(), wanted.end(), match["name"]) != wanted.end();
        request_fits = request_fits || (named && Fits(match, *request));
      }
    }
    if ((port_fits || !has_tcp) && (has_http ? request_fits : has_tcp)) return true;
  }
  return false;
}

}  // namespace meshplay::test
