#include "tests/integration/smi_objects/limits.h"

#include <string>

namespace meshplay::test {
namespace {

using nlohmann::json;

json Object(const std::string& api_version, const std::string& kind, const std::string& name, json spec) {
  return {{"apiVersion", api_version},
          {"kind", kind},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", std::move(spec)}};
}

json Group(const std::string& name, json matches) {
  return Object("specs.smi-spec.io/v1alpha4", "HTTPRouteGroup", name, {{"matches", std::move(matches)}});
}

json Account(const std::string& name) {
  return {{"kind", "ServiceAccount"}, {"name", name}, {"namespace", "shop"}};
}

json Target(const std::string& name, const std::string& rule_kind, const std::string& rule_name, json sources,
            const std::string& destination = "api") {
  return Object("access.smi-spec.io/v1alpha3", "TrafficTarget", name,
                {{"destination", Account(destination)},
                 {"rules", {{{"kind", rule_kind}, {"name", rule_name}}}},
                 {"sources", std::move(sources)}});
}

json Split(const std::string& name, const std::string& group, json backends) {
  json spec = {{"service", "api"}, {"backends", std::move(backends)}};
  if (!group.empty()) spec["matches"] = {{{"kind", "HTTPRouteGroup"}, {"name", group}}};
  return Object("split.smi-spec.io/v1alpha4", "TrafficSplit", name, std::move(spec));
}

json Workload(const std::string& name, const std::string& account) {
  return Object(
      "apps/v1", "Deployment", name,
      {{"selector", {{"matchLabels", {{"app", name}}}}},
       {"template", {{"metadata", {{"labels", {{"app", name}}}}}, {"spec", {{"serviceAccountName", account}}}}}});
}

json Service(const std::string& name, const std::string& app, int ports = 1) {
  json list = json::array();
  for (int i = 0; i < ports; ++i) list.push_back({{"name", "http-" + std::to_string(i)}, {"port", 8080 + i}});
  return Object("v1", "Service", name, {{"selector", {{"app", app}}}, {"ports", std::move(list)}});
}

json Halves() {
  return {{{"service", "api-v1"}, {"weight", 1'000'000}}, {{"service", "api-v2"}, {"weight", 1}}};
}

json Cluster() {
  return {Workload("api", "api"), Workload("web", "web"),   Service("api", "api"),
          Service("web", "web"),  Service("api-v1", "one"), Service("api-v2", "two")};
}

// Requests both for access and for a split.
json Requests(const std::string& name, json matches) {
  return {{"name", name},
          {"cluster", Cluster()},
          {"documents",
           {Group("g", std::move(matches)), Target("t", "HTTPRouteGroup", "g", {Account("web")}),
            Split("s", "g", Halves())}}};
}

std::string Repeat(const std::string& text, std::size_t length) {
  std::string out;
  while (out.size() + text.size() <= length) out += text;
  return out;
}

json ManyAlternatives() {
  std::string path;
  for (char c = 'a'; c < 'a' + 16; ++c) path += (path.empty() ? "/" : "|/") + std::string(1, c);
  return {{{"name", "m"},
           {"pathRegex", "(" + path + ")$"},
           {"methods", {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}}}};
}

json ManyMatches(int count) {
  json matches = json::array();
  for (int i = 0; i < count; ++i) {
    matches.push_back({{"name", "m" + std::to_string(i)}, {"pathRegex", "/p" + std::to_string(i) + "[0-9]+"}});
  }
  return matches;
}

json ManyHeaders(int count) {
  json headers = json::array();
  for (int i = 0; i < count; ++i) headers.push_back({{"h" + std::to_string(i), "v[12]"}});
  return {{{"name", "m"}, {"headers", std::move(headers)}}};
}

json StrangePaths() {
  json matches = json::array();
  for (const char* path :
       {"/a//b$", "/a b$", "/%2f$", "/../x$", "/./", "/a#b", "/x/.$", "no-slash", "/\\{id\\}$", "/~*", ""}) {
    matches.push_back({{"name", "m" + std::to_string(matches.size())}, {"pathRegex", path}});
  }
  return matches;
}

json StrangeHeaders() {
  return {{{"name", "a"}, {"headers", {{{"!#$%&'*+-.^_`|~a", "x"}}, {{"X_Upper", ""}}, {{"host", "api.*"}}}}},
          {{"name", "b"}, {"headers", {{{"x", "^" + Repeat("ab ", 1000) + "$"}}, {{"y", "\"quoted\" \\\\ \\.*"}}}}}};
}

json Bytes(const std::string& name, json documents, json cluster = Cluster()) {
  return {{"name", name}, {"documents", std::move(documents)}, {"cluster", std::move(cluster)}};
}

json Route(json ports) {
  return Object("specs.smi-spec.io/v1alpha4", "TCPRoute", "p", {{"matches", {{"ports", std::move(ports)}}}});
}

json LongNames() {
  const std::string name = Repeat("long-name.", 251) + "xy";
  const std::string account = Repeat("account.", 252) + "z";
  json cluster = Cluster();
  cluster.push_back(Workload("far", account));
  cluster.push_back(Service("far", "far"));
  return Bytes("names of 253 characters",
               {Group(name, {{{"name", Repeat("m", 200)}, {"pathRegex", "/a"}}}),
                Target(name, "HTTPRouteGroup", name, {Account("web"), Account(account)}),
                Target(name + "2", "HTTPRouteGroup", name, {Account("web")}, account), Split(name, name, Halves())},
               std::move(cluster));
}

json ManyObjects() {
  json documents = {Route(json::array())};
  json sources = json::array();
  for (int i = 0; i < 600; ++i) sources.push_back(Account("caller-" + std::to_string(i)));
  documents.push_back(Target("many-sources", "TCPRoute", "p", std::move(sources)));
  for (int i = 0; i < 40; ++i) {
    documents.push_back(Target("t" + std::to_string(i), "TCPRoute", "p", {Account("w" + std::to_string(i))}));
  }
  return Bytes("600 sources and 40 targets", std::move(documents));
}

json ManyPorts() {
  json cluster = Cluster();
  cluster[2] = Service("api", "api", 60);
  json ports = json::array();
  for (int i = 0; i < 60; ++i) ports.push_back(8080 + i);
  return Bytes("60 ports",
               {Route(std::move(ports)), Group("g", {{{"name", "m"}, {"pathRegex", "/a"}}}),
                Target("bytes", "TCPRoute", "p", {Account("web")}),
                Target("requests", "HTTPRouteGroup", "g", {Account("web")}), Split("s", "", Halves())},
               std::move(cluster));
}

json ManyBackends() {
  json cluster = Cluster();
  json backends = json::array();
  for (int i = 0; i < 40; ++i) {
    const std::string name = "b" + std::to_string(i);
    backends.push_back({{"service", name}, {"weight", i}});
    cluster.push_back(Service(name, name));
  }
  return Bytes("40 backends", {Split("s", "", std::move(backends))}, std::move(cluster));
}

}  // namespace

std::vector<json> LimitCases() {
  return {Requests("16 alternatives by nine methods", ManyAlternatives()),
          Requests("20 matches", ManyMatches(20)),
          Requests("150 matches", ManyMatches(150)),
          Requests("16 headers", ManyHeaders(16)),
          Requests("17 headers", ManyHeaders(17)),
          Requests("strange paths", StrangePaths()),
          Requests("strange headers", StrangeHeaders()),
          Requests("paths of 1000 characters", {{{"name", "a"}, {"pathRegex", "/" + Repeat("ab", 998)}},
                                                {{"name", "b"}, {"pathRegex", "/" + Repeat("[ab]", 1000)}}}),
          LongNames(),
          ManyObjects(),
          ManyPorts(),
          ManyBackends()};
}

}  // namespace meshplay::test
