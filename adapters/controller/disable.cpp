#include <algorithm>
#include <map>
#include <set>

#include "adapters/common/ownership.h"
#include "adapters/common/plan_objects.h"
#include "adapters/controller/internal/cluster_view.h"
#include "adapters/controller/operations.h"
#include "adapters/controller/release.h"
#include "adapters/controller/smi_kinds.h"
#include "libs/base/json.h"

namespace meshplay::controller {
namespace {

namespace pb = common::pb;
using common::Attempt;
using common::PlannedObject;
using nlohmann::json;

constexpr char kSchema[] = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "removeDefinitions": {"type": "boolean", "default": false, "title": "Remove the SMI custom resources",
                          "description": "Those that smi.controller.enable has installed. Only while no SMI object exists."}
  }
})";

constexpr std::chrono::milliseconds kDefinitionGone{60'000};

std::vector<sdk::TaskContext::StepPlan> Steps(bool definitions) {
  std::vector<sdk::TaskContext::StepPlan> steps = {{"barrier", "Take the cluster for this attempt"},
                                                   {"stop", "Stop the controller"},
                                                   {"objects", "Remove what it made, what denies first"},
                                                   {"release", "Let go of the SMI objects"},
                                                   {"records", "Remove its records"}};
  if (definitions) steps.push_back({"definitions", "Remove the SMI custom resources"});
  return steps;
}

/// Everything of ours on the cluster, in the order in which it goes.
struct Scene {
  std::vector<PlannedObject> configs, objects, records, definitions;
  std::vector<Release> releases;

  std::vector<PlannedObject> Deletions() const {
    std::vector<PlannedObject> all = configs;
    for (const auto* list : {&objects, &records, &definitions}) all.insert(all.end(), list->begin(), list->end());
    return all;
  }
  std::vector<PlannedObject> Updates() const {
    std::vector<PlannedObject> updates;
    for (const Release& release : releases) {
      PlannedObject& one = updates.emplace_back();
      one.ref = release.ref;
      one.action = pb::CHANGE_ACTION_UPDATE;
      one.before = common::WithoutServerFields(release.before);
      one.after = release.before;
      json patch = release.patch;
      if (patch.is_object()) patch["metadata"].erase("resourceVersion");
      if (patch.is_object()) MergePatch(one.after, patch);
      one.after = common::WithoutServerFields(one.after);
      one.reason = "finalizer and status of the controller";
      one.uid = kube::UidOf(release.before);
      one.resource_version = kube::ResourceVersionOf(release.before);
    }
    return updates;
  }
};

/// Ours by the labels, in the reverse of the order in which they were applied; what no state lists goes first.
Result<std::vector<PlannedObject>> OwnObjects(Attempt& attempt, const MeshTraits& traits, const State& state) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < state.objects.size(); ++i) {
    const kube::ObjectRef& ref = state.objects[i];
    places[ref.gvk.group + "/" + ref.gvk.kind + "/" + ref.name_space + "/" + ref.name] = i;
  }
  std::vector<std::pair<std::size_t, PlannedObject>> found;
  std::set<std::string> seen;  // A kind may be listed in two versions.
  for (const kube::Gvk& gvk : traits.kinds) {
    MP_TRY(const StoredObjects listed, ListNow(attempt.kube(), gvk, attempt.call()));
    for (const auto& object : listed) {
      const bool ours = common::OwnerOf(*object) == kOwner && common::IsOurs(*object, attempt.mesh_type()) &&
                        !SourcesOf(*object).empty();
      if (!ours) continue;
      const std::string identity =
          gvk.group + "/" + gvk.kind + "/" + kube::NamespaceOf(*object) + "/" + kube::NameOf(*object);
      if (!seen.insert(identity).second) continue;
      const auto place = places.find(identity);
      found.emplace_back(place == places.end() ? state.objects.size() : place->second,
                         common::PlanDeletion(*object, "was made by the SMI controller"));
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<PlannedObject> out;
  for (auto& [place, planned] : found) out.push_back(std::move(planned));
  return out;
}

Result<Scene> Look(Attempt& attempt, const MeshTraits& traits) {
  Scene scene;
  State state;
  const std::string selector = common::OwnerSelector(kOwner, attempt.mesh_type());
  MP_TRY(const kube::ObjectList maps, attempt.kube().List({"", "v1", "ConfigMap"}, {"", selector, ""}, attempt.call()));
  for (const json& map : maps.items) {
    const std::string use = kube::LabelOf(map, kControllerLabel);
    const bool config = use == kConfigValue;
    if (use == kStateValue) state = ReadState(kube::TextAt(map, "/data/state"));
    const bool list = kube::LabelOf(map, "meshplay.dev/set") == "smi-controller";
    if (config) scene.configs.push_back(common::PlanDeletion(map, "enables the controller"));
    if (use == kStateValue || list) scene.records.push_back(common::PlanDeletion(map, "records of the controller"));
  }
  MP_TRY(scene.objects, OwnObjects(attempt, traits, state));
  MP_TRY(const StoredObjects smi_objects, ListSmiObjects(attempt.kube(), attempt.call()));
  scene.releases = ReleasesOf(smi_objects);
  if (!attempt.Flag("removeDefinitions")) return scene;
  const kube::Gvk definition{"apiextensions.k8s.io", "v1", "CustomResourceDefinition"};
  MP_TRY(const StoredObjects definitions, ListNow(attempt.kube(), definition, attempt.call()));
  for (const auto& object : definitions) {
    const auto smi = [&](const SmiKind& kind) { return kind.definition() == kube::NameOf(*object); };
    const bool ours = common::OwnerOf(*object) == kOwner && std::any_of(SmiKinds().begin(), SmiKinds().end(), smi);
    if (ours) scene.definitions.push_back(common::PlanDeletion(*object, "was installed with the controller"));
  }
  if (!scene.definitions.empty() && !smi_objects.empty()) {
    return FailedPrecondition("SMI_OBJECTS_EXIST",
                              std::to_string(smi_objects.size()) + " SMI objects would be lost with their definitions")
        .WithRemediation("Delete them first, or leave the definitions (removeDefinitions=false).");
  }
  return scene;
}

class Disable final : public common::Operation {
 public:
  explicit Disable(MeshTraits traits) : traits_(std::move(traits)) {}

  pb::OperationDescriptor descriptor() const override {
    auto out =
        common::Describe("smi.controller.disable", pb::OPERATION_CATEGORY_CONFIGURE, "Disable in-cluster SMI",
                         "Stops keeping the translation in step and removes everything that was made of SMI objects. "
                         "The SMI objects themselves stay.",
                         kSchema);
    out.set_inverse_type("smi.controller.enable");
    return out;
  }

  Result<pb::TaskResult> Apply(Attempt& attempt) const override {
    attempt.task().SetPhase(pb::TASK_PHASE_READING);
    MP_TRY(const Scene scene, Look(attempt, traits_));
    attempt.task().PlanSteps(Steps(!scene.definitions.empty()));
    MP_CHECK(attempt.Step("barrier", [&] { return Barrier(attempt); }));
    MP_CHECK(attempt.Step("stop", [&] { return Remove(attempt, scene.configs); }));
    // What the controller wrote until a moment ago is there too.
    MP_TRY(const Scene now, Look(attempt, traits_));
    MP_CHECK(attempt.Step("objects", [&] { return Remove(attempt, now.objects); }));
    MP_CHECK(attempt.Step("release", [&] { return LetGo(attempt, now.releases); }));
    MP_CHECK(attempt.Step("records", [&] { return Remove(attempt, now.records); }));
    if (!scene.definitions.empty()) {
      MP_CHECK(attempt.Step("definitions", [&] { return RemoveDefinitions(attempt, scene.definitions); }));
    }
    attempt.MarkComplete();
    pb::TaskResult result = sdk::Succeeded();
    result.set_output_json(DumpJson({{"deleted", now.objects.size()},
                                     {"released", now.releases.size()},
                                     {"definitions", scene.definitions.size()}}));
    return result;
  }

  Result<pb::Plan> Plan(Attempt& attempt) const override {
    MP_TRY(const Scene scene, Look(attempt, traits_));
    pb::Plan plan;
    plan.set_exactness(pb::PLAN_SUPPORT_BEST_EFFORT);
    common::AddChanges(plan, scene.Deletions());
    common::AddChanges(plan, scene.Updates());
    plan.mutable_disruption()->set_interrupts_traffic(!scene.objects.empty());
    if (!scene.objects.empty()) {
      plan.mutable_disruption()->set_explanation(
          "Traffic is no longer split, and access no longer restricted, by SMI.");
    }
    common::AddSteps(plan, Steps(!scene.definitions.empty()));
    plan.set_digest(common::DigestOf(plan, attempt.task().offer().operation_type(), attempt.parameters()));
    return plan;
  }

  Result<pb::Inspection> Inspect(Attempt& attempt) const override {
    MP_TRY(const Scene scene, Look(attempt, traits_));
    return common::InspectionOf(scene.Updates(), scene.Deletions());
  }

 private:
  static Result<std::string> Remove(Attempt& attempt, const std::vector<PlannedObject>& objects) {
    for (const PlannedObject& one : objects) MP_CHECK(attempt.Delete(one.ref, one.uid));
    return std::to_string(objects.size()) + " removed";
  }

  static Result<std::string> Barrier(Attempt& attempt) {
    MP_CHECK(attempt.BeginMutating());
    return "fence " + std::to_string(attempt.task().offer().fence());
  }

  static Result<std::string> RemoveDefinitions(Attempt& attempt, const std::vector<PlannedObject>& definitions) {
    for (const PlannedObject& one : definitions) MP_CHECK(attempt.DeleteAndWait(one.ref, one.uid, kDefinitionGone));
    attempt.kube().DropDiscovery();
    return std::to_string(definitions.size()) + " removed";
  }

  static Result<std::string> LetGo(Attempt& attempt, const std::vector<Release>& releases) {
    const auto gone = [](const Error& error) { return error.reason() == "OBJECT_NOT_FOUND"; };
    for (const Release& release : releases) {
      if (!release.status_patch.is_null()) {
        const auto patched = attempt.MergePatchStatus(release.ref, release.status_patch);
        if (!patched && !gone(patched.error())) return patched.error();
      }
      if (release.patch.is_null()) continue;
      json patch = release.patch;
      // The status was written a line above; nobody else's finalizers may be lost all the same.
      if (patch["metadata"].contains("resourceVersion")) {
        MP_TRY(const auto now, attempt.kube().Find(release.ref, attempt.call()));
        if (!now) continue;
        const std::vector<Release> fresh = ReleasesOf({std::make_shared<const json>(*now)});
        if (fresh.empty() || fresh.front().patch.is_null()) continue;
        patch = fresh.front().patch;
      }
      const auto patched = attempt.MergePatch(release.ref, patch);
      if (!patched && !gone(patched.error())) return patched.error();
    }
    return std::to_string(releases.size()) + " let go";
  }

  const MeshTraits traits_;
};

}  // namespace

std::unique_ptr<common::Operation> MakeDisable(MeshTraits traits) {
  return std::make_unique<Disable>(std::move(traits));
}

}  // namespace meshplay::controller
