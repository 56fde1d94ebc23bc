#include "adapters/conformance/operation.h"

#include <algorithm>

#include "adapters/common/convert.h"
#include "adapters/conformance/kube_reach.h"
#include "adapters/conformance/kube_site.h"
#include "adapters/conformance/runner.h"
#include "libs/base/duration.h"
#include "libs/base/json.h"

namespace meshplay::conformance {
namespace {

namespace pb = common::pb;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr char kSchema[] = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "image": {"type": "string", "minLength": 1, "maxLength": 300, "default": "meshplay/conformance-app:latest",
              "title": "Image", "description": "Holds the program meshplay-conformance-app."},
    "image_pull_policy": {"type": "string", "enum": ["IfNotPresent", "Always", "Never"], "default": "IfNotPresent",
                          "title": "When the image is pulled"},
    "groups": {"type": "array", "maxItems": 32, "default": [], "title": "Groups of cases",
               "description": "traffic-access, traffic-spec, traffic-split and the added ones; none: all.",
               "items": {"type": "string", "maxLength": 64}},
    "driver": {"type": "string", "enum": ["exec", "proxy"], "default": "exec", "title": "How pods are reached",
               "description": "exec runs a program in the pod, past every policy; proxy is a request from outside the mesh."},
    "converge": {"type": "string", "format": "duration", "default": "60s", "title": "Time for a change to have effect"},
    "ready_timeout": {"type": "string", "format": "duration", "default": "3m", "title": "Time to become ready"}
  }
})";

constexpr std::int64_t kMaxDurationSeconds = 3'600;
constexpr milliseconds kRemovalWait{60'000};
constexpr milliseconds kShortRemovalWait{5'000};  ///< When the process itself is stopping.
constexpr milliseconds kRemovalReserve{75'000};   ///< Of the time budget.

struct Wish {
  std::string image, pull_policy;
  Driver driver = Driver::kExec;
  milliseconds ready_timeout{0};
  RunOptions run;
};

Result<Wish> ReadWish(const common::Attempt& attempt) {
  Wish wish;
  wish.image = attempt.Text("image");
  wish.pull_policy = attempt.Text("image_pull_policy");
  if (attempt.Text("driver") == "proxy") wish.driver = Driver::kProxy;
  MP_TRY(wish.ready_timeout, ParseDuration(attempt.Text("ready_timeout", "3m")));
  MP_TRY(wish.run.converge, ParseDuration(attempt.Text("converge", "60s")));
  const std::vector<std::string> known = GroupNames();
  const json groups = attempt.parameters().value("groups", json::array());
  for (const json& group : groups) {
    const std::string name = group.get<std::string>();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return InvalidArgument("PARAMETERS_INVALID", "there is no group of cases " + name)
          .WithViolation("/groups", "names no group");
    }
    wish.run.groups.push_back(name);
  }
  return wish;
}

pb::ConformanceStatus ToProtocol(CaseStatus status) {
  switch (status) {
    case CaseStatus::kPassed:
      return pb::CONFORMANCE_STATUS_PASSED;
    case CaseStatus::kFailed:
      return pb::CONFORMANCE_STATUS_FAILED;
    case CaseStatus::kSkipped:
      return pb::CONFORMANCE_STATUS_SKIPPED;
    case CaseStatus::kInconclusive:
      return pb::CONFORMANCE_STATUS_INCONCLUSIVE;
    case CaseStatus::kUnsupported:
      return pb::CONFORMANCE_STATUS_UNSUPPORTED;
  }
  return pb::CONFORMANCE_STATUS_INCONCLUSIVE;
}

pb::SupportLevel ToProtocol(const std::optional<smi::SupportLevel>& level) {
  if (!level) return pb::SUPPORT_LEVEL_UNSPECIFIED;
  switch (*level) {
    case smi::SupportLevel::kFull:
      return pb::SUPPORT_LEVEL_FULL;
    case smi::SupportLevel::kPartial:
      return pb::SUPPORT_LEVEL_PARTIAL;
    case smi::SupportLevel::kNone:
      return pb::SUPPORT_LEVEL_NONE;
  }
  return pb::SUPPORT_LEVEL_UNSPECIFIED;
}

class Conformance final : public common::Operation {
 public:
  Conformance(FindMesh find_mesh, Holder holder) : find_mesh_(std::move(find_mesh)), holder_(std::move(holder)) {}

  pb::OperationDescriptor descriptor() const override {
    pb::OperationDescriptor out;
    out.set_type("smi.conformance");
    out.set_category(pb::OPERATION_CATEGORY_VALIDATE);
    out.set_title("Run SMI conformance");
    out.set_description(
        "Proves with real requests in scratch namespaces what SMI means on this mesh. Where no programs run in pods "
        "the "
        "run is inconclusive.");
    out.set_parameters_schema(kSchema);
    out.set_idempotency(pb::IDEMPOTENCY_NATURAL);
    out.set_cancellation(pb::CANCELLATION_BETWEEN_STEPS);
    out.set_plan(pb::PLAN_SUPPORT_NONE);
    out.set_lock(pb::LOCK_MODE_SHARED);
    out.mutable_typical_duration()->set_seconds(600);
    out.mutable_max_duration()->set_seconds(kMaxDurationSeconds);
    pb::OperationAlias& alias = *out.add_aliases();
    alias.set_id("smi_conformance");
    alias.set_parameters_json("{}");
    return out;
  }

  Result<pb::TaskResult> Apply(common::Attempt& attempt) const override {
    attempt.task().PlanSteps({{"sweep", "Remove what earlier attempts left"},
                              {"run", "Control experiments and cases"},
                              {"remove", "Remove the scratch namespaces"}});
    MP_TRY(const Wish wish, ReadWish(attempt));
    MP_TRY(const MeshUnderTest mesh, find_mesh_(attempt));
    const pb::TaskOffer& offer = attempt.task().offer();
    MP_CHECK(attempt.BeginMutating());
    MP_CHECK(attempt.Step("sweep", [&]() -> Result<std::string> {
      MP_TRY(const auto swept,
             SweepScratch(attempt.kube(), attempt.mesh_type(), holder_, offer.task_id(), attempt.call()));
      return std::to_string(swept.size()) + " scratch namespaces were left";
    }));

    SiteOptions options;
    options.scratch = {offer.task_id(), offer.attempt(), attempt.mesh_type(), holder_, {}};
    const milliseconds budget = BudgetOf(offer);
    options.scratch.lifetime = std::chrono::duration_cast<std::chrono::seconds>(budget) + std::chrono::minutes(10);
    options.end = steady_clock::now() + std::max(budget - kRemovalReserve, budget / 2);
    options.image = wish.image;
    options.pull_policy = wish.pull_policy;
    options.ready_timeout = wish.ready_timeout;
    KubeSite site(attempt, mesh, std::move(options));
    const auto namespace_of = [&site](const std::string& app) {
      return site.NamespaceOf(app == "app-d" ? Space::kOther : Space::kHome);
    };
    KubeReach reach(attempt.kube(), wish.driver, namespace_of, attempt.task().stop());
    RunOptions run = wish.run;
    run.progress = [&attempt](std::uint32_t done, std::uint32_t total, const std::string& text) {
      attempt.task().Progress(done, total, text);
    };
    attempt.task().StepRunning("run");
    const RunReport report = RunSuite(site, reach, run);
    const std::string verdict(CaseStatusName(report.overall));
    attempt.task().StepDone("run", verdict + (report.reason.empty() ? "" : ": " + report.reason + " " + report.detail));

    const Status removed = Remove(attempt, site);
    pb::TaskResult result = attempt.task().stop().stop_requested()
                                ? attempt.task().Stopped(removed ? pb::SIDE_EFFECTS_NONE : pb::SIDE_EFFECTS_PARTIAL)
                                : sdk::Succeeded();
    if (!removed && result.outcome() == pb::OUTCOME_SUCCEEDED) result = attempt.Fail(removed.error());
    *result.mutable_conformance() = conformance::ToProtocol(report, mesh.version);
    result.set_output_json(DumpJson({{"mesh_key", mesh.key},
                                     {"verdict", verdict},
                                     {"reason", report.reason},
                                     {"scratch_removed", removed.has_value()}}));
    return result;
  }

  Result<pb::Plan> Plan(common::Attempt&) const override {
    return Error(ErrorCode::kUnimplemented, "OPERATION_UNKNOWN", "a conformance run cannot be planned");
  }

  Result<pb::Inspection> Inspect(common::Attempt& attempt) const override {
    MP_CHECK(
        SweepScratch(attempt.kube(), attempt.mesh_type(), holder_, attempt.task().offer().task_id(), attempt.call()));
    pb::Inspection inspection;
    inspection.set_effect(pb::EFFECT_NONE);
    return inspection;
  }

 private:
  static milliseconds BudgetOf(const pb::TaskOffer& offer) {
    const auto& budget = offer.time_budget();
    const milliseconds told(budget.seconds() * 1'000 + budget.nanos() / 1'000'000);
    return told.count() > 0 ? told : milliseconds(kMaxDurationSeconds * 1'000);
  }

  /// Also when the task was stopped: what this run made is nobody else's, so no guard asks whether it may go.
  static Status Remove(common::Attempt& attempt, const KubeSite& site) {
    attempt.task().StepRunning("remove");
    const bool in_a_hurry = attempt.task().stop().stop_requested() &&
                            attempt.task().Stopped(pb::SIDE_EFFECTS_NONE).error().reason() == "STOPPING";
    const Status removed =
        RemoveScratch(attempt.kube(), site.namespaces(), in_a_hurry ? kShortRemovalWait : kRemovalWait);
    if (removed) {
      attempt.task().StepDone("remove", std::to_string(site.namespaces().size()) + " namespaces are gone");
    } else {
      attempt.task().StepFailed("remove", removed.error().message());
    }
    return removed;
  }

  const FindMesh find_mesh_;
  const Holder holder_;
};

}  // namespace

pb::ConformanceReport ToProtocol(const RunReport& report, const std::string& mesh_version) {
  pb::ConformanceReport out;
  out.set_suite(kSuite);
  out.set_suite_version(kSuiteVersion);
  out.set_mesh_version(mesh_version);
  out.set_overall(ToProtocol(report.overall));
  out.set_reason(report.reason);
  out.set_detail(report.detail);
  for (const GroupResult& group : report.groups) {
    pb::ConformanceGroup& to = *out.add_groups();
    to.set_name(group.name);
    to.set_smi_version(group.smi_version);
    to.set_capability(ToProtocol(group.capability));
    to.set_legacy(group.legacy);
  }
  for (const CaseResult& from : report.cases) {
    pb::ConformanceCase& to = *out.add_cases();
    to.set_id(from.id);
    to.set_group(from.group);
    to.set_title(from.title);
    to.set_status(ToProtocol(from.status));
    to.set_reason(from.reason);
    to.set_detail(from.detail);
    to.set_level(ToProtocol(from.level));
    to.mutable_took()->set_seconds(from.took.count() / 1'000);
    to.mutable_took()->set_nanos(static_cast<int>(from.took.count() % 1'000) * 1'000'000);
    to.set_evidence_json(from.evidence.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  return out;
}

std::unique_ptr<common::Operation> MakeConformance(FindMesh find_mesh, Holder holder) {
  return std::make_unique<Conformance>(std::move(find_mesh), std::move(holder));
}

}  // namespace meshplay::conformance
