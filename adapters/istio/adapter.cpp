#include "adapters/istio/adapter.h"

#include <nlohmann/json.hpp>
#include <thread>

#include "adapters/common/convert.h"
#include "adapters/conformance/scratch.h"
#include "adapters/gamma/emit.h"
#include "adapters/istio/control_planes.h"
#include "adapters/istio/emitter/emit.h"
#include "adapters/istio/internal/inventory.h"
#include "adapters/istio/internal/metrics.h"
#include "adapters/istio/internal/smi_controller.h"
#include "adapters/istio/operations/operations.h"
#include "adapters/kube/fence.h"
#include "adapters/metrics/metrics_answer.h"
#include "adapters/serve/translate_answer.h"
#include "libs/base/json.h"
#include "libs/base/json_schema.h"
#include "libs/base/log.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;

constexpr char kMeshType[] = "istio";
constexpr std::string_view kPlanCompared = "plan-compared:";

/// The parameters of an offer, checked against the operation's own schema and completed with its defaults.
Result<json> ReadParameters(const std::string& text, const std::string& schema_text) {
  MP_TRY(const json schema_json, ParseJson(schema_text));
  MP_TRY(const JsonSchema schema, JsonSchema::Compile(schema_json));
  json parameters = json::object();
  if (!text.empty()) {
    MP_TRY(parameters, ParseJson(text));
  }
  parameters = schema.WithDefaults(std::move(parameters));
  MP_CHECK(schema.Validate(parameters));
  return parameters;
}

pb::TaskResult Refused(const Error& error) {
  return sdk::Failed(common::ToProtocolError(error, pb::SIDE_EFFECTS_NONE));
}

/// A plan that was approved is done as it is or not at all. A later attempt of the same operation has changed the
/// cluster itself; that the first one compared is written down before the barrier.
Status CheckPlan(const common::Operation& operation, common::Attempt& attempt) {
  const pb::TaskOffer& offer = attempt.task().offer();
  const std::string& approved = offer.options().plan_digest();
  if (approved.empty() || offer.checkpoint() == std::string(kPlanCompared) + approved) return {};
  MP_TRY(const pb::Plan now, operation.Plan(attempt));
  if (now.digest() != approved) {
    return Aborted("PLAN_STALE", "the cluster, or what is to be done, is not what the plan was made for")
        .WithRemediation("Make a new plan, look at it and apply that one.");
  }
  return attempt.task().SaveCheckpoint(std::string(kPlanCompared) + approved);
}

pb::TaskResult RunApply(const common::Operation& operation, common::Attempt& attempt) {
  if (const Status fresh = CheckPlan(operation, attempt); !fresh) return attempt.Fail(fresh.error());
  auto result = operation.Apply(attempt);
  return result ? std::move(*result) : attempt.Fail(result.error());
}

pb::TaskResult RunPlan(const common::Operation& operation, common::Attempt& attempt) {
  attempt.task().SetPhase(pb::TASK_PHASE_READING);
  auto plan = operation.Plan(attempt);
  if (!plan) return attempt.Fail(plan.error());
  pb::TaskResult result = sdk::Succeeded();
  for (const pb::SmiReport& report : plan->smi()) *result.add_smi() = report;
  *result.mutable_plan() = std::move(*plan);
  return result;
}

pb::TaskResult RunInspect(const common::Operation& operation, common::Attempt& attempt) {
  // The fence goes up before anything is read: whatever the lost attempt still has under way is older than the look.
  if (const Status raised = attempt.BeginMutating(); !raised) return attempt.Fail(raised.error());
  auto inspection = operation.Inspect(attempt);
  if (!inspection) return attempt.Fail(inspection.error());
  const auto fence = kube::ReadFence(attempt.kube(), kMeshType, attempt.call());
  if (fence) inspection->set_fence_on_target(*fence);
  pb::TaskResult result = sdk::Succeeded();
  *result.mutable_inspection() = std::move(*inspection);
  return result;
}

}  // namespace

Result<std::unique_ptr<IstioAdapter>> IstioAdapter::Create(IstioOptions options) {
  MP_TRY(const helm::ChartSource source, helm::ParseChartSource(options.chart_source));
  MP_TRY(auto metrics_api, metrics_api::MetricsApiHost::Start(options.metrics_api_listen, MetricsSide()));
  auto operations = MakeOperations(options, source, metrics_api);
  return std::unique_ptr<IstioAdapter>(
      new IstioAdapter(std::move(options), std::move(operations), std::move(metrics_api)));
}

IstioAdapter::IstioAdapter(IstioOptions options, std::vector<std::unique_ptr<common::Operation>> operations,
                           std::shared_ptr<metrics_api::MetricsApiHost> metrics_api)
    : options_(std::move(options)),
      operations_(std::move(operations)),
      clusters_(options_.clusters),
      controllers_(SmiTraits(), clock_),
      metrics_api_(std::move(metrics_api)) {}

pb::Capabilities IstioAdapter::capabilities() {
  return MakeManifest(operations_);
}

const common::Operation* IstioAdapter::FindOperation(const std::string& type) const {
  for (const auto& operation : operations_) {
    if (operation->descriptor().type() == type) return operation.get();
  }
  return nullptr;
}

pb::TaskResult IstioAdapter::Detect(sdk::TaskContext& task, const common::Cluster& cluster) const {
  const kube::Call call{.stop = task.stop()};
  const auto objects = ReadClusterObjects(*cluster.client, call);
  if (!objects) {
    if (task.stop().stop_requested()) return task.Stopped(pb::SIDE_EFFECTS_NONE);
    return Refused(objects.error());
  }
  pb::TaskResult result = sdk::Succeeded();
  pb::Detection& detection = *result.mutable_detection();
  detection.set_cluster_uid(cluster.uid);
  detection.set_kubernetes_version(cluster.kubernetes_version);
  for (const ControlPlane& plane : FindControlPlanes(*objects)) *detection.add_meshes() = ToDetected(plane);
  return result;
}

pb::TaskResult IstioAdapter::Run(sdk::TaskContext& task) {
  const pb::TaskOffer& offer = task.offer();
  const auto cluster = clusters_.Find(offer.target().cluster_uid());
  if (!cluster) return Refused(cluster.error());
  if (offer.kind() == pb::TASK_KIND_DETECT) return Detect(task, **cluster);

  const common::Operation* operation = FindOperation(offer.operation_type());
  if (operation == nullptr) {
    return Refused(InvalidArgument("OPERATION_UNKNOWN", "this adapter has no operation " + offer.operation_type()));
  }
  auto parameters = ReadParameters(offer.parameters_json(), operation->descriptor().parameters_schema());
  if (!parameters) return Refused(parameters.error());
  common::Attempt attempt(task, *cluster, std::move(*parameters), kMeshType);
  const bool changes = offer.kind() == pb::TASK_KIND_APPLY || offer.kind() == pb::TASK_KIND_INSPECT;
  const auto hold = changes ? controllers_.HoldWrites((*cluster)->uid) : nullptr;
  switch (offer.kind()) {
    case pb::TASK_KIND_APPLY:
    case pb::TASK_KIND_CONFORMANCE:
      return RunApply(*operation, attempt);
    case pb::TASK_KIND_PLAN:
      return RunPlan(*operation, attempt);
    case pb::TASK_KIND_INSPECT:
      return RunInspect(*operation, attempt);
    default:
      return Refused(InvalidArgument("OPERATION_UNKNOWN", "this adapter does no task of that kind"));
  }
}

pb::TaskResult IstioAdapter::Query(sdk::TaskContext& task) {
  const pb::TaskOffer& offer = task.offer();
  if (offer.operation_type() == serve::kTranslateQuery) {
    return serve::AnswerTranslate({Emitter(), gamma::Emitter(kMeshType)}, offer.parameters_json());
  }
  if (offer.operation_type() != metrics::kMetricsQuery) return sdk::MeshAdapter::Query(task);
  const auto cluster = clusters_.Find(offer.target().cluster_uid());
  return cluster ? AnswerMetricsQuery(task, **cluster) : Refused(cluster.error());
}

void IstioAdapter::WatchInventory(const pb::TargetRef& target, sdk::InventoryView& view, std::stop_token stop) {
  const auto cluster = clusters_.Find(target.cluster_uid());
  if (!cluster) return;
  const std::shared_ptr<kube::Client> client = (*cluster)->client;
  std::stop_source either;
  const std::stop_callback on_stop(stop, [&either] { either.request_stop(); });
  const std::stop_callback on_replaced((*cluster)->replaced.get_token(), [&either] { either.request_stop(); });
  // What a conformance run left when this adapter was killed within it.
  const conformance::Holder holder = conformance::ThisHolder(options_.work_directory);
  const auto swept = conformance::SweepScratch(*client, kMeshType, holder, "", {.stop = either.get_token()});
  if (!swept) LogWarning("scratch namespaces could not be looked at", {{log_key::kReason, swept.error().reason()}});
  controller::ReportingView reporting(view);
  const std::jthread keeps_smi_in_step([&](const std::stop_token& own) {
    const std::stop_callback on_own(own, [&either] { either.request_stop(); });
    const auto report = [&reporting](const controller::ControllerReport& now) { reporting.Report(now); };
    controllers_.Run(target.cluster_uid(), *client, report, either.get_token());
  });
  const std::jthread answers_for_metrics([&](const std::stop_token& own) {
    const std::stop_callback on_own(own, [&either] { either.request_stop(); });
    const auto report = [&reporting](const metrics_api::MetricsApiReport& now) {
      reporting.Set("SmiMetricsApi", now.mesh_key, metrics_api::ConditionOf(now));
    };
    metrics_api_->Run(target.cluster_uid(), client, report, either.get_token());
  });
  KeepInventory(*client, reporting, either.get_token());
}

}  // namespace meshplay::istio
