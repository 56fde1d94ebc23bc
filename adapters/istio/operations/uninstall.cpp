#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "adapters/common/convert.h"
#include "adapters/common/ownership.h"
#include "adapters/common/plan_objects.h"
#include "adapters/controller/settings.h"
#include "adapters/istio/internal/install_wish.h"
#include "adapters/istio/internal/installed_objects.h"
#include "adapters/istio/operations/operations.h"
#include "adapters/metrics_api/operations.h"
#include "libs/base/json.h"

namespace meshplay::istio {
namespace {

using common::Attempt;
using common::PlannedObject;
using nlohmann::json;

constexpr char kSchema[] = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "namespace": {"type": "string", "format": "dns-label", "default": "istio-system", "title": "Namespace",
                  "description": "Namespace of the control plane."},
    "revision": {"type": "string", "maxLength": 63, "default": "", "title": "Revision", "description": "Empty: the default one."},
    "force": {"type": "boolean", "default": false, "title": "Even if in use",
              "description": "Also when namespaces are injected (their marker is taken away) or routes and policies of people exist (they are deleted)."},
    "keep_definitions": {"type": "boolean", "default": false, "title": "Keep custom resources",
                         "description": "Leave the CustomResourceDefinitions and everything stored in them."}
  }
})";

constexpr std::chrono::milliseconds kGone{60'000};
constexpr int kSweepRounds = 6;
constexpr std::size_t kNamed = 10;  ///< So many names are told before "and more".

struct Scene {
  UninstallScope scope;
  std::vector<ControlPlane> planes;
  std::vector<std::string> injected;           ///< Namespaces that this revision injects.
  std::vector<kube::ObjectRef> user_policies;  ///< Would be lost.
  std::vector<helm::ReleaseName> gateways;
  std::vector<PlannedObject> metrics_api;  ///< Of the aggregated SMI metrics API, when it answers for this mesh.
  bool namespace_goes = false;
  bool keeps_smi_in_step = false;  ///< The controller of in-cluster SMI is enabled for it.
  bool force = false;
};

std::string Named(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kNamed; ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kNamed ? text + " and " + std::to_string(names.size() - kNamed) + " more" : text;
}

bool IsGatewayChart(const helm::Release& release) {
  return release.chart.starts_with("gateway-");
}

Result<Scene> LookAtScene(Attempt& attempt, helm::Helm& helm) {
  Scene scene;
  scene.force = attempt.Flag("force");
  scene.scope.name_space = attempt.Text("namespace", "istio-system");
  scene.scope.revision = attempt.Text("revision", "default");
  scene.scope.keep_definitions = attempt.Flag("keep_definitions");
  MP_TRY(const ClusterObjects objects, ReadClusterObjects(attempt.kube(), attempt.call()));
  scene.planes = FindControlPlanes(objects);
  const std::string key = scene.scope.name_space + "/" + scene.scope.revision;
  for (const ControlPlane& plane : scene.planes) {
    if (plane.key() != key) scene.scope.last = false;
  }
  // Markers count also when istiod itself is gone already: an earlier attempt may have come that far.
  std::vector<std::string> revisions = {scene.scope.revision};
  for (const ControlPlane& plane : scene.planes) {
    if (plane.key() == key) revisions.insert(revisions.end(), plane.tags.begin(), plane.tags.end());
  }
  for (const json& name_space : objects.namespaces) {
    const std::string revision = RevisionOfNamespace(name_space);
    const bool ours = scene.scope.last ? !revision.empty()
                                       : std::find(revisions.begin(), revisions.end(), revision) != revisions.end();
    if (ours) scene.injected.push_back(kube::NameOf(name_space));
  }
  if (scene.scope.last && !scene.scope.keep_definitions) {
    MP_TRY(scene.user_policies, FindUserPolicies(attempt.kube(), attempt.call()));
  }
  if (scene.scope.last) {
    MP_TRY(const std::vector<helm::Release> releases, helm.List(""));
    for (const helm::Release& release : releases) {
      if (IsGatewayChart(release)) scene.gateways.push_back({release.name, release.name_space});
    }
  }
  MP_TRY(const auto smi_config, attempt.kube().Find(controller::ConfigRef(scene.scope.name_space), attempt.call()));
  if (smi_config) {
    const auto settings = controller::ReadSettings(*smi_config);
    scene.keeps_smi_in_step = settings && settings->mesh_key == key;
  }
  MP_TRY(scene.metrics_api, metrics_api::OwnObjects(attempt, key));
  const kube::ObjectRef ref{{"", "v1", "Namespace"}, "", scene.scope.name_space};
  MP_TRY(const auto name_space, attempt.kube().Find(ref, attempt.call()));
  scene.namespace_goes = scene.scope.last && name_space && common::IsOurs(*name_space, attempt.mesh_type());
  return scene;
}

std::optional<Error> Blocker(const Scene& scene) {
  if (scene.force) return std::nullopt;
  if (!scene.injected.empty()) {
    return FailedPrecondition("MESH_IN_USE", "namespaces are still injected: " + Named(scene.injected))
        .WithRemediation("Take them out with istio.injection.set (mode unset or disabled), or use force.");
  }
  if (scene.keeps_smi_in_step) {
    return FailedPrecondition("MESH_IN_USE", "the SMI objects of the cluster are kept in step on this mesh")
        .WithRemediation("Run smi.controller.disable first, or use force.");
  }
  if (!scene.user_policies.empty()) {
    std::vector<std::string> names;
    for (const kube::ObjectRef& ref : scene.user_policies) names.push_back(ref.ToString());
    return FailedPrecondition("MESH_IN_USE", "routes and policies would be lost: " + Named(names))
        .WithRemediation("Delete or save them, use keep_definitions to leave them, or force to delete them.");
  }
  return std::nullopt;
}

std::vector<sdk::TaskContext::StepPlan> StepsOf(const Scene& scene) {
  std::vector<sdk::TaskContext::StepPlan> steps = {{"preflight", "Check that nothing uses the mesh"},
                                                   {"barrier", "Take the cluster for this attempt"},
                                                   {"gateways", "Gateways"},
                                                   {"unlabel", "Markers of injected namespaces"},
                                                   {"webhooks", "Webhooks and revision tags"},
                                                   {"metrics_api", "SMI metrics API of the cluster"},
                                                   {"helm.istiod", "Control plane"}};
  if (scene.scope.last) {
    steps.push_back({"helm.base", "Chart base"});
    steps.push_back({"definitions", "Custom resources"});
  }
  steps.push_back({"sweep", "Everything that is left"});
  if (scene.namespace_goes) steps.push_back({"namespace", "Namespace " + scene.scope.name_space});
  steps.push_back({"verify", "Look for leftovers"});
  return steps;
}

json UnlabelPatch() {
  return {{"metadata", {{"labels", {{"istio-injection", nullptr}, {"istio.io/rev", nullptr}}}}}};
}

bool IsWebhook(const json& object) {
  return kube::GvkOf(object).kind.ends_with("WebhookConfiguration");
}

bool IsDefinition(const json& object) {
  return kube::GvkOf(object).kind == "CustomResourceDefinition";
}

struct UninstallRun {
  Attempt& attempt;
  helm::Helm helm;
  Scene scene;
  json left = json::array();

  Result<std::string> Preflight() {
    if (auto blocker = Blocker(scene)) return *blocker;
    return std::string(scene.scope.last ? "the last control plane" : "other control planes stay");
  }
  Result<std::string> Barrier() {
    MP_CHECK(attempt.BeginMutating());
    return "fence " + std::to_string(attempt.task().offer().fence());
  }
  Result<std::string> Gateways() {
    for (const helm::ReleaseName& gateway : scene.gateways) {
      MP_CHECK(attempt.HelmUninstall(helm, gateway, kHelmTimeout));
      MP_CHECK(RemoveNamespace(gateway.name_space));
    }
    return std::to_string(scene.gateways.size()) + " removed";
  }
  Result<std::string> Unlabel() {
    for (const std::string& name : scene.injected) {
      MP_CHECK(attempt.MergePatch({{"", "v1", "Namespace"}, "", name}, UnlabelPatch()));
    }
    return std::to_string(scene.injected.size()) + " namespaces";
  }
  Result<std::string> Delete(const std::function<bool(const json&)>& wanted, bool wait) {
    MP_TRY(const std::vector<json> objects, FindInstalledObjects(attempt.kube(), scene.scope, attempt.call()));
    std::size_t deleted = 0;
    for (const json& object : objects) {
      if (!wanted(object)) continue;
      if (wait) {
        MP_CHECK(attempt.DeleteAndWait(kube::RefOf(object), kube::UidOf(object), kGone));
      } else {
        MP_CHECK(attempt.Delete(kube::RefOf(object), kube::UidOf(object)));
      }
      ++deleted;
    }
    return std::to_string(deleted) + " deleted";
  }
  Result<std::string> Istiod() {
    MP_CHECK(attempt.HelmUninstall(helm, {scene.scope.istiod(), scene.scope.name_space}, kHelmTimeout));
    return std::string();
  }
  Result<std::string> Base() {
    MP_CHECK(attempt.HelmUninstall(helm, {kBaseRelease, scene.scope.name_space}, kHelmTimeout));
    return std::string();
  }
  Result<std::string> Definitions() {
    auto text = Delete(IsDefinition, true);
    attempt.kube().DropDiscovery();
    return text;
  }
  Result<std::string> Sweep() {
    // istiod's last breath may still write (istio-ca-root-cert into a namespace): look until there is nothing.
    std::size_t total = 0;
    for (int round = 0; round < kSweepRounds; ++round) {
      MP_TRY(const std::vector<json> objects, FindInstalledObjects(attempt.kube(), scene.scope, attempt.call()));
      if (objects.empty()) break;
      for (const json& object : objects) {
        MP_CHECK(attempt.DeleteAndWait(kube::RefOf(object), kube::UidOf(object), kGone));
        ++total;
      }
    }
    return std::to_string(total) + " leftovers deleted";
  }
  Status RemoveNamespace(const std::string& name) {
    const kube::ObjectRef ref{{"", "v1", "Namespace"}, "", name};
    MP_TRY(const auto found, attempt.kube().Find(ref, attempt.call()));
    if (!found || !common::IsOurs(*found, attempt.mesh_type())) return {};
    MP_TRY(const kube::ObjectList pods,
           attempt.kube().List({"apps", "v1", "Deployment"}, {name, "", ""}, attempt.call()));
    for (const json& other : pods.items) {
      if (IsIstioDeployment(other)) continue;
      attempt.task().Diagnose(common::MakeDiagnostic(pb::SEVERITY_WARNING, "NAMESPACE_KEPT",
                                                     "the namespace " + name + " stays: others use it",
                                                     kube::RefOf(other).ToString() + " is not part of the mesh."));
      return {};
    }
    return attempt.DeleteAndWait(ref, kube::UidOf(*found), kGone);
  }
  static bool IsIstioDeployment(const json& deployment) {
    return kube::LabelOf(deployment, "app.kubernetes.io/part-of") == "istio";
  }
  Result<std::string> Namespace() {
    MP_CHECK(RemoveNamespace(scene.scope.name_space));
    return std::string();
  }
  Result<std::string> Verify() {
    MP_TRY(const std::vector<json> objects, FindInstalledObjects(attempt.kube(), scene.scope, attempt.call()));
    std::vector<std::string> names;
    for (const json& object : objects) names.push_back(kube::RefOf(object).ToString());
    left = names;
    if (names.empty()) return std::string("nothing is left");
    return Error(ErrorCode::kDeadlineExceeded, "OBJECT_NOT_GONE_IN_TIME", "still there: " + Named(names));
  }
};

class Uninstall final : public common::Operation {
 public:
  explicit Uninstall(HelmFactory helm) : helm_(std::move(helm)) {}

  pb::OperationDescriptor descriptor() const override {
    auto out =
        Describe("istio.uninstall", pb::OPERATION_CATEGORY_UNINSTALL, "Uninstall Istio",
                 "Removes a control plane and, with the last one, everything Istio left on the cluster.", kSchema);
    out.set_inverse_type("istio.install");
    out.mutable_typical_duration()->set_seconds(60);
    out.mutable_max_duration()->set_seconds(1'200);
    return out;
  }

  Result<pb::TaskResult> Apply(Attempt& attempt) const override {
    MP_TRY(helm::Helm helm, helm_.For(attempt.cluster(), ""));
    attempt.task().SetPhase(pb::TASK_PHASE_READING);
    MP_TRY(Scene scene, LookAtScene(attempt, helm));
    attempt.task().PlanSteps(StepsOf(scene));
    UninstallRun run{attempt, std::move(helm), std::move(scene), json::array()};
    MP_CHECK(attempt.Step("preflight", [&] { return run.Preflight(); }));
    MP_CHECK(attempt.Step("barrier", [&] { return run.Barrier(); }));
    MP_CHECK(attempt.Step("gateways", [&] { return run.Gateways(); }));
    MP_CHECK(attempt.Step("unlabel", [&] { return run.Unlabel(); }));
    MP_CHECK(attempt.Step("webhooks", [&] { return run.Delete(IsWebhook, false); }));
    // Before any namespace: an APIService that nobody answers keeps namespaces from being deleted.
    MP_CHECK(attempt.Step("metrics_api", [&] { return metrics_api::RemoveObjects(attempt, run.scene.metrics_api); }));
    MP_CHECK(attempt.Step("helm.istiod", [&] { return run.Istiod(); }));
    if (run.scene.scope.last) {
      MP_CHECK(attempt.Step("helm.base", [&] { return run.Base(); }));
      MP_CHECK(attempt.Step("definitions", [&] { return run.Definitions(); }));
    }
    MP_CHECK(attempt.Step("sweep", [&] { return run.Sweep(); }));
    if (run.scene.namespace_goes) MP_CHECK(attempt.Step("namespace", [&] { return run.Namespace(); }));
    attempt.task().SetPhase(pb::TASK_PHASE_VERIFYING);
    MP_CHECK(attempt.Step("verify", [&] { return run.Verify(); }));
    pb::TaskResult result = sdk::Succeeded();
    result.set_output_json(DumpJson({{"mesh_key", run.scene.scope.name_space + "/" + run.scene.scope.revision},
                                     {"left", run.left},
                                     {"last_control_plane", run.scene.scope.last},
                                     {"namespaces_unmarked", run.scene.injected},
                                     {"kept", json::array({"Lease kube-system/meshplay-istio (fence)"})}}));
    return result;
  }

  Result<pb::Plan> Plan(Attempt& attempt) const override {
    MP_TRY(helm::Helm helm, helm_.For(attempt.cluster(), ""));
    MP_TRY(const Scene scene, LookAtScene(attempt, helm));
    pb::Plan plan;
    plan.set_exactness(pb::PLAN_SUPPORT_BEST_EFFORT);
    if (const auto blocker = Blocker(scene)) {
      *plan.add_diagnostics() =
          common::MakeDiagnostic(pb::SEVERITY_ERROR, blocker->reason(), blocker->message(), blocker->remediation());
    }
    std::vector<PlannedObject> changes;
    for (const std::string& name : scene.injected) {
      MP_TRY(const json stored, attempt.kube().Get({{"", "v1", "Namespace"}, "", name}, attempt.call()));
      PlannedObject& one = changes.emplace_back(common::PlanDeletion(stored, "leaves the mesh"));
      one.action = pb::CHANGE_ACTION_UPDATE;
      one.after = one.before;
      MergePatch(one.after, UnlabelPatch());
    }
    changes.insert(changes.end(), scene.metrics_api.begin(), scene.metrics_api.end());
    MP_TRY(const std::vector<json> objects, FindInstalledObjects(attempt.kube(), scene.scope, attempt.call()));
    for (const json& object : objects) changes.push_back(common::PlanDeletion(object, "part of the mesh"));
    if (scene.namespace_goes) {
      const kube::ObjectRef ref{{"", "v1", "Namespace"}, "", scene.scope.name_space};
      MP_TRY(const json stored, attempt.kube().Get(ref, attempt.call()));
      changes.push_back(common::PlanDeletion(stored, "was made for the mesh"));
    }
    common::AddChanges(plan, changes);
    common::AddSteps(plan, StepsOf(scene));
    pb::Disruption& disruption = *plan.mutable_disruption();
    disruption.set_interrupts_traffic(!scene.injected.empty());
    disruption.set_loses_data(scene.scope.last && !scene.scope.keep_definitions && !scene.user_policies.empty());
    disruption.set_explanation(scene.injected.empty()
                                   ? "No namespace is in the mesh."
                                   : "Pods keep their sidecars, without a control plane, until they are restarted.");
    plan.set_digest(common::DigestOf(plan, attempt.task().offer().operation_type(), attempt.parameters()));
    return plan;
  }

  Result<pb::Inspection> Inspect(Attempt& attempt) const override {
    MP_TRY(helm::Helm helm, helm_.For(attempt.cluster(), ""));
    MP_TRY(const Scene scene, LookAtScene(attempt, helm));
    MP_TRY(const std::vector<json> objects, FindInstalledObjects(attempt.kube(), scene.scope, attempt.call()));
    bool plane_is_there = false;
    for (const ControlPlane& plane : scene.planes) {
      plane_is_there |= plane.key() == scene.scope.name_space + "/" + scene.scope.revision;
    }
    MP_TRY(const auto istiod, helm.Find({scene.scope.istiod(), scene.scope.name_space}));
    const bool gone =
        objects.empty() && scene.gateways.empty() && scene.metrics_api.empty() && !scene.namespace_goes && !istiod;
    // An attempt takes the webhooks away before anything else that is looked at here.
    bool webhooks = false;
    for (const json& object : objects) webhooks |= IsWebhook(object);
    const bool untouched = plane_is_there && istiod && istiod->status == "deployed" && webhooks;
    pb::Inspection inspection;
    inspection.set_effect(gone ? pb::EFFECT_COMPLETE : untouched ? pb::EFFECT_NONE : pb::EFFECT_PARTIAL);
    for (const json& object : objects) {
      pb::ObjectOutcome& outcome = *inspection.add_objects();
      *outcome.mutable_object() = common::KeyOf(object);
      outcome.set_action(pb::CHANGE_ACTION_DELETE);
      outcome.set_uid(kube::UidOf(object));
    }
    return inspection;
  }

 private:
  HelmFactory helm_;
};

}  // namespace

std::unique_ptr<common::Operation> MakeUninstall(const HelmFactory& helm) {
  return std::make_unique<Uninstall>(helm);
}

}  // namespace meshplay::istio
