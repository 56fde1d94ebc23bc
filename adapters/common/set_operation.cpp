#include "adapters/common/set_operation.h"

#include "adapters/common/convert.h"
#include "adapters/common/ownership.h"
#include "adapters/common/readiness.h"
#include "libs/base/json.h"

namespace meshplay::common {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kNamespaceGone{60'000};

std::vector<sdk::TaskContext::StepPlan> StepsOf(const SetJob& job) {
  std::vector<sdk::TaskContext::StepPlan> steps = {{"barrier", "Take the cluster for this attempt"},
                                                   {"apply", "Write and delete the objects"}};
  if (job.wait_until_ready) steps.push_back({"readiness", "Wait until everything is ready"});
  if (!job.namespaces_to_remove.empty()) steps.push_back({"namespace", "Remove the namespace"});
  return steps;
}

/// What becomes ready some time after it was written.
std::vector<kube::ObjectRef> Workloads(const std::vector<json>& objects) {
  std::vector<kube::ObjectRef> refs;
  for (const json& object : objects) {
    const kube::ObjectRef ref = kube::RefOf(object);
    const bool waits = ref.gvk.group == "apps" || ref.gvk.kind == "CustomResourceDefinition";
    if (waits) refs.push_back(ref);
  }
  return refs;
}

/// The namespaces that go with the set: still there, and of this owner.
Result<std::vector<PlannedObject>> GoingNamespaces(Attempt& attempt, const SetJob& job) {
  std::vector<PlannedObject> going;
  for (const std::string& name : job.namespaces_to_remove) {
    MP_TRY(const auto found, attempt.kube().Find({{"", "v1", "Namespace"}, "", name}, attempt.call()));
    if (found && OwnerOf(*found) == job.name.owner) going.push_back(PlanDeletion(*found, "was made for the set"));
  }
  return going;
}

struct SetRun {
  Attempt& attempt;
  const SetJob& job;
  const SetChange& change;

  Result<std::string> Barrier() {
    MP_CHECK(attempt.BeginMutating());
    return "fence " + std::to_string(attempt.task().offer().fence());
  }
  Result<std::string> Write() {
    MP_CHECK(ApplySet(attempt, job.name, job.wish, change));
    std::size_t written = 0;
    for (const PlannedObject& one : change.applies) written += one.action == pb::CHANGE_ACTION_NOOP ? 0 : 1;
    return std::to_string(written) + " written, " + std::to_string(change.applies.size() - written) + " unchanged, " +
           std::to_string(change.deletes.size()) + " deleted";
  }
  Result<std::string> Readiness() {
    WaitOptions options;
    options.timeout = job.ready_timeout;
    options.stop = attempt.task().stop();
    options.progress = [this](std::size_t ready, std::size_t total, const std::string& text) {
      attempt.task().Progress(static_cast<std::uint32_t>(ready), static_cast<std::uint32_t>(total), text);
    };
    MP_CHECK(WaitUntilHealthy(attempt.kube(), Workloads(job.wish.objects), options));
    return std::string("everything is ready");
  }
  Result<std::string> Namespaces() {
    MP_TRY(const std::vector<PlannedObject> going, GoingNamespaces(attempt, job));
    for (const PlannedObject& one : going) MP_CHECK(attempt.DeleteAndWait(one.ref, one.uid, kNamespaceGone));
    return std::string();
  }
};

json ObjectsOf(const SetChange& change) {
  json list = json::array();
  for (const PlannedObject& one : change.applies) {
    list.push_back({{"apiVersion", one.ref.gvk.ApiVersion()},
                    {"kind", one.ref.gvk.kind},
                    {"namespace", one.ref.name_space},
                    {"name", one.ref.name}});
  }
  return list;
}

}  // namespace

Result<pb::TaskResult> SetOperation::Apply(Attempt& attempt) const {
  attempt.task().SetPhase(pb::TASK_PHASE_READING);
  MP_TRY(const SetJob job, Prepare(attempt));
  attempt.task().PlanSteps(StepsOf(job));
  for (const pb::Diagnostic& diagnostic : job.diagnostics) attempt.task().Diagnose(diagnostic);
  MP_TRY(const SetChange change, PlanSet(attempt, job.name, job.wish));
  MP_CHECK(FirstProblem(change.applies));
  SetRun run{attempt, job, change};
  MP_CHECK(attempt.Step("barrier", [&] { return run.Barrier(); }));
  MP_CHECK(attempt.Step("apply", [&] { return run.Write(); }));
  if (!job.namespaces_to_remove.empty()) MP_CHECK(attempt.Step("namespace", [&] { return run.Namespaces(); }));
  attempt.MarkComplete();
  if (job.wait_until_ready) {
    attempt.task().SetPhase(pb::TASK_PHASE_VERIFYING);
    MP_CHECK(attempt.Step("readiness", [&] { return run.Readiness(); }));
  }
  pb::TaskResult result = sdk::Succeeded();
  json output = job.output;
  output["owner"] = job.name.owner;
  output["objects"] = ObjectsOf(change);
  output["deleted"] = change.deletes.size();
  if (!job.reports.empty()) {
    output["level"] = smi::SupportLevelName(smi::WorstLevel(job.reports));
    output["reports"] = smi::ToJson(job.reports);
  }
  for (const smi::SmiReport& report : job.reports) *result.add_smi() = ToReport(report);
  result.set_output_json(DumpJson(output));
  return result;
}

Result<pb::Plan> SetOperation::Plan(Attempt& attempt) const {
  MP_TRY(const SetJob job, Prepare(attempt));
  MP_TRY(const SetChange change, PlanSet(attempt, job.name, job.wish));
  MP_TRY(const std::vector<PlannedObject> going, GoingNamespaces(attempt, job));
  pb::Plan plan;
  plan.set_exactness(pb::PLAN_SUPPORT_BEST_EFFORT);
  AddChanges(plan, change.applies);
  AddChanges(plan, change.deletes);
  AddChanges(plan, going);
  for (const smi::SmiReport& report : job.reports) *plan.add_smi() = ToReport(report);
  for (const pb::Diagnostic& diagnostic : job.diagnostics) *plan.add_diagnostics() = diagnostic;
  *plan.mutable_disruption() = job.disruption;
  AddSteps(plan, StepsOf(job));
  plan.set_digest(DigestOf(plan, attempt.task().offer().operation_type(), attempt.parameters()));
  return plan;
}

Result<pb::Inspection> SetOperation::Inspect(Attempt& attempt) const {
  MP_TRY(const SetJob job, Prepare(attempt));
  MP_TRY(const SetChange change, PlanSet(attempt, job.name, job.wish));
  MP_TRY(std::vector<PlannedObject> gone, GoingNamespaces(attempt, job));
  gone.insert(gone.end(), change.deletes.begin(), change.deletes.end());
  return InspectionOf(change.applies, gone);
}

}  // namespace meshplay::common
