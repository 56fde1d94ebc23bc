#include <catch2/catch.hpp>

#include "adapters/istio/control_planes.h"
#include "adapters/istio/internal/inventory_items.h"

using namespace meshplay::istio;
using nlohmann::json;

namespace {

json Istiod(const std::string& name_space, const std::string& name, const std::string& revision,
            const std::string& image) {
  json object = {{"apiVersion", "apps/v1"},
                 {"kind", "Deployment"},
                 {"metadata", {{"name", name}, {"namespace", name_space}, {"labels", {{"app", "istiod"}}}}}};
  if (!revision.empty()) object["metadata"]["labels"]["istio.io/rev"] = revision;
  object["spec"]["template"]["spec"]["containers"] = json::array({{{"name", "discovery"}, {"image", image}}});
  return object;
}

json Namespace(const std::string& name, const json& labels) {
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}, {"labels", labels}}}};
}

json Pod(const std::string& version, bool native, const std::string& revision) {
  json pod = {{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata",
               {{"name", "p"},
                {"namespace", "shop"},
                {"labels", {{"app", "web"}}},
                {"annotations", {{"sidecar.istio.io/status", "{\"revision\":\"" + revision + "\"}"}}}}}};
  const json app = {{"name", "web"}, {"image", "web:1"}};
  const json proxy = {{"name", "istio-proxy"}, {"image", "example.org/x/proxyv2:" + version}};
  pod["spec"]["containers"] = native ? json::array({app}) : json::array({app, proxy});
  if (native) pod["spec"]["initContainers"] = json::array({proxy});
  return pod;
}

}  // namespace

TEST_CASE("the version is in the image, whatever registry, port, variant or digest is around it", "[istio]") {
  CHECK(VersionOfImage("registry.istio.io/release/pilot:1.30.3") == "1.30.3");
  CHECK(VersionOfImage("localhost:5000/pilot:1.30.3-distroless") == "1.30.3");
  CHECK(VersionOfImage("pilot:1.31.0-rc.0-debug@sha256:abc") == "1.31.0-rc.0");
  CHECK(VersionOfImage("localhost:5000/pilot").empty());
  CHECK(VersionOfImage("pilot:latest").empty());
  CHECK(VersionOfImage("").empty());
}

TEST_CASE("control planes are found in any namespace, several revisions at once, with tags and members", "[istio]") {
  ClusterObjects objects;
  objects.deployments = {Istiod("mesh-b", "istiod-canary", "canary", "hub/pilot:1.30.3"),
                         Istiod("istio-system", "istiod", "", "hub/pilot:1.29.6-distroless")};
  objects.deployments[1]["metadata"]["labels"]["meshplay.dev/owner"] = "istiod";
  objects.mutating_webhooks = {
      {{"kind", "MutatingWebhookConfiguration"},
       {"metadata", {{"name", "t"}, {"labels", {{"istio.io/tag", "prod"}, {"istio.io/rev", "canary"}}}}}}};
  objects.namespaces = {Namespace("a", {{"istio-injection", "enabled"}, {"istio.io/rev", "canary"}}),
                        Namespace("b", {{"istio.io/rev", "prod"}}), Namespace("c", {{"istio-injection", "disabled"}}),
                        Namespace("d", json::object()), Namespace("e", {{"istio.io/rev", "canary"}})};
  const std::vector<ControlPlane> planes = FindControlPlanes(objects);
  REQUIRE(planes.size() == 2);
  CHECK(planes[0].key() == "istio-system/default");
  CHECK(planes[0].version == "1.29.6");
  CHECK(planes[0].managed);
  CHECK(planes[0].injected_namespaces == std::vector<std::string>{"a"});  // istio-injection wins
  CHECK(planes[1].key() == "mesh-b/canary");
  CHECK_FALSE(planes[1].managed);
  CHECK(planes[1].tags == std::vector<std::string>{"prod"});
  CHECK(planes[1].injected_namespaces == std::vector<std::string>{"b", "e"});
  CHECK(ToFacts(planes[1]).member_namespaces_size() == 2);
}

TEST_CASE("a Deployment with the label but no pilot in it is no control plane", "[istio]") {
  ClusterObjects objects;
  json other = Istiod("x", "istiod", "", "nginx:1.0");
  other["spec"]["template"]["spec"]["containers"][0]["name"] = "web";
  objects.deployments = {other, json::object(), json::array(), json(7)};
  CHECK(FindControlPlanes(objects).empty());
}

TEST_CASE("workload facts count sidecars of both kinds and the skew of their version", "[istio]") {
  ClusterObjects objects;
  objects.deployments = {Istiod("istio-system", "istiod", "", "hub/pilot:1.30.3")};
  objects.namespaces = {Namespace("shop", {{"istio-injection", "enabled"}})};
  const auto planes = FindControlPlanes(objects);
  json none = Pod("1.30.3", false, "");
  none["spec"]["containers"].erase(1);
  none["metadata"]["annotations"].clear();
  const std::vector<PodView> pods = {ViewPod(Pod("1.30.3", false, "default")), ViewPod(Pod("1.29.6", true, "default")),
                                     ViewPod(none)};
  json web = {{"apiVersion", "apps/v1"},
              {"kind", "StatefulSet"},
              {"metadata", {{"name", "web"}, {"namespace", "shop"}}},
              {"spec", {{"selector", {{"matchLabels", {{"app", "web"}}}}}}}};
  const auto facts = WorkloadItem(web, pods, planes).workload();
  CHECK(facts.pods() == 3);
  CHECK(facts.pods_with_proxy() == 2);
  CHECK(facts.pods_skewed() == 1);
  CHECK(facts.mesh_key() == "istio-system/default");
  CHECK(facts.service_account() == "default");
  web["metadata"]["namespace"] = "elsewhere";
  CHECK(WorkloadItem(web, {}, planes).workload().mesh_key().empty());
}

TEST_CASE("what is kept of objects holds no bookkeeping, and of pods no environment", "[istio]") {
  json pod = Pod("1.30.3", false, "default");
  pod["metadata"]["managedFields"] = json::array({1});
  pod["spec"]["containers"][0]["env"] = json::array({{{"name", "PASSWORD"}, {"value", "secret"}}});
  const PodView before = ViewPod(pod);
  TrimForInventory(pod);
  CHECK(pod.dump().find("secret") == std::string::npos);
  CHECK_FALSE(pod["metadata"].contains("managedFields"));
  const PodView after = ViewPod(pod);
  CHECK(after.has_proxy == before.has_proxy);
  CHECK(after.proxy_version == before.proxy_version);
  CHECK(after.revision == before.revision);
}
