#include <nlohmann/json.hpp>

#include "adapters/common/ownership.h"
#include "adapters/common/set_operation.h"
#include "adapters/istio/operations/operations.h"
#include "adapters/metrics/prometheus.h"

namespace meshplay::istio {
namespace {

using common::Attempt;
using nlohmann::json;

constexpr char kSchema[] = R"({
  "type": "object", "additionalProperties": false, "required": ["prometheus"],
  "properties": {
    "prometheus": {"type": "string", "maxLength": 1024, "title": "Prometheus",
                   "description": "http://HOST:PORT, https://HOST:PORT, or service:NAMESPACE/NAME:PORT by way of the API server; empty takes the setting back."}
  }
})";

class MetricsSet final : public common::SetOperation {
 public:
  pb::OperationDescriptor descriptor() const override {
    return Describe("istio.metrics.set", pb::OPERATION_CATEGORY_CONFIGURE, "Set the Prometheus of the mesh",
                    "Says where the mesh's telemetry is, for SMI traffic metrics. Kept in a ConfigMap beside the "
                    "control plane.",
                    kSchema);
  }

 protected:
  Result<common::SetJob> Prepare(Attempt& attempt) const override {
    MP_TRY(const ControlPlane plane, TargetPlane(attempt));
    const std::string address = attempt.Text("prometheus");
    if (!address.empty()) MP_CHECK(metrics::ParseAddress(address));
    common::SetJob job;
    job.name = {"metrics", common::LabelValue("metrics-" + plane.revision), attempt.mesh_type(), plane.name_space,
                attempt.field_manager()};
    job.wish.prune = true;
    if (!address.empty()) {
      job.wish.objects.push_back({{"apiVersion", "v1"},
                                  {"kind", "ConfigMap"},
                                  {"metadata", {{"name", MetricsConfigName(plane)}, {"namespace", plane.name_space}}},
                                  {"data", {{kPrometheusKey, address}}}});
    }
    job.output = {{"mesh_key", plane.key()}, {"prometheus", address}};
    return job;
  }
};

}  // namespace

std::string MetricsConfigName(const ControlPlane& plane) {
  return "meshplay-smi-metrics-" + plane.revision;
}

std::unique_ptr<common::Operation> MakeMetricsSet() {
  return std::make_unique<MetricsSet>();
}

}  // namespace meshplay::istio
