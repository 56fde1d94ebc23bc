#include <array>
#include <nlohmann/json.hpp>

#include "adapters/common/convert.h"
#include "adapters/common/plan_objects.h"
#include "adapters/common/readiness.h"
#include "adapters/istio/operations/operations.h"
#include "libs/base/duration.h"
#include "libs/base/json.h"

namespace meshplay::istio {
namespace {

using common::Attempt;
using nlohmann::json;

constexpr char kSchema[] = R"({
  "type": "object", "additionalProperties": false, "required": ["namespace", "mode"],
  "properties": {
    "namespace": {"type": "string", "format": "dns-label", "title": "Namespace"},
    "mode": {"type": "string", "enum": ["enabled", "disabled", "revision", "unset"], "title": "Mode",
             "description": "revision: by the revision or tag named in `revision`; unset: takes the marker away."},
    "revision": {"type": "string", "maxLength": 63, "default": "", "title": "Revision or tag"},
    "workload": {"type": "object", "additionalProperties": false, "required": ["kind", "name"], "title": "Workload",
                 "description": "Only this workload instead of the whole namespace.",
                 "properties": {"kind": {"type": "string", "enum": ["Deployment", "StatefulSet", "DaemonSet"]},
                                "name": {"type": "string", "format": "dns-subdomain"}}},
    "restart": {"type": "boolean", "default": false, "title": "Restart workloads",
                "description": "Pods get or lose their sidecar only when they are made anew."},
    "ready_timeout": {"type": "string", "format": "duration", "default": "5m", "title": "Time for the restart"}
  }
})";

constexpr char kInjectLabel[] = "sidecar.istio.io/inject";
constexpr char kRestartAnnotation[] = "meshplay.dev/restarted-by";

struct Wish {
  std::string name_space, mode, revision, workload_kind, workload;
  bool restart = false;
  std::chrono::milliseconds ready_timeout{};
};

/// One object and the merge patch that it needs.
struct Patch {
  kube::ObjectRef ref;
  json patch;
  json stored;
  bool restarts = false;
  bool Changes() const { return After() != stored; }
  json After() const {
    json after = stored;
    MergePatch(after, patch);
    // A merge patch leaves empty maps behind where it took the only key away; the server does not store them.
    return after;
  }
};

Result<Wish> ReadWish(const Attempt& attempt) {
  Wish wish;
  wish.name_space = attempt.Text("namespace");
  wish.mode = attempt.Text("mode");
  wish.revision = attempt.Text("revision");
  wish.workload_kind = kube::TextAt(attempt.parameters(), "/workload/kind");
  wish.workload = kube::TextAt(attempt.parameters(), "/workload/name");
  wish.restart = attempt.Flag("restart");
  MP_TRY(wish.ready_timeout, ParseDuration(attempt.Text("ready_timeout", "5m")));
  if (wish.mode == "revision" && wish.revision.empty()) {
    return InvalidArgument("PARAMETERS_INVALID", "the mode revision needs a revision")
        .WithViolation("/revision", "is empty");
  }
  for (const char* system : {"kube-system", "kube-public", "kube-node-lease"}) {
    if (wish.name_space != system) continue;
    return InvalidArgument("PARAMETERS_INVALID", "Istio never injects into " + wish.name_space)
        .WithViolation("/namespace", "is a namespace of Kubernetes itself");
  }
  return wish;
}

/// Someone must be there to inject: the revision, or a tag of it.
Status CheckRevision(Attempt& attempt, const Wish& wish) {
  if (wish.mode != "enabled" && wish.mode != "revision") return {};
  const std::string wanted = wish.mode == "enabled" ? "default" : wish.revision;
  MP_TRY(const ClusterObjects objects, ReadClusterObjects(attempt.kube(), attempt.call()));
  for (const ControlPlane& plane : FindControlPlanes(objects)) {
    if (plane.revision == wanted) return {};
    for (const std::string& tag : plane.tags) {
      if (tag == wanted) return {};
    }
  }
  return FailedPrecondition("PREREQUISITE_MISSING", "no control plane of Istio has the revision or tag " + wanted)
      .WithRemediation("Install Istio with that revision, or use mode revision with one that is there.");
}

json NamespacePatch(const Wish& wish) {
  json labels = {{"istio-injection", nullptr}, {"istio.io/rev", nullptr}};
  if (wish.mode == "enabled" || wish.mode == "disabled") labels["istio-injection"] = wish.mode;
  if (wish.mode == "revision") labels["istio.io/rev"] = wish.revision;
  return {{"metadata", {{"labels", labels}}}};
}

json WorkloadPatch(const Wish& wish) {
  json labels = {{kInjectLabel, nullptr}, {"istio.io/rev", nullptr}};
  if (wish.mode == "enabled" || wish.mode == "revision") labels[kInjectLabel] = "true";
  if (wish.mode == "disabled") labels[kInjectLabel] = "false";
  if (wish.mode == "revision") labels["istio.io/rev"] = wish.revision;
  return {{"spec", {{"template", {{"metadata", {{"labels", labels}}}}}}}};
}

/// Repeating the same operation restarts nothing twice: the mark is the operation's id.
json RestartPatch(const std::string& id) {
  return {{"spec", {{"template", {{"metadata", {{"annotations", {{kRestartAnnotation, id}}}}}}}}}};
}

Result<std::vector<Patch>> ReadPatches(Attempt& attempt, const Wish& wish, const std::string& restart_mark) {
  std::vector<Patch> patches;
  const kube::ObjectRef name_space{{"", "v1", "Namespace"}, "", wish.name_space};
  MP_TRY(const json stored_namespace, attempt.kube().Get(name_space, attempt.call()));
  if (!wish.workload.empty()) {
    const kube::ObjectRef ref{{"apps", "v1", wish.workload_kind}, wish.name_space, wish.workload};
    MP_TRY(const json stored, attempt.kube().Get(ref, attempt.call()));
    patches.push_back({ref, WorkloadPatch(wish), stored, true});
    return patches;
  }
  patches.push_back({name_space, NamespacePatch(wish), stored_namespace, false});
  if (!wish.restart) return patches;
  for (const char* kind : {"Deployment", "StatefulSet", "DaemonSet"}) {
    const kube::Gvk gvk{"apps", "v1", kind};
    MP_TRY(const kube::ObjectList list, attempt.kube().List(gvk, {wish.name_space, "", ""}, attempt.call()));
    for (const json& object : list.items)
      patches.push_back({kube::RefOf(object), RestartPatch(restart_mark), object, true});
  }
  return patches;
}

std::vector<common::PlannedObject> ToPlanned(const std::vector<Patch>& patches) {
  std::vector<common::PlannedObject> planned;
  for (const Patch& patch : patches) {
    common::PlannedObject& one = planned.emplace_back();
    one.ref = patch.ref;
    one.action = patch.Changes() ? pb::CHANGE_ACTION_UPDATE : pb::CHANGE_ACTION_NOOP;
    one.before = common::WithoutServerFields(patch.stored);
    one.after = common::WithoutServerFields(patch.After());
    one.uid = kube::UidOf(patch.stored);
    one.resource_version = kube::ResourceVersionOf(patch.stored);
  }
  return planned;
}

struct InjectionRun {
  Attempt& attempt;
  const Wish& wish;
  const std::vector<Patch>& patches;

  Result<std::string> Barrier() {
    MP_CHECK(attempt.BeginMutating());
    return "fence " + std::to_string(attempt.task().offer().fence());
  }
  Result<std::string> Write(bool workloads) {
    std::size_t changed = 0;
    for (const Patch& patch : patches) {
      if (patch.restarts != workloads || !patch.Changes()) continue;
      MP_CHECK(attempt.MergePatch(patch.ref, patch.patch));
      ++changed;
    }
    return std::to_string(changed) + " changed";
  }
  Result<std::string> Readiness() {
    std::vector<kube::ObjectRef> refs;
    for (const Patch& patch : patches) {
      if (patch.restarts) refs.push_back(patch.ref);
    }
    common::WaitOptions options;
    options.timeout = wish.ready_timeout;
    options.stop = attempt.task().stop();
    options.progress = [this](std::size_t ready, std::size_t total, const std::string& text) {
      attempt.task().Progress(static_cast<std::uint32_t>(ready), static_cast<std::uint32_t>(total), text);
    };
    MP_CHECK(common::WaitUntilHealthy(attempt.kube(), refs, options));
    return std::to_string(refs.size()) + " workloads are ready";
  }
};

bool AnyRestart(const std::vector<Patch>& patches) {
  for (const Patch& patch : patches) {
    if (patch.restarts) return true;
  }
  return false;
}

std::vector<sdk::TaskContext::StepPlan> StepsOf(const Wish& wish, const std::vector<Patch>& patches) {
  std::vector<sdk::TaskContext::StepPlan> steps = {{"barrier", "Take the cluster for this attempt"}};
  if (wish.workload.empty()) steps.push_back({"namespace", "Mark the namespace"});
  if (AnyRestart(patches)) {
    steps.push_back({"workloads", "Roll the workloads"});
    steps.push_back({"readiness", "Wait until the workloads are ready"});
  }
  return steps;
}

class InjectionSet final : public common::Operation {
 public:
  pb::OperationDescriptor descriptor() const override {
    auto out =
        Describe("istio.injection.set", pb::OPERATION_CATEGORY_CONFIGURE, "Set sidecar injection",
                 "Puts a namespace or one workload into the mesh, or takes it out, with an optional restart.", kSchema);
    AddAliases(out, {{"label-namespace", R"({"mode":"enabled"})"}});
    return out;
  }

  Result<pb::TaskResult> Apply(Attempt& attempt) const override {
    attempt.task().SetPhase(pb::TASK_PHASE_READING);
    MP_TRY(const Wish wish, ReadWish(attempt));
    MP_CHECK(CheckRevision(attempt, wish));
    MP_TRY(const std::vector<Patch> patches, ReadPatches(attempt, wish, attempt.task().offer().task_id()));
    attempt.task().PlanSteps(StepsOf(wish, patches));
    InjectionRun run{attempt, wish, patches};
    MP_CHECK(attempt.Step("barrier", [&] { return run.Barrier(); }));
    if (wish.workload.empty()) MP_CHECK(attempt.Step("namespace", [&] { return run.Write(false); }));
    if (AnyRestart(patches)) {
      MP_CHECK(attempt.Step("workloads", [&] { return run.Write(true); }));
      attempt.MarkComplete();
      attempt.task().SetPhase(pb::TASK_PHASE_VERIFYING);
      MP_CHECK(attempt.Step("readiness", [&] { return run.Readiness(); }));
    }
    json restarted = json::array();
    for (const Patch& patch : patches) {
      if (patch.restarts) restarted.push_back(patch.ref.ToString());
    }
    pb::TaskResult result = sdk::Succeeded();
    result.set_output_json(
        DumpJson({{"namespace", wish.name_space}, {"mode", wish.mode}, {"restarted", std::move(restarted)}}));
    return result;
  }

  Result<pb::Plan> Plan(Attempt& attempt) const override {
    MP_TRY(const Wish wish, ReadWish(attempt));
    MP_CHECK(CheckRevision(attempt, wish));
    MP_TRY(const std::vector<Patch> patches, ReadPatches(attempt, wish, "(id of the operation)"));
    pb::Plan plan;
    plan.set_exactness(pb::PLAN_SUPPORT_BEST_EFFORT);
    const std::vector<common::PlannedObject> planned = ToPlanned(patches);
    common::AddChanges(plan, planned);
    std::uint32_t restarts = 0;
    for (const Patch& patch : patches) restarts += patch.restarts && patch.Changes() ? 1 : 0;
    plan.mutable_disruption()->set_restarts_workloads(restarts > 0);
    plan.mutable_disruption()->set_workloads_restarted(restarts);
    if (restarts > 0) plan.mutable_disruption()->set_explanation("Pods are replaced by rolling updates.");
    common::AddSteps(plan, StepsOf(wish, patches));
    plan.set_digest(common::DigestOf(plan, attempt.task().offer().operation_type(), attempt.parameters()));
    return plan;
  }

  Result<pb::Inspection> Inspect(Attempt& attempt) const override {
    MP_TRY(const Wish wish, ReadWish(attempt));
    MP_TRY(const std::vector<Patch> patches, ReadPatches(attempt, wish, attempt.task().offer().task_id()));
    return common::InspectionOf(ToPlanned(patches), {});
  }
};

}  // namespace

std::unique_ptr<common::Operation> MakeInjectionSet() {
  return std::make_unique<InjectionSet>();
}

}  // namespace meshplay::istio
