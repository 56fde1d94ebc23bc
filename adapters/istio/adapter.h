#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/common/clusters.h"
#include "adapters/common/operation.h"
#include "adapters/controller/host.h"
#include "adapters/metrics_api/host.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::istio {

namespace pb = meshplay::adapter::v1;

struct IstioOptions {
  common::ClusterOptions clusters;
  std::string chart_source = "repo:https://istio-release.storage.googleapis.com/charts";
  std::string helm_program = "helm";
  std::string work_directory;      ///< For helm's caches; mode 0700.
  std::string metrics_api_listen;  ///< "IP:PORT" of the SMI metrics API for API servers; empty: there is none.
};

/// The adapter for Istio in sidecar mode: detection, operations and inventory on every cluster it can reach.
/// Threads: as sdk::MeshAdapter.
class IstioAdapter final : public sdk::MeshAdapter {
 public:
  /// Errors: kInvalidArgument CHART_SOURCE_INVALID; those of MetricsApiHost::Start.
  static Result<std::unique_ptr<IstioAdapter>> Create(IstioOptions options);

  void Attach(const sdk::AdapterLink& link) override {
    controllers_.Attach(link);
    metrics_api_->Attach(link);
  }
  pb::Capabilities capabilities() override;
  std::vector<pb::TargetClaim> Targets() override { return clusters_.Claims(); }
  pb::TaskResult Run(sdk::TaskContext& task) override;
  pb::TaskResult Query(sdk::TaskContext& task) override;
  void WatchInventory(const pb::TargetRef& target, sdk::InventoryView& view, std::stop_token stop) override;

 private:
  IstioAdapter(IstioOptions options, std::vector<std::unique_ptr<common::Operation>> operations,
               std::shared_ptr<metrics_api::MetricsApiHost> metrics_api);
  const common::Operation* FindOperation(const std::string& type) const;
  pb::TaskResult Detect(sdk::TaskContext& task, const common::Cluster& cluster) const;

  const IstioOptions options_;
  const std::vector<std::unique_ptr<common::Operation>> operations_;
  common::ClusterSet clusters_;
  const SystemClock clock_;
  controller::ControllerHost controllers_;
  const std::shared_ptr<metrics_api::MetricsApiHost> metrics_api_;
};

/// The manifest of these operations. Deterministic.
pb::Capabilities MakeManifest(const std::vector<std::unique_ptr<common::Operation>>& operations);

/// Every operation of this adapter, in the manifest's order.
std::vector<std::unique_ptr<common::Operation>> MakeOperations(
    const IstioOptions& options, const helm::ChartSource& source,
    const std::shared_ptr<metrics_api::MetricsApiHost>& metrics_api);

}  // namespace meshplay::istio
