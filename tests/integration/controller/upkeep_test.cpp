#include <catch2/catch.hpp>

#include "tests/integration/controller/shop.h"
#include "tests/support/eventually.h"

namespace meshplay::test {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr seconds kSoon{90};

long long CanaryWeight(Shop& shop) {
  const auto route = shop.Route("smi-canary");
  return route ? kube::NumberAt(*route, "/spec/http/0/route/1/weight", -1) : -1;
}

void WriteSettings(Shop& shop, const std::string& text) {
  const json patch = {{"data", {{"settings", text}}}};
  shop.Kubectl(
      {"-n", "istio-system", "patch", "configmap", "meshplay-smi-controller", "--type=merge", "-p", patch.dump()});
}

bool Says(Shop& shop, const std::string& text) {
  const json condition = shop.Condition();
  return condition.is_object() && condition["message"].get<std::string>().find(text) != std::string::npos;
}

TEST_CASE("what happens to the controller's settings and definitions is followed, and what cannot be is said",
          "[rig]") {
  auto shop = Shop::Open("ctl-upkeep");
  if (!shop) return;
  shop->Run("smi.controller.enable");
  INFO(shop->stack().LogTail("adapter"));
  shop->Apply(SplitYaml(10));
  REQUIRE(Eventually(kSoon, [&] { return shop->State("TrafficSplit", "canary") == "IN_STEP"; }));
  CHECK(CanaryWeight(*shop) == 10);

  // Of an object that counts no more nothing is left, what was said of it neither.
  shop->Run("smi.controller.enable", {{"namespaces", {"ops"}}});
  CHECK(Eventually(kSoon, [&] { return !shop->Route("smi-canary"); }));
  CHECK(Eventually(kSoon, [&] {
    return shop->Kubectl({"-n", "shop", "get", "ts", "canary", "-o", "yaml"}).find("IN_STEP") == std::string::npos;
  }));
  shop->Run("smi.controller.enable");
  CHECK(Eventually(kSoon, [&] { return shop->State("TrafficSplit", "canary") == "IN_STEP"; }));
  CHECK(CanaryWeight(*shop) == 10);

  // Settings that make no sense, then those of a revision that is gone: said at the mesh that is there.
  WriteSettings(*shop, "nonsense");
  CHECK(Eventually(kSoon, [&] { return Says(*shop, "SMI_CONTROLLER_CONFIG_INVALID"); }));
  WriteSettings(*shop, json{{"meshKey", "istio-system/gone"},
                            {"namespaces", json::array()},
                            {"options", json::object()},
                            {"gracePeriodMs", 0},
                            {"events", true}}
                           .dump());
  CHECK(Eventually(kSoon, [&] { return Says(*shop, "PREREQUISITE_MISSING"); }));
  CHECK(CanaryWeight(*shop) == 10);

  // It moves to another control plane of the namespace without anything being removed in between.
  const std::string uid = kube::UidOf(*shop->Route("smi-canary"));
  shop->Run("smi.controller.enable");
  shop->Apply(SplitYaml(20));
  CHECK(Eventually(kSoon, [&] { return CanaryWeight(*shop) == 20 && Says(*shop, "1 FULL"); }));
  CHECK(kube::UidOf(*shop->Route("smi-canary")) == uid);

  // A definition goes and comes back while nothing else happens on the cluster.
  shop->Kubectl({"delete", "crd", "trafficsplits.split.smi-spec.io"});
  CHECK(Eventually(kSoon, [&] { return !shop->Route("smi-canary"); }));
  shop->Run("smi.controller.enable");
  shop->Apply(SplitYaml(30));
  CHECK(Eventually(kSoon, [&] { return CanaryWeight(*shop) == 30; }));
}

}  // namespace
}  // namespace meshplay::test
