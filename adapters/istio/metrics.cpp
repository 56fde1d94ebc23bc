#include "adapters/istio/internal/metrics.h"
#include "adapters/common/errors.h"
#include "adapters/istio/control_planes.h"
#include "adapters/istio/operations/operations.h"
#include "adapters/metrics/metrics_answer.h"

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

Result<pb::TaskResult> TryAnswer(sdk::TaskContext& task, const common::Cluster& cluster) {
  const pb::TaskOffer& offer = task.offer();
  MP_TRY(const metrics::MetricsCall question, metrics::ReadCall(offer.parameters_json()));
  kube::Call call;
  call.timeout = std::chrono::milliseconds(5'000);
  MP_TRY(const std::string text, AddressOf(*cluster.client, offer.target().mesh_key(), call));
  MP_TRY(const metrics::PrometheusAddress address, metrics::ParseAddress(text));
  MP_TRY(const auto prometheus, metrics::Prometheus::Create(address, cluster.client.get()));
  const metrics::Dialect* dialect = metrics::DialectOf("istio");
  if (dialect == nullptr) return Internal("INTERNAL_BUG", "the mesh's telemetry has no dialect");
  return metrics::ToResult(
      metrics::Answer(*dialect, *prometheus, *cluster.client, question, SystemClock().NowUnixMs(), kAnswerWithin));
}

}  // namespace

pb::TaskResult AnswerMetricsQuery(sdk::TaskContext& task, const common::Cluster& cluster) {
  auto result = TryAnswer(task, cluster);
  if (result) return std::move(*result);
  return sdk::Failed(common::ToProtocolError(result.error(), pb::SIDE_EFFECTS_NONE));
}

}  // namespace meshplay::istio
