#include "adapters/istio/internal/metrics.h"
#include "adapters/common/errors.h"
#include "adapters/istio/control_planes.h"
#include "adapters/istio/operations/operations.h"

namespace meshplay::istio {
namespace {

constexpr std::chrono::milliseconds kAnswerWithin{15'000};

Result<std::string> AddressOf(kube::Client& client, const std::string& mesh_key, const kube::Call& call) {
  MP_TRY(const ClusterObjects objects, ReadClusterObjects(client, call));
  for (const ControlPlane& plane : FindControlPlanes(objects)) {
    if (!mesh_key.empty() && plane.key() != mesh_key) continue;
    MP_TRY(const auto config, client.Find({{"", "v1", "ConfigMap"}, plane.name_space, MetricsConfigName(plane)}, call));
    if (config) return kube::TextAt(*config, std::string("/data/") + kPrometheusKey);
  }
  return FailedPrecondition("METRICS_NOT_CONFIGURED", "no Prometheus is known for the mesh")
      .WithRemediation("Run the operation istio.metrics.set with the address of its Prometheus.");
}

Result<std::unique_ptr<metrics::Prometheus>> FindPrometheus(kube::Client& client, const std::string& mesh_key,
                                                            const kube::Call& call) {
  MP_TRY(const std::string text, AddressOf(client, mesh_key, call));
  MP_TRY(const metrics::PrometheusAddress address, metrics::ParseAddress(text));
  return metrics::Prometheus::Create(address, &client);
}

const metrics::Dialect& IstioDialect() {
  return *metrics::DialectOf("istio");
}

Result<pb::TaskResult> TryAnswer(sdk::TaskContext& task, const common::Cluster& cluster) {
  const pb::TaskOffer& offer = task.offer();
  MP_TRY(const metrics::MetricsCall question, metrics::ReadCall(offer.parameters_json()));
  kube::Call call;
  call.timeout = std::chrono::milliseconds(5'000);
  MP_TRY(const auto prometheus, FindPrometheus(*cluster.client, offer.target().mesh_key(), call));
  return metrics::ToResult(metrics::Answer(IstioDialect(), *prometheus, *cluster.client, question,
                                           SystemClock().NowUnixMs(), kAnswerWithin));
}

Status HasTelemetry(kube::Client& client, const std::string& mesh_key, const kube::Call& call) {
  const auto found = FindPrometheus(client, mesh_key, call);
  if (found) return {};
  if (found.error().reason() != "METRICS_NOT_CONFIGURED") return found.error();
  return FailedPrecondition("PREREQUISITE_MISSING", found.error().message())
      .WithRemediation(found.error().remediation());
}

}  // namespace

pb::TaskResult AnswerMetricsQuery(sdk::TaskContext& task, const common::Cluster& cluster) {
  auto result = TryAnswer(task, cluster);
  if (result) return std::move(*result);
  return sdk::Failed(common::ToProtocolError(result.error(), pb::SIDE_EFFECTS_NONE));
}

Result<metrics::MetricsAnswer> AskTrafficMetrics(kube::Client& client, const std::string& mesh_key,
                                                 const metrics::MetricsCall& question, const kube::Call& call) {
  MP_TRY(const auto prometheus, FindPrometheus(client, mesh_key, call));
  return metrics::TryAnswer(IstioDialect(), *prometheus, client, question, SystemClock().NowUnixMs(), kAnswerWithin);
}

metrics_api::MeshSide MetricsSide() {
  metrics_api::MeshSide side;
  side.mesh_type = "istio";
  side.answer = [](kube::Client& client, const std::string& mesh_key, const metrics::MetricsCall& question) {
    kube::Call call;
    call.timeout = std::chrono::milliseconds(5'000);
    auto answer = AskTrafficMetrics(client, mesh_key, question, call);
    return answer ? std::move(*answer) : metrics::ErrorAnswer(answer.error());
  };
  side.has_telemetry = HasTelemetry;
  side.find = [](common::Attempt& attempt) -> Result<metrics_api::MeshPlace> {
    MP_TRY(const ControlPlane plane, TargetPlane(attempt));
    return metrics_api::MeshPlace{plane.key(), plane.name_space};
  };
  return side;
}

}  // namespace meshplay::istio
