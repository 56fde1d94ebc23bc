#include "adapters/metrics_api/operations.h"
#include "libs/base/json.h"

namespace meshplay::metrics_api {
namespace {

namespace pb = common::pb;
using common::Attempt;

constexpr char kSchema[] = R"({"type": "object", "additionalProperties": false, "properties": {}})";

std::vector<sdk::TaskContext::StepPlan> Steps() {
  return {{"barrier", "Take the cluster for this attempt"}, {"remove", "Remove the APIServices, then the rest"}};
}

class Disable final : public common::Operation {
 public:
  pb::OperationDescriptor descriptor() const override {
    auto out = common::Describe("smi.metricsApi.disable", pb::OPERATION_CATEGORY_CONFIGURE,
                                "Disable the SMI metrics API of the cluster",
                                "The API server no longer serves metrics.smi-spec.io. Everything that enabling it has "
                                "made is removed.",
                                kSchema);
    out.set_inverse_type("smi.metricsApi.enable");
    return out;
  }

  Result<pb::TaskResult> Apply(Attempt& attempt) const override {
    attempt.task().SetPhase(pb::TASK_PHASE_READING);
    MP_TRY(const auto objects, OwnObjects(attempt));
    attempt.task().PlanSteps(Steps());
    MP_CHECK(attempt.Step("barrier", [&] { return TakeCluster(attempt); }));
    MP_CHECK(attempt.Step("remove", [&] { return RemoveObjects(attempt, objects); }));
    attempt.MarkComplete();
    pb::TaskResult result = sdk::Succeeded();
    result.set_output_json(DumpJson({{"deleted", objects.size()}}));
    return result;
  }

  Result<pb::Plan> Plan(Attempt& attempt) const override {
    MP_TRY(const auto objects, OwnObjects(attempt));
    pb::Plan plan;
    plan.set_exactness(pb::PLAN_SUPPORT_BEST_EFFORT);
    common::AddChanges(plan, objects);
    common::AddSteps(plan, Steps());
    plan.set_digest(common::DigestOf(plan, attempt.task().offer().operation_type(), attempt.parameters()));
    return plan;
  }

  Result<pb::Inspection> Inspect(Attempt& attempt) const override {
    MP_TRY(const auto objects, OwnObjects(attempt));
    return common::InspectionOf({}, objects);
  }
};

}  // namespace

std::unique_ptr<common::Operation> MakeDisable() {
  return std::make_unique<Disable>();
}

}  // namespace meshplay::metrics_api
