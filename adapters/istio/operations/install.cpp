#include <nlohmann/json.hpp>

#include "adapters/common/convert.h"
#include "adapters/common/readiness.h"
#include "adapters/istio/control_planes.h"
#include "adapters/istio/operations/operations.h"
#include "libs/base/duration.h"
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

/// What the parameters come to.
struct Wish {
  std::string version, profile, name_space, revision, chart_source;
  std::string plane_revision;  ///< As istiod labels it: "default" for the empty one.
  std::chrono::milliseconds ready_timeout{300'000};
  std::string mesh_key() const { return name_space + "/" + plane_revision; }
  std::string istiod() const { return revision.empty() ? "istiod" : "istiod-" + revision; }
};

Result<Wish> ReadWish(const Attempt& attempt) {
  Wish wish;
  wish.version = attempt.Text("version");
  wish.profile = attempt.Text("profile");
  wish.name_space = attempt.Text("namespace", "istio-system");
  wish.revision = attempt.Text("revision");
  if (wish.revision == "default") wish.revision.clear();
  wish.plane_revision = wish.revision.empty() ? "default" : wish.revision;
  wish.chart_source = attempt.Text("chart_source");
  MP_TRY(wish.ready_timeout, ParseDuration(attempt.Text("ready_timeout", "5m")));
  return wish;
}

const json& ObjectAt(const json& parameters, const char* key) {
  static const json kEmpty = json::object();
  const auto found = parameters.find(key);
  return found != parameters.end() && found->is_object() ? *found : kEmpty;
}

helm::ChartRequest BaseRequest(const Attempt& attempt, const Wish& wish, const std::string& default_revision) {
  helm::ChartRequest request;
  request.release = {"istio-base", wish.name_space};
  request.chart = "base";
  request.version = wish.version;
  request.values = {{"defaultRevision", default_revision}};
  if (wish.name_space != "istio-system") request.values["global"]["istioNamespace"] = wish.name_space;
  MergePatch(request.values, ObjectAt(attempt.parameters(), "base_values"));
  return request;
}

helm::ChartRequest IstiodRequest(const Attempt& attempt, const Wish& wish) {
  helm::ChartRequest request;
  request.release = {wish.istiod(), wish.name_space};
  request.chart = "istiod";
  request.version = wish.version;
  if (wish.profile != "default") request.values["profile"] = wish.profile;
  if (!wish.revision.empty()) request.values["revision"] = wish.revision;
  if (wish.name_space != "istio-system") request.values["global"]["istioNamespace"] = wish.name_space;
  MergePatch(request.values, ObjectAt(attempt.parameters(), "values"));
  return request;
}

class Install final : public common::Operation {
 public:
  explicit Install(HelmFactory helm) : helm_(std::move(helm)) {}

  pb::OperationDescriptor descriptor() const override {
    pb::OperationDescriptor out;
    out.set_type("istio.install");
    out.set_category(pb::OPERATION_CATEGORY_INSTALL);
    out.set_title("Install Istio");
    out.set_description("Installs the control plane of Istio in sidecar mode with helm and waits until it is ready.");
    out.set_parameters_schema(kSchema);
    out.set_idempotency(pb::IDEMPOTENCY_NATURAL);
    out.set_cancellation(pb::CANCELLATION_BETWEEN_STEPS);
    out.set_plan(pb::PLAN_SUPPORT_BEST_EFFORT);
    out.set_lock(pb::LOCK_MODE_EXCLUSIVE);
    out.set_inverse_type("istio.uninstall");
    out.mutable_typical_duration()->set_seconds(60);
    out.mutable_max_duration()->set_seconds(1'200);
    pb::OperationAlias& alias = *out.add_aliases();
    alias.set_id("istio");
    alias.set_parameters_json("{}");
    return out;
  }

  Result<pb::TaskResult> Apply(Attempt& attempt) const override;
  Result<pb::Plan> Plan(Attempt& attempt) const override;
  Result<pb::Inspection> Inspect(Attempt& attempt) const override;

 private:
  HelmFactory helm_;
};

Status EnsureNamespace(Attempt& attempt, const std::string& name, const std::string& owner) {
  const kube::ObjectRef ref{{"", "v1", "Namespace"}, "", name};
  MP_TRY(const auto found, attempt.kube().Find(ref, attempt.call()));
  if (found && kube::IsBeingDeleted(*found)) {
    return FailedPrecondition("NAMESPACE_TERMINATING", "the namespace " + name + " is being deleted");
  }
  if (found) return {};
  const json object = {{"apiVersion", "v1"},
                       {"kind", "Namespace"},
                       {"metadata",
                        {{"name", name},
                         {"labels",
                          {{"app.kubernetes.io/managed-by", "meshplay"},
                           {"meshplay.dev/owner", owner},
                           {"meshplay.dev/mesh", attempt.mesh_type()}}}}}};
  MP_CHECK(attempt.Apply(object, attempt.field_manager()));
  return {};
}

/// One run through the steps. Each function is a step and returns its closing text.
struct InstallRun {
  Attempt& attempt;
  helm::Helm helm;
  Wish wish;
  std::string owner;
  bool stand_in = false;
  json output;

  Result<std::string> Preflight() {
    MP_TRY(const json chart, helm.ChartMetadata("istiod", wish.version));
    MP_CHECK(helm.ChartMetadata("base", wish.version));
    stand_in = kube::TextAt(chart, "/annotations/meshplay.dev~1stand-in") == "true";
    if (stand_in) {
      attempt.task().Diagnose(common::MakeDiagnostic(
          pb::SEVERITY_WARNING, "STAND_IN_CHARTS",
          "The chart source holds stand-ins: objects with the names and labels of Istio's, but no mesh runs."));
    }
    return "chart istiod " + wish.version;
  }

  Result<std::string> Barrier() {
    MP_CHECK(attempt.BeginMutating());
    return "fence " + std::to_string(attempt.task().offer().fence());
  }

  Result<std::string> Namespace() {
    MP_CHECK(EnsureNamespace(attempt, wish.name_space, owner));
    return std::string();
  }

  Result<std::string> Base() {
    MP_TRY(const helm::Release release,
           attempt.HelmApply(helm, BaseRequest(attempt, wish, wish.plane_revision), kHelmTimeout));
    return release.chart + " revision " + std::to_string(release.revision);
  }

  Result<std::string> Istiod() {
    MP_TRY(const helm::Release release, attempt.HelmApply(helm, IstiodRequest(attempt, wish), kHelmTimeout));
    const json labels = {{"apiVersion", "apps/v1"},
                         {"kind", "Deployment"},
                         {"metadata",
                          {{"name", wish.istiod()},
                           {"namespace", wish.name_space},
                           {"labels", {{"meshplay.dev/owner", owner}, {"meshplay.dev/mesh", attempt.mesh_type()}}}}}};
    MP_CHECK(attempt.Apply(labels, attempt.field_manager()));
    return release.chart + " revision " + std::to_string(release.revision);
  }

  Result<std::string> Readiness() {
    const std::vector<kube::ObjectRef> awaited = {{{"apps", "v1", "Deployment"}, wish.name_space, wish.istiod()}};
    common::WaitOptions options;
    options.timeout = wish.ready_timeout;
    options.stop = attempt.task().stop();
    options.progress = [&](std::size_t ready, std::size_t total, const std::string& text) {
      attempt.task().Progress(static_cast<std::uint32_t>(ready), static_cast<std::uint32_t>(total), text);
    };
    MP_CHECK(common::WaitUntilHealthy(attempt.kube(), awaited, options));
    return std::string("istiod is available");
  }

  Result<std::string> Verify() {
    MP_TRY(const ClusterObjects objects, ReadClusterObjects(attempt.kube(), attempt.call()));
    for (const ControlPlane& plane : FindControlPlanes(objects)) {
      if (plane.key() != wish.mesh_key()) continue;
      output = {{"mesh_key", plane.key()},
                {"version", plane.version},
                {"revision", plane.revision},
                {"namespace", plane.name_space},
                {"stand_in", stand_in}};
      return "Istio " + plane.version + ", revision " + plane.revision;
    }
    return FailedPrecondition("NOT_READY_IN_TIME", "the control plane is installed but detection does not find it");
  }
};

Result<pb::TaskResult> Install::Apply(Attempt& attempt) const {
  MP_TRY(Wish wish, ReadWish(attempt));
  MP_TRY(helm::Helm helm, helm_.For(attempt.cluster(), wish.chart_source));
  attempt.task().PlanSteps({{"preflight", "Check the cluster and the charts"},
                            {"barrier", "Take the cluster for this attempt"},
                            {"namespace", "Namespace " + wish.name_space},
                            {"helm.base", "Custom resources (chart base)"},
                            {"helm.istiod", "Control plane (chart istiod)"},
                            {"readiness", "Wait until the control plane is ready"},
                            {"verify", "Look at the result"}});
  attempt.task().SetPhase(pb::TASK_PHASE_READING);
  const std::string owner = attempt.OwnerOr(wish.istiod());
  InstallRun run{attempt, std::move(helm), std::move(wish), owner, false, {}};
  MP_CHECK(attempt.Step("preflight", [&] { return run.Preflight(); }));
  MP_CHECK(attempt.Step("barrier", [&] { return run.Barrier(); }));
  MP_CHECK(attempt.Step("namespace", [&] { return run.Namespace(); }));
  MP_CHECK(attempt.Step("helm.base", [&] { return run.Base(); }));
  MP_CHECK(attempt.Step("helm.istiod", [&] { return run.Istiod(); }));
  attempt.MarkComplete();
  attempt.task().SetPhase(pb::TASK_PHASE_VERIFYING);
  MP_CHECK(attempt.Step("readiness", [&] { return run.Readiness(); }));
  MP_CHECK(attempt.Step("verify", [&] { return run.Verify(); }));
  pb::TaskResult result = sdk::Succeeded();
  result.set_output_json(DumpJson(run.output));
  return result;
}

Result<pb::Plan> Install::Plan(Attempt&) const {
  return Error(ErrorCode::kUnimplemented, "PLAN_UNSUPPORTED", "this operation cannot be planned");
}

Result<pb::Inspection> Install::Inspect(Attempt& attempt) const {
  MP_TRY(const Wish wish, ReadWish(attempt));
  MP_TRY(helm::Helm helm, helm_.For(attempt.cluster(), wish.chart_source));
  MP_TRY(const auto istiod, helm.Find({wish.istiod(), wish.name_space}));
  MP_TRY(const auto base, helm.Find({"istio-base", wish.name_space}));
  MP_TRY(const ClusterObjects objects, ReadClusterObjects(attempt.kube(), attempt.call()));
  pb::Inspection inspection;
  inspection.set_effect(istiod || base ? pb::EFFECT_PARTIAL : pb::EFFECT_NONE);
  const bool released = istiod && istiod->status == "deployed" && base && base->status == "deployed";
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

Result<helm::Helm> HelmFactory::For(const common::Cluster& cluster, const std::string& asked) const {
  helm::HelmOptions out;
  out.program = options.helm_program;
  out.kubeconfig_path = cluster.context.empty() ? "" : options.clusters.kubeconfig_path;
  out.context = cluster.context;
  out.work_directory = options.work_directory;
  out.call_timeout = kHelmTimeout;
  out.source = source;
  if (!asked.empty()) {
    MP_TRY(out.source, helm::ParseChartSource(asked));
    const bool local =
        out.source.kind != helm::ChartSource::Kind::kRepository && out.source.kind != helm::ChartSource::Kind::kOci;
    if (local) {
      return InvalidArgument("CHART_SOURCE_INVALID", "a request may name a repository or an OCI reference only")
          .WithViolation("/chart_source", "files belong to the adapter's command line");
    }
  }
  return helm::Helm(std::move(out));
}

std::unique_ptr<common::Operation> MakeInstall(const HelmFactory& helm) {
  return std::make_unique<Install>(helm);
}

}  // namespace meshplay::istio
