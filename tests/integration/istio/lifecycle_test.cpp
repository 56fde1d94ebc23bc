#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/integration/istio/rig_cluster.h"

using meshplay::test::Eventually;
using meshplay::test::RigCluster;
using meshplay::test::ScriptedTask;
using meshplay::test::Told;
using nlohmann::json;
using namespace std::chrono_literals;
namespace pb = meshplay::sdk::pb;

namespace {

/// The changes of a plan that are changes, as text.
std::vector<std::string> Changes(const pb::Plan& plan) {
  std::vector<std::string> changes;
  for (const pb::PlannedChange& change : plan.changes()) {
    if (change.action() == pb::CHANGE_ACTION_NOOP) continue;
    changes.push_back(pb::ChangeAction_Name(change.action()) + " " + change.object().kind() + " " +
                      change.object().namespace_() + "/" + change.object().name() + " " + change.json_patch() +
                      change.reason());
  }
  return changes;
}

std::vector<std::string> Errors(const pb::Plan& plan) {
  std::vector<std::string> errors;
  for (const pb::Diagnostic& diagnostic : plan.diagnostics()) {
    if (diagnostic.severity() == pb::SEVERITY_ERROR) errors.push_back(diagnostic.code() + " " + diagnostic.summary());
  }
  return errors;
}

bool HasSidecar(RigCluster& rig, const std::string& name_space, const std::string& app) {
  const auto pods = rig.kube().List({"", "v1", "Pod"}, {name_space, "app=" + app, ""});
  if (!pods || pods->items.empty()) return false;
  return std::all_of(pods->items.begin(), pods->items.end(), [](const json& pod) {
    for (const json& container : pod["spec"]["containers"]) {
      if (container["name"] == "istio-proxy") return true;
    }
    return false;
  });
}

constexpr char kSmi[] = R"(
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: mid-canary, namespace: shop}
spec:
  service: mid
  backends:
  - {service: mid-v1, weight: 90}
  - {service: mid-v2, weight: 10}
---
apiVersion: specs.smi-spec.io/v1alpha4
kind: HTTPRouteGroup
metadata: {name: store-routes, namespace: shop}
spec:
  matches:
  - {name: echo, pathRegex: /echo, methods: [GET]}
---
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: {name: store-access, namespace: shop}
spec:
  destination: {kind: ServiceAccount, name: store, namespace: shop}
  rules:
  - {kind: HTTPRouteGroup, name: store-routes, matches: [echo]}
  sources:
  - {kind: ServiceAccount, name: mid, namespace: shop}
)";

}  // namespace

TEST_CASE("Istio is planned, installed, used, and uninstalled without a trace but its fence", "[istio]") {
  auto rig = RigCluster::Up("istio-life");
  if (!rig) return;
  const std::set<std::string> before = rig->Everything();

  // Planned without a change, then done exactly so.
  CHECK(rig->Inspect("istio.install", {}) == pb::EFFECT_NONE);
  const pb::Plan plan = rig->Plan("istio.install", {});
  CHECK(Errors(plan) == std::vector<std::string>{});
  CHECK(Changes(plan).size() > 30);
  CHECK(rig->Plan("istio.install", {}).digest() == plan.digest());
  pb::TaskOffer offer = rig->Offer(pb::TASK_KIND_APPLY, "istio.install", json::object());
  offer.mutable_options()->set_plan_digest(plan.digest());
  ScriptedTask install(offer);
  const pb::TaskResult installed = rig->Run(install);
  INFO(Told(installed));
  REQUIRE(installed.outcome() == pb::OUTCOME_SUCCEEDED);
  for (const auto& step : install.steps) {
    INFO(step.name);
    CHECK(step.state == "DONE");
  }
  const json output = json::parse(installed.output_json());
  CHECK(output["mesh_key"] == "istio-system/default");
  CHECK(output["version"] == "1.30.3");
  CHECK(output["stand_in"] == true);
  CHECK(install.HasDiagnostic("STAND_IN_CHARTS"));
  CHECK(rig->Inspect("istio.install", {}) == pb::EFFECT_COMPLETE);
  CHECK(Changes(rig->Plan("istio.install", {})) == std::vector<std::string>{});

  // The same plan does not fit any more.
  ScriptedTask stale(offer);
  const pb::TaskResult refused = rig->Run(stale);
  CHECK(refused.error().reason() == "PLAN_STALE");
  CHECK(refused.error().side_effects() == pb::SIDE_EFFECTS_NONE);
  CHECK(stale.barriers == 0);

  ScriptedTask detect(rig->Offer(pb::TASK_KIND_DETECT, "", json::object()));
  const pb::TaskResult detected = rig->Run(detect);
  REQUIRE(detected.detection().meshes_size() == 1);
  CHECK(detected.detection().meshes(0).mesh_key() == "istio-system/default");
  CHECK(detected.detection().meshes(0).managed());

  // Installing again changes nothing and succeeds.
  CHECK(Told(rig->Apply("istio.install", {})) == "SUCCEEDED");

  // The sample application in a namespace of its own, with sidecars.
  const json shop = {{"namespace", "shop"}};
  CHECK(Told(rig->Apply("istio.sampleapp.install", shop)) == "SUCCEEDED");
  CHECK(HasSidecar(*rig, "shop", "front"));
  CHECK(HasSidecar(*rig, "shop", "mid"));
  CHECK(Changes(rig->Plan("istio.sampleapp.install", shop)) == std::vector<std::string>{});

  // Out of the mesh and in again.
  CHECK(Told(rig->Apply("istio.injection.set", {{"namespace", "shop"}, {"mode", "disabled"}, {"restart", true}})) ==
        "SUCCEEDED");
  CHECK(Eventually(120s, [&] { return !HasSidecar(*rig, "shop", "front"); }));
  CHECK(Told(rig->Apply("istio.injection.set", {{"namespace", "shop"}, {"mode", "enabled"}, {"restart", true}})) ==
        "SUCCEEDED");
  CHECK(Eventually(120s, [&] { return HasSidecar(*rig, "shop", "front"); }));

  // Mutual TLS.
  const json strict = {{"mode", "STRICT"}, {"scope", "namespace"}, {"namespace", "shop"}};
  CHECK(Told(rig->Apply("istio.mtls.set", strict)) == "SUCCEEDED");
  CHECK(rig->Get("security.istio.io/v1", "PeerAuthentication", "shop", "default")["spec"]["mtls"]["mode"] == "STRICT");
  CHECK(Told(rig->Apply("istio.mtls.set", {{"mode", "UNSET"}, {"scope", "namespace"}, {"namespace", "shop"}})) ==
        "SUCCEEDED");
  CHECK_FALSE(rig->Exists("security.istio.io/v1", "PeerAuthentication", "shop", "default"));

  // SMI.
  const json smi = {{"documents", kSmi}};
  const pb::Plan smi_plan = rig->Plan("smi.apply", smi);
  CHECK(Errors(smi_plan) == std::vector<std::string>{});
  CHECK(smi_plan.smi_size() >= 2);
  CHECK(rig->Inspect("smi.apply", smi) == pb::EFFECT_NONE);
  const pb::TaskResult applied = rig->Apply("smi.apply", smi);
  INFO(Told(applied));
  REQUIRE(applied.outcome() == pb::OUTCOME_SUCCEEDED);
  CHECK(json::parse(applied.output_json())["level"] == "FULL");
  CHECK(rig->kube().List({"networking.istio.io", "v1", "VirtualService"}, {"shop", "", ""})->items.size() == 1);
  CHECK(rig->kube().List({"security.istio.io", "v1", "AuthorizationPolicy"}, {"shop", "", ""})->items.size() >= 1);
  CHECK(Changes(rig->Plan("smi.apply", smi)) == std::vector<std::string>{});
  CHECK(rig->Inspect("smi.apply", smi) == pb::EFFECT_COMPLETE);
  const std::string split = std::string(kSmi).substr(0, std::string(kSmi).find("---"));
  CHECK(Told(rig->Apply("smi.delete", {{"documents", split}})) == "SUCCEEDED");
  CHECK(rig->kube().List({"networking.istio.io", "v1", "VirtualService"}, {"shop", "", ""})->items.empty());
  CHECK(rig->kube().List({"security.istio.io", "v1", "AuthorizationPolicy"}, {"shop", "", ""})->items.size() >= 1);
  CHECK(Told(rig->Apply("smi.delete", json::object())) == "SUCCEEDED");
  CHECK(rig->kube().List({"security.istio.io", "v1", "AuthorizationPolicy"}, {"shop", "", ""})->items.empty());
  CHECK(Told(rig->Apply("smi.apply", smi)) == "SUCCEEDED");

  // Any documents.
  const json custom = {{"documents", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1'}\n"},
                       {"namespace", "shop"}};
  CHECK(Told(rig->Apply("istio.custom.apply", custom)) == "SUCCEEDED");
  CHECK(rig->Get("v1", "ConfigMap", "shop", "settings")["data"]["a"] == "1");
  CHECK(Told(rig->Apply("istio.custom.delete", json::object())) == "SUCCEEDED");
  CHECK_FALSE(rig->Exists("v1", "ConfigMap", "shop", "settings"));

  // Uninstalling: refused while in use, then by force.
  const pb::TaskResult in_use = rig->Apply("istio.uninstall", {});
  CHECK(in_use.error().reason() == "MESH_IN_USE");
  CHECK(in_use.error().side_effects() == pb::SIDE_EFFECTS_NONE);
  CHECK(rig->Inspect("istio.uninstall", {}) == pb::EFFECT_NONE);
  CHECK(Told(rig->Apply("istio.sampleapp.remove", shop)) == "SUCCEEDED");
  CHECK_FALSE(rig->Exists("v1", "Namespace", "", "shop"));
  ScriptedTask uninstall(rig->Offer(pb::TASK_KIND_APPLY, "istio.uninstall", {{"force", true}}));
  const pb::TaskResult removed = rig->Run(uninstall);
  INFO(Told(removed));
  REQUIRE(removed.outcome() == pb::OUTCOME_SUCCEEDED);
  CHECK(json::parse(removed.output_json())["left"] == json::array());
  CHECK(rig->Inspect("istio.uninstall", {}) == pb::EFFECT_COMPLETE);

  const std::set<std::string> after = rig->Everything();
  std::vector<std::string> more;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(more));
  CHECK(more == std::vector<std::string>{"coordination.k8s.io/v1 Lease kube-system/meshplay-istio"});
}
