#include <catch2/catch.hpp>

#include "tests/integration/controller/shop.h"
#include "tests/support/eventually.h"

namespace meshplay::test {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr seconds kSoon{90};
const std::string kOurs = "meshplay.dev/owner=controller";

std::size_t RulesOf(Shop& shop) {
  const auto policy = shop.Policy("smi-access");
  if (!policy) return 99;
  const json& rules = kube::ValueAt(*policy, "/spec/rules");
  return rules.is_array() ? rules.size() : 0;
}

long long CanaryWeight(Shop& shop) {
  const auto route = shop.Route("smi-canary");
  return route ? kube::NumberAt(*route, "/spec/http/0/route/1/weight", -1) : -1;
}

/// The end of a grace as the controller remembers it, Unix time in ms; 0 when nothing is in one.
long long DegradedUntil(Shop& shop) {
  const std::string state = shop.Kubectl(
      {"-n", "istio-system", "get", "configmap", "meshplay-smi-controller-state", "-o", "jsonpath={.data.*}"});
  const std::string name = "\"degradedUntil\":";
  const auto at = state.find(name);
  return at == std::string::npos ? 0 : std::stoll(state.substr(at + name.size()));
}

constexpr char kElsewhere[] = R"(
apiVersion: specs.smi-spec.io/v1alpha4
kind: TCPRoute
metadata: {name: any, namespace: ops}
spec: {matches: {ports: []}}
---
apiVersion: access.smi-spec.io/v1alpha4
kind: TrafficTarget
metadata: {name: ops-access, namespace: ops}
spec:
  destination: {kind: ServiceAccount, name: api, namespace: shop}
  rules: [{kind: TCPRoute, name: any}]
  sources: [{kind: ServiceAccount, name: probe, namespace: ops}]
)";

TEST_CASE("SMI objects of the cluster are kept in step from enable to disable", "[rig]") {
  auto shop = Shop::Open("ctl-life");
  if (!shop) return;
  shop->Run("smi.controller.enable", {{"gracePeriod", "15s"}});
  INFO(shop->stack().LogTail("adapter"));

  // Objects, status, Event.
  shop->Apply(kRoutes);
  shop->Apply(kTarget);
  REQUIRE(Eventually(kSoon, [&] { return RulesOf(*shop) == 1; }));
  CHECK(Eventually(kSoon, [&] { return shop->State("TrafficTarget", "access") == "IN_STEP"; }));
  CHECK(shop->Kubectl({"-n", "shop", "get", "tt", "access", "-o", "jsonpath={.status.level}"}) == "FULL");
  CHECK(Eventually(kSoon, [&] {
    return shop->Kubectl({"-n", "shop", "get", "events", "-o", "jsonpath={.items[*].reason}"}).find("InStep") !=
           std::string::npos;
  }));
  CHECK(Eventually(kSoon, [&] {
    const json condition = shop->Condition();
    return condition.is_object() && condition["message"].get<std::string>().find("1 FULL") != std::string::npos;
  }));

  // An edit of the group reaches the policy of its target.
  std::string edited = kRoutes;
  edited.replace(edited.find("/api,"), 5, "/other,");
  shop->Apply(edited);
  CHECK(Eventually(kSoon, [&] { return shop->Policy("smi-access")->dump().find("/other") != std::string::npos; }));

  // A canary in ten steps, written in the version that such tools use.
  for (int step = 0; step <= 10; ++step) {
    shop->Apply(SplitYaml(step * 10));
    CHECK(Eventually(kSoon, [&] { return CanaryWeight(*shop) == step * 10; }));
  }

  // What somebody does to our objects is undone, additions too.
  shop->Kubectl({"-n", "shop", "patch", "authorizationpolicy", "smi-access", "--type=merge", "-p",
                 R"({"spec":{"action":"DENY","rules":[{},{}]}})"});
  CHECK(Eventually(kSoon, [&] {
    const auto policy = shop->Policy("smi-access");
    return policy && (*policy)["spec"]["action"] == "ALLOW" && (*policy)["spec"]["rules"].size() == 1;
  }));
  shop->Kubectl({"-n", "shop", "delete", "virtualservice", "smi-canary"});
  CHECK(Eventually(kSoon, [&] { return CanaryWeight(*shop) == 100; }));
  shop->Kubectl({"-n", "shop", "patch", "virtualservice", "smi-canary", "--type=merge", "-p",
                 R"({"spec":{"gateways":["public"]}})"});
  CHECK(Eventually(kSoon, [&] {
    const auto route = shop->Route("smi-canary");
    return route && !(*route)["spec"].contains("gateways");
  }));

  // A reference that goes: DEGRADED, then fail closed.
  shop->Kubectl({"-n", "shop", "delete", "httproutegroup", "routes"});
  CHECK(Eventually(kSoon, [&] { return shop->State("TrafficTarget", "access") == "DEGRADED"; }));
  CHECK(RulesOf(*shop) == 1);
  CHECK(Eventually(kSoon, [&] { return RulesOf(*shop) == 0; }));
  shop->Apply(kRoutes);
  CHECK(Eventually(kSoon, [&] { return RulesOf(*shop) == 1; }));

  // Somebody else's object with our name.
  shop->Apply(R"(
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: smi-taken, namespace: shop}
spec: {hosts: [nobody.example]}
---
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: taken, namespace: shop}
spec: {service: api-v1, backends: [{service: api-v2, weight: 1}]}
)");
  CHECK(Eventually(kSoon, [&] { return shop->State("TrafficSplit", "taken") == "CONFLICT"; }));
  CHECK((*shop->Route("smi-taken"))["spec"]["hosts"][0] == "nobody.example");
  CHECK(Eventually(kSoon, [&] {
    const json condition = shop->Condition();
    return condition.is_object() && condition["message"].get<std::string>().find("1 conflict") != std::string::npos;
  }));

  // Objects in another namespace hold their source.
  shop->Apply(kElsewhere);
  CHECK(Eventually(kSoon, [&] {
    return shop->Kubectl({"-n", "ops", "get", "tt", "ops-access", "-o",
                          "jsonpath={.metadata.finalizers[0]} {.status.level}"}) == "meshplay.dev/smi-controller FULL";
  }));
  shop->Kubectl({"-n", "ops", "delete", "tt", "ops-access", "--wait=false"});
  CHECK(Eventually(kSoon, [&] { return shop->Kubectl({"-n", "ops", "get", "tt", "-o", "name"}).empty(); }));
  CHECK(Eventually(kSoon, [&] {
    return shop->Kubectl({"-n", "shop", "get", "authorizationpolicies", "-o", "name"}).find("ops") == std::string::npos;
  }));
  shop->Apply(kElsewhere);
  CHECK(Eventually(kSoon, [&] {
    return !shop->Kubectl({"-n", "ops", "get", "tt", "ops-access", "-o", "jsonpath={.metadata.finalizers}"}).empty();
  }));

  // Disable: nothing of ours is left, what people wrote is.
  shop->Run("smi.controller.disable");
  CHECK(shop->Kubectl({"get", "virtualservices,authorizationpolicies,peerauthentications,configmaps", "-A", "-l", kOurs,
                       "-o", "name"})
            .empty());
  CHECK(shop->Route("smi-taken"));
  const std::string left =
      shop->Kubectl({"get", "traffictargets,trafficsplits,httproutegroups,tcproutes", "-A", "-o", "yaml"});
  CHECK(left.find("name: access") != std::string::npos);
  CHECK(left.find("meshplay.dev") == std::string::npos);
  CHECK(left.find("IN_STEP") == std::string::npos);
  shop->Apply(SplitYaml(50));
  CHECK(Eventually(kSoon, [&] { return shop->Condition().is_null(); }));
  CHECK_FALSE(shop->Route("smi-canary"));
  // The definitions are ours to remove, once nothing would be lost.
  CHECK(shop->Refused("smi.controller.disable", {{"removeDefinitions", true}}) == "SMI_OBJECTS_EXIST");
  shop->Kubectl({"delete", "traffictargets,trafficsplits,httproutegroups,tcproutes", "-A", "--all"});
  shop->Run("smi.controller.disable", {{"removeDefinitions", true}});
  CHECK(shop->Kubectl({"get", "crds", "-o", "name"}).find("smi-spec.io") == std::string::npos);
}

TEST_CASE("a restarted adapter goes on, and writes only while its lease lives", "[rig]") {
  auto shop = Shop::Open("ctl-trouble");
  if (!shop) return;
  shop->Run("smi.controller.enable", {{"gracePeriod", "10s"}});
  shop->Apply(kRoutes);
  shop->Apply(kTarget);
  shop->Apply(SplitYaml(10));
  REQUIRE(Eventually(kSoon, [&] { return CanaryWeight(*shop) == 10 && RulesOf(*shop) == 1; }));

  // Killed during a grace: it neither ends nor begins anew.
  shop->Kubectl({"-n", "shop", "delete", "httproutegroup", "routes"});
  REQUIRE(Eventually(kSoon, [&] { return shop->State("TrafficTarget", "access") == "DEGRADED"; }));
  REQUIRE(Eventually(kSoon, [&] { return DegradedUntil(*shop) != 0; }));
  const long long until = DegradedUntil(*shop);
  shop->stack().adapter().KillHard();
  shop->Apply(SplitYaml(20));
  shop->stack().StartAdapter();
  shop->stack().AwaitConnected();
  CHECK(Eventually(kSoon, [&] { return CanaryWeight(*shop) == 20; }));
  CHECK(DegradedUntil(*shop) == until);
  CHECK(Eventually(kSoon, [&] { return RulesOf(*shop) == 0; }));

  // The server is away: what happens to a split is not followed once the lease is over, and is when it is back.
  shop->stack().server().KillHard();
  int weight = 20;
  const bool stopped = Eventually(seconds(240), [&] {
    shop->Apply(SplitYaml(++weight));
    return !Eventually(seconds(8), [&] { return CanaryWeight(*shop) == weight; });
  });
  CHECK(stopped);
  CHECK(CanaryWeight(*shop) < weight);
  shop->stack().StartServer();
  shop->stack().AwaitConnected();
  CHECK(Eventually(kSoon, [&] { return CanaryWeight(*shop) == weight; }));

  // Its records go by hand: it makes new ones.
  shop->Kubectl({"-n", "istio-system", "delete", "configmap", "meshplay-smi-controller-state"});
  shop->Apply(SplitYaml(++weight));
  CHECK(Eventually(kSoon, [&] { return CanaryWeight(*shop) == weight; }));

  // The ConfigMap goes by hand: objects stay, nothing waits for us.
  shop->Apply(kElsewhere);
  REQUIRE(Eventually(kSoon, [&] {
    return !shop->Kubectl({"-n", "ops", "get", "tt", "ops-access", "-o", "jsonpath={.metadata.finalizers}"}).empty();
  }));
  shop->Kubectl({"-n", "istio-system", "delete", "configmap", "meshplay-smi-controller"});
  CHECK(Eventually(kSoon, [&] {
    return shop->Kubectl({"-n", "ops", "get", "tt", "ops-access", "-o", "jsonpath={.metadata.finalizers}"}).empty();
  }));
  CHECK(CanaryWeight(*shop) == weight);
}

TEST_CASE("definitions of somebody else are used as they are, and native consumers are left alone", "[rig]") {
  auto shop = Shop::Open("ctl-native");
  if (!shop) return;
  // Definitions without a status: the annotation tells instead.
  shop->Kubectl({"apply", "-f", std::string(MESHPLAY_SOURCE_DIR) + "/tests/charts/smi-crds/crds.yaml"});
  const std::string before =
      shop->Kubectl({"get", "crd", "traffictargets.access.smi-spec.io", "-o", "jsonpath={.metadata.resourceVersion}"});
  shop->Run("smi.controller.enable");
  shop->Apply(kRoutes);
  shop->Apply(kTarget);
  CHECK(Eventually(kSoon, [&] { return RulesOf(*shop) == 1; }));
  CHECK(Eventually(kSoon, [&] {
    const auto target = shop->Find("access.smi-spec.io/v1alpha3", "TrafficTarget", "shop", "access");
    return target && kube::AnnotationOf(*target, "meshplay.dev/smi-status").find("IN_STEP") != std::string::npos;
  }));
  CHECK(shop->Kubectl({"get", "crd", "traffictargets.access.smi-spec.io", "-o",
                       "jsonpath={.metadata.resourceVersion}"}) == before);
  CHECK(shop->Kubectl({"get", "crds", "-o", "name"}).find("identitybindings") == std::string::npos);
  CHECK(shop->Refused("istio.uninstall") == "MESH_IN_USE");
  // Again: nothing to do.
  shop->Run("smi.controller.enable");
  shop->Run("smi.controller.disable");
  CHECK(shop->Kubectl({"-n", "shop", "get", "tt", "access", "-o", "yaml"}).find("meshplay.dev") == std::string::npos);

  shop->Apply(R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: mesh-controller, namespace: ops}
spec:
  selector: {matchLabels: {app: mesh}}
  template:
    metadata: {labels: {app: mesh}}
    spec: {containers: [{name: mesh, image: "traefik/mesh:v1.4.8"}]}
)");
  CHECK(shop->Refused("smi.controller.enable") == "NATIVE_CONSUMER");
}

}  // namespace
}  // namespace meshplay::test
