#include "tests/unit/translate/big_world.h"

#include <string>

namespace meshplay::testing {
namespace {

using nlohmann::json;

json Meta(const std::string& name) {
  return {{"name", name}, {"namespace", "shop"}};
}

json Account(const std::string& name) {
  return {{"kind", "ServiceAccount"}, {"name", name}, {"namespace", "shop"}};
}

// Deployment, Service and ServiceAccount of one app.
json Deployment(const std::string& app) {
  const json pods = {{"metadata", {{"labels", {{"app", app}}}}}, {"spec", {{"serviceAccountName", "sa" + app}}}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", Meta("d" + app)},
          {"spec", {{"selector", {{"matchLabels", {{"app", app}}}}}, {"template", pods}}}};
}

json Service(const std::string& app) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", Meta("s" + app)},
          {"spec", {{"selector", {{"app", app}}}, {"ports", {{{"name", "http"}, {"port", 80}}}}}}};
}

json Group(const std::string& name) {
  const json exact = {{"name", "exact"}, {"pathRegex", "/x/" + name + "$"}, {"methods", json::array({"GET"})}};
  const json prefix = {{"name", "prefix"}, {"pathRegex", "/y/" + name}, {"headers", {{"x-a", "b"}}}};
  return {{"apiVersion", "specs.smi-spec.io/v1alpha4"},
          {"kind", "HTTPRouteGroup"},
          {"metadata", Meta(name)},
          {"spec", {{"matches", json::array({exact, prefix})}}}};
}

}  // namespace

BigWorld MakeBigWorld(int targets) {
  BigWorld out;
  // Ambient mode of Istio looks at requests and splits them at waypoints only.
  out.cluster.push_back({{"apiVersion", "v1"},
                         {"kind", "Namespace"},
                         {"metadata", {{"name", "shop"}, {"labels", {{"istio.io/use-waypoint", "way"}}}}}});
  for (int i = 0; i < targets; ++i) {
    const std::string n = std::to_string(i);
    const std::string next = std::to_string((i + 1) % targets);
    json rules = json::array();
    for (const char* half : {"a", "b"}) {
      out.documents.push_back(Group("g" + n + half));
      rules.push_back({{"kind", "HTTPRouteGroup"}, {"name", "g" + n + half}});
    }
    out.documents.push_back({{"apiVersion", "access.smi-spec.io/v1alpha3"},
                             {"kind", "TrafficTarget"},
                             {"metadata", Meta("t" + n)},
                             {"spec",
                              {{"destination", Account("sa" + n)},
                               {"rules", rules},
                               {"sources", json::array({Account("sa" + next), Account("web")})}}}});
    out.cluster.push_back(Deployment(n));
    out.cluster.push_back(Service(n));
    // A workload that is nobody's destination; strict modes close it too.
    if (i % 4 == 0) {
      out.cluster.push_back(Deployment("idle" + n));
      out.cluster.push_back(Service("idle" + n));
    }
    if (i % 2 != 0) continue;
    json spec = {
        {"service", "s" + n},
        {"backends", json::array({{{"service", "s" + n}, {"weight", 9}}, {{"service", "s" + next}, {"weight", 1}}})}};
    if (i % 4 == 0) spec["matches"] = json::array({{{"kind", "HTTPRouteGroup"}, {"name", "g" + n + "a"}}});
    out.documents.push_back({{"apiVersion", "split.smi-spec.io/v1alpha4"},
                             {"kind", "TrafficSplit"},
                             {"metadata", Meta("p" + n)},
                             {"spec", spec}});
  }
  return out;
}

}  // namespace meshplay::testing
