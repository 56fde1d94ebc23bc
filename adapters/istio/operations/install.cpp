#include <nlohmann/json.hpp>

#include "adapters/common/convert.h"
#include "adapters/common/ownership.h"
#include "adapters/common/readiness.h"
#include "adapters/common/release_plan.h"
#include "adapters/istio/internal/install_wish.h"
#include "adapters/istio/operations/operations.h"
#include "libs/base/json.h"

namespace meshplay::istio {
namespace {

using common::Attempt;
using nlohmann::json;

constexpr char kSchema[] = R"({
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "version": {"type": "string", "format": "semver", "default": "1.30.3", "title": "Version",
                "description": "Exact Istio version; also the version of the charts."},
    "profile": {"type": "string", "enum": ["default", "demo", "minimal", "preview", "stable"], "default": "default",
                "title": "Profile", "description": "Bundle of values of the istiod chart."},
    "namespace": {"type": "string", "format": "dns-label", "default": "istio-system", "title": "Namespace",
                  "description": "Namespace of the control plane; made when it does not exist."},
    "revision": {"type": "string", "pattern": "^([a-z]([-a-z0-9]{0,48}[a-z0-9])?)?$", "default": "", "title": "Revision",
                 "description": "Name of the revision, for several control planes side by side. Empty: the default one."},
    "values": {"type": "object", "default": {}, "title": "Values of istiod",
               "description": "Values of the chart istiod; they win over what the other parameters set."},
    "base_values": {"type": "object", "default": {}, "title": "Values of base", "description": "Values of the chart base."},
    "gateway": {"type": "object", "additionalProperties": false, "title": "Ingress gateway", "default": {},
      "properties": {
        "enabled": {"type": "boolean", "default": false},
        "name": {"type": "string", "format": "dns-label", "default": "istio-ingress"},
        "namespace": {"type": "string", "format": "dns-label", "default": "istio-ingress"},
        "service_type": {"type": "string", "enum": ["LoadBalancer", "NodePort", "ClusterIP"], "default": "ClusterIP"},
        "values": {"type": "object", "default": {}}
      }},
    "chart_source": {"type": "string", "maxLength": 500, "pattern": "^((repo:https://|oci:).+)?$", "default": "",
                     "title": "Chart source", "description": "repo:URL or oci:REF instead of the adapter's own source."},
    "ready_timeout": {"type": "string", "format": "duration", "default": "5m", "title": "Time to become ready"}
  }
})";

/// The namespaces an installation needs, in order.
std::vector<std::string> NamespacesOf(const InstallWish& wish) {
  std::vector<std::string> names = {wish.name_space};
  if (wish.gateway && wish.gateway_namespace != wish.name_space) names.push_back(wish.gateway_namespace);
  return names;
}

std::vector<sdk::TaskContext::StepPlan> StepsOf(const InstallWish& wish) {
  std::vector<sdk::TaskContext::StepPlan> steps = {{"preflight", "Check the cluster and the charts"},
                                                   {"barrier", "Take the cluster for this attempt"},
                                                   {"namespace", "Namespace " + wish.name_space},
                                                   {"helm.base", "Custom resources (chart base)"},
                                                   {"helm.istiod", "Control plane (chart istiod)"}};
  if (wish.gateway) steps.push_back({"helm.gateway", "Ingress gateway (chart gateway)"});
  steps.push_back({"readiness", "Wait until the control plane is ready"});
  steps.push_back({"verify", "Look at the result"});
  return steps;
}

std::string Told(const helm::Release& release) {
  return release.chart + ", revision " + std::to_string(release.revision) + " of the release";
}

/// One run through the steps. Each function is a step and returns its closing text.
struct InstallRun {
  Attempt& attempt;
  helm::Helm helm;
  InstallWish wish;
  std::string owner;
  InstallOutlook outlook;
  json output;

  Result<std::string> Preflight() {
    MP_TRY(outlook, LookAround(attempt, helm, wish));
    for (const pb::Diagnostic& diagnostic : outlook.preflight.diagnostics) attempt.task().Diagnose(diagnostic);
    if (outlook.preflight.blocker) return *outlook.preflight.blocker;
    return "Kubernetes " + attempt.cluster().kubernetes_version + ", charts " + wish.version;
  }

  Result<std::string> Barrier() {
    MP_CHECK(attempt.BeginMutating());
    return "fence " + std::to_string(attempt.task().offer().fence());
  }

  Result<std::string> Namespaces() {
    std::string made;
    for (const std::string& name : NamespacesOf(wish)) {
      const kube::ObjectRef ref{{"", "v1", "Namespace"}, "", name};
      MP_TRY(const auto found, attempt.kube().Find(ref, attempt.call()));
      if (found && kube::IsBeingDeleted(*found)) {
        return FailedPrecondition("NAMESPACE_TERMINATING", "the namespace " + name + " is being deleted");
      }
      if (found) continue;
      MP_CHECK(attempt.Apply(common::NamespaceObject(name, owner, attempt.mesh_type()), attempt.field_manager()));
      made += " " + name;
    }
    return made.empty() ? std::string("exists already") : "made" + made;
  }

  Result<std::string> Base() {
    MP_TRY(const helm::Release release, attempt.HelmApply(helm, wish.Base(outlook.default_revision), kHelmTimeout));
    attempt.kube().DropDiscovery();
    return Told(release);
  }

  Result<std::string> Istiod() {
    MP_TRY(const helm::Release release, attempt.HelmApply(helm, wish.Istiod(), kHelmTimeout));
    json marks = {{"apiVersion", "apps/v1"},
                  {"kind", "Deployment"},
                  {"metadata", {{"name", wish.istiod()}, {"namespace", wish.name_space}}}};
    marks["metadata"]["labels"] = {{common::kOwnerLabel, owner}, {common::kMeshLabel, attempt.mesh_type()}};
    MP_CHECK(attempt.Apply(marks, attempt.field_manager()));
    return Told(release);
  }

  Result<std::string> Gateway() {
    // Its pods get their image from the injector, so the control plane has to be there first.
    MP_CHECK(Wait({{{"apps", "v1", "Deployment"}, wish.name_space, wish.istiod()}}));
    MP_TRY(const helm::Release release, attempt.HelmApply(helm, wish.Gateway(), kHelmTimeout));
    return Told(release);
  }

  Status Wait(const std::vector<kube::ObjectRef>& awaited) {
    common::WaitOptions options;
    options.timeout = wish.ready_timeout;
    options.stop = attempt.task().stop();
    options.progress = [this](std::size_t ready, std::size_t total, const std::string& text) {
      attempt.task().Progress(static_cast<std::uint32_t>(ready), static_cast<std::uint32_t>(total), text);
    };
    return common::WaitUntilHealthy(attempt.kube(), awaited, options);
  }

  Result<std::string> Readiness() {
    std::vector<kube::ObjectRef> awaited = {{{"apps", "v1", "Deployment"}, wish.name_space, wish.istiod()}};
    const kube::Gvk injectors{"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"};
    const std::string selector = "app=sidecar-injector,istio.io/rev=" + wish.plane_revision;
    MP_TRY(const kube::ObjectList found, attempt.kube().List(injectors, {"", selector, ""}, attempt.call()));
    for (const json& injector : found.items) awaited.push_back(kube::RefOf(injector));
    if (wish.gateway) awaited.push_back({{"apps", "v1", "Deployment"}, wish.gateway_namespace, wish.gateway_name});
    MP_CHECK(Wait(awaited));
    return std::string("istiod is available and its webhooks have their certificates");
  }

  Result<std::string> Verify() {
    MP_TRY(const ClusterObjects objects, ReadClusterObjects(attempt.kube(), attempt.call()));
    for (const ControlPlane& plane : FindControlPlanes(objects)) {
      if (plane.key() != wish.mesh_key()) continue;
      output = {{"mesh_key", plane.key()},      {"version", plane.version},
                {"revision", plane.revision},   {"namespace", plane.name_space},
                {"stand_in", outlook.stand_in}, {"releases", json::array({kBaseRelease, wish.istiod()})}};
      if (wish.gateway) output["gateway"] = {{"namespace", wish.gateway_namespace}, {"name", wish.gateway_name}};
      return "Istio " + plane.version + ", revision " + plane.revision;
    }
    return FailedPrecondition("NOT_READY_IN_TIME", "the control plane is installed but detection does not find it");
  }
};

class Install final : public common::Operation {
 public:
  explicit Install(HelmFactory helm) : helm_(std::move(helm)) {}

  pb::OperationDescriptor descriptor() const override {
    auto out =
        Describe("istio.install", pb::OPERATION_CATEGORY_INSTALL, "Install Istio",
                 "Installs the control plane of Istio in sidecar mode with helm and waits until it is ready.", kSchema);
    out.set_inverse_type("istio.uninstall");
    out.mutable_typical_duration()->set_seconds(60);
    out.mutable_max_duration()->set_seconds(1'200);
    AddAliases(out, {{"istio", "{}"}});
    return out;
  }

  Result<pb::TaskResult> Apply(Attempt& attempt) const override {
    MP_TRY(InstallWish wish, ReadInstallWish(attempt));
    MP_TRY(helm::Helm helm, helm_.For(attempt.cluster(), wish.chart_source));
    attempt.task().PlanSteps(StepsOf(wish));
    attempt.task().SetPhase(pb::TASK_PHASE_READING);
    const std::string owner = common::LabelValue(attempt.OwnerOr(wish.istiod()));
    InstallRun run{attempt, std::move(helm), std::move(wish), owner, {}, {}};
    MP_CHECK(attempt.Step("preflight", [&] { return run.Preflight(); }));
    MP_CHECK(attempt.Step("barrier", [&] { return run.Barrier(); }));
    MP_CHECK(attempt.Step("namespace", [&] { return run.Namespaces(); }));
    if (run.outlook.base_is_newer) {
      attempt.Skip("helm.base", "a newer version is there and serves every revision");
    } else {
      MP_CHECK(attempt.Step("helm.base", [&] { return run.Base(); }));
    }
    MP_CHECK(attempt.Step("helm.istiod", [&] { return run.Istiod(); }));
    if (run.wish.gateway) MP_CHECK(attempt.Step("helm.gateway", [&] { return run.Gateway(); }));
    attempt.MarkComplete();
    attempt.task().SetPhase(pb::TASK_PHASE_VERIFYING);
    MP_CHECK(attempt.Step("readiness", [&] { return run.Readiness(); }));
    MP_CHECK(attempt.Step("verify", [&] { return run.Verify(); }));
    pb::TaskResult result = sdk::Succeeded();
    result.set_output_json(DumpJson(run.output));
    return result;
  }

  Result<pb::Plan> Plan(Attempt& attempt) const override;
  Result<pb::Inspection> Inspect(Attempt& attempt) const override;

 private:
  HelmFactory helm_;
};

Result<pb::Plan> Install::Plan(Attempt& attempt) const {
  MP_TRY(const InstallWish wish, ReadInstallWish(attempt));
  MP_TRY(helm::Helm helm, helm_.For(attempt.cluster(), wish.chart_source));
  MP_TRY(const InstallOutlook outlook, LookAround(attempt, helm, wish));
  pb::Plan plan;
  plan.set_exactness(pb::PLAN_SUPPORT_BEST_EFFORT);
  for (const pb::Diagnostic& diagnostic : outlook.preflight.diagnostics) *plan.add_diagnostics() = diagnostic;
  common::AddSteps(plan, StepsOf(wish));
  if (!outlook.preflight.blocker) {
    std::vector<json> earlier;
    const std::string owner = common::LabelValue(attempt.OwnerOr(wish.istiod()));
    for (const std::string& name : NamespacesOf(wish)) {
      MP_TRY(const auto found, attempt.kube().Find({{"", "v1", "Namespace"}, "", name}, attempt.call()));
      if (found) continue;
      earlier.push_back(common::NamespaceObject(name, owner, attempt.mesh_type()));
    }
    common::PlanRules ours;
    ours.field_manager = attempt.field_manager();
    MP_TRY(const auto namespaces, common::PlanObjects(attempt.kube(), earlier, ours, attempt.call()));
    common::AddChanges(plan, namespaces);
    struct Chart {
      bool wanted, exists;
      helm::ChartRequest request;
    };
    const Chart charts[] = {{!outlook.base_is_newer, outlook.base_exists, wish.Base(outlook.default_revision)},
                            {true, outlook.istiod_exists, wish.Istiod()},
                            {wish.gateway, outlook.gateway_exists, wish.Gateway()}};
    for (const Chart& chart : charts) {
      if (!chart.wanted) continue;
      MP_TRY(const std::vector<json> rendered, common::RenderRelease(attempt, helm, chart.request, chart.exists));
      MP_TRY(const auto planned, common::PlanRelease(attempt, rendered, earlier));
      common::AddChanges(plan, planned);
      earlier.insert(earlier.end(), rendered.begin(), rendered.end());
    }
  }
  plan.mutable_disruption()->set_explanation("Running workloads are not touched; they join by istio.injection.set.");
  plan.set_digest(common::DigestOf(plan, attempt.task().offer().operation_type(), attempt.parameters()));
  return plan;
}

Result<pb::Inspection> Install::Inspect(Attempt& attempt) const {
  MP_TRY(const InstallWish wish, ReadInstallWish(attempt));
  MP_TRY(helm::Helm helm, helm_.For(attempt.cluster(), wish.chart_source));
  MP_TRY(const auto istiod, helm.Find({wish.istiod(), wish.name_space}));
  MP_TRY(const auto base, helm.Find({kBaseRelease, wish.name_space}));
  MP_TRY(const ClusterObjects objects, ReadClusterObjects(attempt.kube(), attempt.call()));
  bool released = istiod && istiod->status == "deployed" && base && base->status == "deployed";
  if (wish.gateway) {
    MP_TRY(const auto gateway, helm.Find({wish.gateway_name, wish.gateway_namespace}));
    released = released && gateway && gateway->status == "deployed";
  }
  MP_TRY(const auto name_space, attempt.kube().Find({{"", "v1", "Namespace"}, "", wish.name_space}, attempt.call()));
  const bool made_namespace = name_space && common::IsOurs(*name_space, attempt.mesh_type());
  pb::Inspection inspection;
  inspection.set_effect(istiod || base || made_namespace ? pb::EFFECT_PARTIAL : pb::EFFECT_NONE);
  for (const ControlPlane& plane : FindControlPlanes(objects)) {
    if (plane.key() != wish.mesh_key()) continue;
    const kube::Health health = kube::JudgeHealth(plane.object).health;
    const bool complete = released && plane.version == wish.version && plane.managed;
    if (complete && health == kube::Health::kHealthy) inspection.set_effect(pb::EFFECT_COMPLETE);
    pb::ObjectOutcome& outcome = *inspection.add_objects();
    *outcome.mutable_object() = common::KeyOf(plane.object);
    outcome.set_ok(true);
    outcome.set_uid(kube::UidOf(plane.object));
    outcome.set_health(common::ToHealth(health));
  }
  return inspection;
}

}  // namespace

std::unique_ptr<common::Operation> MakeInstall(const HelmFactory& helm) {
  return std::make_unique<Install>(helm);
}

}  // namespace meshplay::istio
