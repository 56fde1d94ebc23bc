#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/controller/fake_cluster.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;
using test::FakeCluster;
using Steps = std::vector<std::string>;

constexpr char kRoutes[] = R"(
apiVersion: specs.smi-spec.io/v1alpha4
kind: HTTPRouteGroup
metadata: {name: routes, namespace: shop}
spec: {matches: [{name: api, pathRegex: /api, methods: ["*"]}]}
)";
constexpr char kTarget[] = R"(
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: {name: access, namespace: shop}
spec:
  destination: {kind: ServiceAccount, name: api, namespace: shop}
  rules: [{kind: HTTPRouteGroup, name: routes}]
  sources: [{kind: ServiceAccount, name: web, namespace: shop}]
)";
constexpr char kSplit[] = R"(
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: canary, namespace: shop}
spec: {service: api, backends: [{service: api-v1, weight: 90}, {service: api-v2, weight: 10}]}
)";
/// A grant that somebody in another namespace gives for the destination in shop.
constexpr char kElsewhere[] = R"(
apiVersion: specs.smi-spec.io/v1alpha4
kind: TCPRoute
metadata: {name: any, namespace: ops}
spec: {matches: {ports: []}}
---
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: {name: ops-access, namespace: ops}
spec:
  destination: {kind: ServiceAccount, name: api, namespace: shop}
  rules: [{kind: TCPRoute, name: any}]
  sources: [{kind: ServiceAccount, name: probe, namespace: ops}]
)";

const std::string kPolicy = "AuthorizationPolicy/shop/smi-access";

std::size_t RulesOf(FakeCluster& cluster, const std::string& name) {
  const json& rules = kube::ValueAt(cluster.At(name), "/spec/rules");
  return rules.is_array() ? rules.size() : 0;
}

bool SaysDegraded(const FakeCluster& cluster, const std::string& source) {
  const auto& said = cluster.VerdictOf(source).report.diagnostics;
  return std::any_of(said.begin(), said.end(), [](const auto& diagnostic) { return diagnostic.code == "DEGRADED"; });
}

bool Contains(const Steps& steps, const std::string& text) {
  return std::any_of(steps.begin(), steps.end(),
                     [&](const auto& step) { return step.find(text) != std::string::npos; });
}

TEST_CASE("objects of a target come in the emitter's order, and nothing is done twice") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  CHECK(cluster.Settle() == Steps{"apply " + kPolicy, "apply PeerAuthentication/shop/smi-api"});
  CHECK(cluster.Round().empty());
  CHECK(cluster.VerdictOf("TrafficTarget/shop/access").state == "IN_STEP");
  CHECK(cluster.At(kPolicy)["metadata"]["labels"]["meshplay.dev/owner"] == "controller");
  CHECK(cluster.At(kPolicy)["metadata"]["ownerReferences"].size() == 1);
}

TEST_CASE("a target that goes takes its objects along in the reverse order") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.Settle();
  cluster.Remove("TrafficTarget/shop/access");
  CHECK(cluster.Settle() == Steps{"delete PeerAuthentication/shop/smi-api", "delete " + kPolicy});
  CHECK(cluster.state.objects.empty());
  CHECK(cluster.state.sources.empty());
}

TEST_CASE("an edit of a route group reaches the objects of its targets") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.Settle();
  cluster.At("HTTPRouteGroup/shop/routes")["spec"]["matches"][0]["pathRegex"] = "/other";
  cluster.At("HTTPRouteGroup/shop/routes")["metadata"]["generation"] = 2;
  CHECK(cluster.Settle() == Steps{"apply " + kPolicy});
  CHECK(cluster.At(kPolicy)["spec"].dump().find("/other") != std::string::npos);
}

TEST_CASE("ten steps of a split's weights are ten writes of one object") {
  FakeCluster cluster;
  cluster.Put(kSplit);
  cluster.Settle();
  const std::string uid = kube::UidOf(cluster.At("VirtualService/shop/smi-canary"));
  for (int step = 1; step <= 10; ++step) {
    cluster.At("TrafficSplit/shop/canary")["spec"]["backends"][1]["weight"] = 10 * step;
    CHECK(cluster.Settle().size() == (step == 1 ? 0U : 1U));
  }
  CHECK(kube::UidOf(cluster.At("VirtualService/shop/smi-canary")) == uid);
  CHECK(cluster.At("VirtualService/shop/smi-canary")["spec"]["http"][0]["route"][1]["weight"] == 100);
}

TEST_CASE("a reference that disappears leaves what is in force for the grace, and not longer") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.Settle();
  REQUIRE(RulesOf(cluster, kPolicy) == 1);
  cluster.Remove("HTTPRouteGroup/shop/routes");
  CHECK(cluster.Settle().empty());
  CHECK(cluster.VerdictOf("TrafficTarget/shop/access").state == "DEGRADED");
  CHECK(SaysDegraded(cluster, "TrafficTarget/shop/access"));
  CHECK(cluster.VerdictOf("TrafficTarget/shop/access").report.level == smi::SupportLevel::kFull);
  CHECK(cluster.last.wake_at_ms == cluster.now_ms + 60'000);

  SECTION("it ends fail closed") {
    cluster.Advance(std::chrono::milliseconds(59'999));
    CHECK(cluster.Settle().empty());
    cluster.Advance(std::chrono::milliseconds(1));
    CHECK(cluster.Settle() == Steps{"apply " + kPolicy});
    CHECK(RulesOf(cluster, kPolicy) == 0);
    CHECK(cluster.VerdictOf("TrafficTarget/shop/access").state == "IN_STEP");
    CHECK(cluster.VerdictOf("TrafficTarget/shop/access").report.level == smi::SupportLevel::kNone);
  }
  SECTION("a restart does not make it longer") {
    cluster.Advance(std::chrono::seconds(40));
    cluster.Restart();
    cluster.Settle();
    CHECK(RulesOf(cluster, kPolicy) == 1);
    cluster.Advance(std::chrono::seconds(20));
    cluster.Settle();
    CHECK(RulesOf(cluster, kPolicy) == 0);
  }
  SECTION("the reference comes back") {
    cluster.Advance(std::chrono::seconds(30));
    cluster.Put(kRoutes);
    CHECK(cluster.Settle().empty());
    CHECK(cluster.VerdictOf("TrafficTarget/shop/access").state == "IN_STEP");
    CHECK_FALSE(SaysDegraded(cluster, "TrafficTarget/shop/access"));
    CHECK(cluster.state.sources.at("TrafficTarget/shop/access").degraded_until_ms == 0);
  }
  SECTION("an edit of the target takes effect at once") {
    cluster.At("TrafficTarget/shop/access")["metadata"]["generation"] = 2;
    cluster.Settle();
    CHECK(RulesOf(cluster, kPolicy) == 0);
  }
  SECTION("the target itself is deleted: nothing waits") {
    cluster.Remove("TrafficTarget/shop/access");
    cluster.Settle();
    CHECK_FALSE(cluster.Has(kPolicy));
  }
}

TEST_CASE("a reference that never was there has no grace") {
  FakeCluster cluster;
  cluster.Put(kTarget);
  cluster.Settle();
  CHECK(RulesOf(cluster, kPolicy) == 0);
  CHECK(cluster.VerdictOf("TrafficTarget/shop/access").state == "IN_STEP");
}

TEST_CASE("an edit of another reference ends the grace") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(R"(
apiVersion: specs.smi-spec.io/v1alpha4
kind: HTTPRouteGroup
metadata: {name: more, namespace: shop}
spec: {matches: [{name: more, pathRegex: /more}]}
)");
  cluster.Put(kTarget);
  cluster.At("TrafficTarget/shop/access")["spec"]["rules"].push_back({{"kind", "HTTPRouteGroup"}, {"name", "more"}});
  cluster.Settle();
  REQUIRE(RulesOf(cluster, kPolicy) == 2);
  cluster.Remove("HTTPRouteGroup/shop/routes");
  CHECK(cluster.Settle().empty());
  cluster.At("HTTPRouteGroup/shop/more")["spec"]["matches"][0]["pathRegex"] = "/less";
  cluster.At("HTTPRouteGroup/shop/more")["metadata"]["generation"] = 2;
  cluster.Settle();
  CHECK(RulesOf(cluster, kPolicy) == 1);
}

TEST_CASE("an edit that takes a match away takes effect at once") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.At("TrafficTarget/shop/access")["spec"]["rules"][0]["matches"] = json::array({"api"});
  cluster.Settle();
  REQUIRE(RulesOf(cluster, kPolicy) == 1);
  cluster.At("HTTPRouteGroup/shop/routes")["spec"]["matches"][0]["name"] = "renamed";
  cluster.At("HTTPRouteGroup/shop/routes")["metadata"]["generation"] = 2;
  cluster.Settle();
  CHECK(RulesOf(cluster, kPolicy) == 0);
}

TEST_CASE("what a held target shares with another one follows the other one") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.Put(R"(
apiVersion: specs.smi-spec.io/v1alpha4
kind: TCPRoute
metadata: {name: any, namespace: shop}
spec: {matches: {ports: []}}
---
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: {name: other, namespace: shop}
spec:
  destination: {kind: ServiceAccount, name: api, namespace: shop}
  rules: [{kind: TCPRoute, name: any}]
  sources: [{kind: ServiceAccount, name: web, namespace: shop}]
)");
  cluster.Settle();
  const std::string shared = "PeerAuthentication/shop/smi-api";
  REQUIRE(SourcesOf(cluster.At(shared)).size() == 2);
  cluster.Remove("HTTPRouteGroup/shop/routes");
  CHECK(cluster.Settle().empty());
  cluster.Remove("TrafficTarget/shop/other");
  cluster.Settle();
  CHECK(SourcesOf(cluster.At(shared)) == std::vector<std::string>{"TrafficTarget/shop/access"});
  CHECK_FALSE(cluster.Has("AuthorizationPolicy/shop/smi-other"));
  CHECK(RulesOf(cluster, kPolicy) == 1);
}

TEST_CASE("an object that does not name all its sources follows the translation, without a grace") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.Settle();
  const std::string identity = "PeerAuthentication/shop/smi-api";
  cluster.At(identity)["metadata"]["annotations"]["meshplay.dev/smi-sources-omitted"] = "1";
  cluster.Remove("HTTPRouteGroup/shop/routes");
  const Steps steps = cluster.Settle();
  CHECK(Contains(steps, identity));
  CHECK_FALSE(Contains(steps, kPolicy));
  CHECK(RulesOf(cluster, kPolicy) == 1);
}

TEST_CASE("a backend that disappears keeps the split for the grace") {
  FakeCluster cluster;
  cluster.Put(kSplit);
  cluster.Settle();
  cluster.Remove("Service/shop/api-v2");
  CHECK(cluster.Settle().empty());
  CHECK(cluster.VerdictOf("TrafficSplit/shop/canary").state == "DEGRADED");
  cluster.Advance(std::chrono::seconds(60));
  CHECK(cluster.Settle() == Steps{"apply VirtualService/shop/smi-canary"});
}

TEST_CASE("an object of somebody else is a conflict and stays as it is") {
  FakeCluster cluster;
  cluster.blind_translation = GENERATE(false, true);
  cluster.Put(kRoutes);
  cluster.Put(R"(
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: smi-access, namespace: shop}
spec: {action: DENY}
)");
  cluster.Put(kTarget);
  CHECK_FALSE(Contains(cluster.Settle(), kPolicy));
  CHECK(cluster.At(kPolicy)["spec"]["action"] == "DENY");
  CHECK(cluster.VerdictOf("TrafficTarget/shop/access").state == "CONFLICT");
  CHECK(cluster.VerdictOf("TrafficTarget/shop/access").report.level == smi::SupportLevel::kNone);
  cluster.Remove("TrafficTarget/shop/access");
  CHECK(cluster.Settle().empty());
  CHECK(cluster.Has(kPolicy));
}

TEST_CASE("an object of another owner of Meshplay is a conflict too, and is not pruned") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.Settle();
  cluster.At(kPolicy)["metadata"]["labels"]["meshplay.dev/owner"] = "somebody";
  cluster.Settle();
  CHECK(cluster.VerdictOf("TrafficTarget/shop/access").state == "CONFLICT");
  cluster.Remove("TrafficTarget/shop/access");
  cluster.Settle();
  CHECK(cluster.Has(kPolicy));
  CHECK(cluster.state.objects.empty());
}

TEST_CASE("changes of somebody else to our objects are undone, ever more rarely when it goes on") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.Settle();
  const auto meddle = [&] { cluster.At(kPolicy)["spec"]["action"] = "AUDIT"; };
  meddle();
  CHECK(cluster.Settle() == Steps{"apply " + kPolicy});
  CHECK(cluster.At(kPolicy)["spec"]["action"] == "ALLOW");
  meddle();
  CHECK(cluster.Settle().empty());
  CHECK(cluster.last.wake_at_ms == cluster.now_ms + 1'000);
  cluster.Advance(std::chrono::seconds(1));
  CHECK(cluster.Settle() == Steps{"apply " + kPolicy});
  meddle();
  cluster.Advance(std::chrono::seconds(1));
  CHECK(cluster.Settle().empty());
  cluster.Advance(std::chrono::seconds(1));
  CHECK(cluster.Settle() == Steps{"apply " + kPolicy});
  cluster.Remove(kPolicy);
  CHECK(cluster.Settle() == Steps{"apply " + kPolicy});
}

TEST_CASE("objects in another namespace hold their source by a finalizer until they are gone") {
  FakeCluster cluster;
  cluster.Put(kElsewhere);
  const Steps steps = cluster.Settle();
  CHECK(steps.front() == "guard TrafficTarget/ops/ops-access");
  const std::vector<std::string> policies = cluster.Names("AuthorizationPolicy");
  REQUIRE(policies.size() == 1);
  const std::string policy = "AuthorizationPolicy/" + policies.front();
  CHECK_FALSE(cluster.At(policy)["metadata"].contains("ownerReferences"));
  CHECK(cluster.At("TrafficTarget/ops/ops-access")["metadata"]["finalizers"] == json::array({kFinalizer}));

  SECTION("the target goes") {
    cluster.Remove("TrafficTarget/ops/ops-access");
    const Steps gone = cluster.Settle();
    CHECK(Contains(gone, "delete " + policy));
    CHECK(gone.back() == "release TrafficTarget/ops/ops-access");
    CHECK_FALSE(cluster.Has("TrafficTarget/ops/ops-access"));
    CHECK(cluster.Names("AuthorizationPolicy").empty());
  }
  SECTION("the objects cannot be removed: the target stays") {
    cluster.broken = "delete AuthorizationPolicy";
    cluster.Remove("TrafficTarget/ops/ops-access");
    cluster.Round();
    cluster.Round();
    CHECK(cluster.Has("TrafficTarget/ops/ops-access"));
    cluster.broken.clear();
    cluster.Settle();
    CHECK_FALSE(cluster.Has("TrafficTarget/ops/ops-access"));
  }
  SECTION("other finalizers are left alone") {
    cluster.At("TrafficTarget/ops/ops-access")["metadata"]["finalizers"].push_back("example.com/other");
    cluster.Remove("TrafficTarget/ops/ops-access");
    cluster.Settle();
    CHECK(cluster.At("TrafficTarget/ops/ops-access")["metadata"]["finalizers"] == json::array({"example.com/other"}));
  }
}

TEST_CASE("what comes later for a source waits when an earlier write of it failed") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.broken = "apply " + kPolicy;
  CHECK(cluster.Round() == Steps{"apply " + kPolicy});
  CHECK(cluster.Names("PeerAuthentication").empty());
  cluster.broken.clear();
  cluster.Settle();
  CHECK(cluster.Names("PeerAuthentication").size() == 1);
}

TEST_CASE("a lost inventory loses no object: the owner's label finds them") {
  FakeCluster cluster;
  cluster.Put(kRoutes);
  cluster.Put(kTarget);
  cluster.Settle();
  cluster.state = {};
  cluster.Remove("TrafficTarget/shop/access");
  cluster.Settle();
  CHECK_FALSE(cluster.Has(kPolicy));
}

TEST_CASE("fields that somebody else put into a spec are seen by their manager") {
  json object = {
      {"metadata",
       {{"managedFields",
         json::array({{{"manager", "meshplay-smi"}, {"fieldsV1", {{"f:spec", {{"f:action", json::object()}}}}}},
                      {{"manager", "kubectl"}, {"fieldsV1", {{"f:spec", {{"f:action", json::object()}}}}}}})}}}};
  CHECK_FALSE(HasForeignSpec(object, "meshplay-smi"));
  object["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:rules"] = json::object();
  CHECK(HasForeignSpec(object, "meshplay-smi"));
  CHECK_FALSE(HasForeignSpec(json::object(), "meshplay-smi"));
}

}  // namespace
}  // namespace meshplay::controller
