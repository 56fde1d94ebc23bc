#include "adapters/istio/adapter.h"
#include "adapters/istio/internal/inventory.h"
#include "adapters/istio/internal/smi_controller.h"
#include "adapters/istio/internal/versions.h"
#include "adapters/istio/operations/operations.h"
#include "adapters/metrics/metrics_answer.h"
#include "adapters/metrics_api/operations.h"
#include "adapters/serve/translate_answer.h"

namespace meshplay::istio {

pb::Capabilities MakeManifest(const std::vector<std::unique_ptr<common::Operation>>& operations) {
  pb::Capabilities manifest;
  manifest.set_mesh_type("istio");
  manifest.set_display_name("Istio");
  for (const auto& operation : operations) *manifest.add_operations() = operation->descriptor();
  *manifest.add_operations() = serve::TranslateDescriptor();
  *manifest.add_operations() = metrics::MetricsDescriptor();
  for (const pb::MeshVersionSupport& version : SupportedVersions()) *manifest.add_mesh_versions() = version;
  for (const pb::SmiSupport& support : SmiSupports()) *manifest.add_smi() = support;
  for (const pb::InventoryKind& kind : InventoryKinds()) *manifest.add_inventory_kinds() = kind;
  for (const pb::PermissionRule& rule : RequiredPermissions()) *manifest.add_required_permissions() = rule;
  for (const char* reason : {"MESH_IN_USE",
                             "OBJECT_OWNED",
                             "RELEASE_OWNERSHIP",
                             "CHART_NOT_FOUND",
                             "CHART_BROKEN",
                             "CHART_SOURCE_UNREACHABLE",
                             "HELM_MISSING",
                             "HELM_TOO_OLD",
                             "HELM_TIMEOUT",
                             "HELM_KILLED",
                             "HELM_FAILED",
                             "RELEASE_PENDING",
                             "NAMESPACE_TERMINATING",
                             "QUOTA_EXCEEDED",
                             "OBJECT_INVALID",
                             "OBJECT_NOT_GONE_IN_TIME",
                             "SMI_INVALID",
                             "NATIVE_CONSUMER",
                             "SMI_CONTROLLER_ELSEWHERE",
                             "SMI_OBJECTS_EXIST",
                             "METRICS_API_TAKEN",
                             "METRICS_API_UNREACHABLE",
                             "SET_TOO_LARGE",
                             "SCRATCH_NOT_REMOVED",
                             "FENCE_UNREADABLE"}) {
    manifest.add_reasons(reason);
  }
  return manifest;
}

std::vector<std::unique_ptr<common::Operation>> MakeOperations(
    const IstioOptions& options, const helm::ChartSource& source,
    const std::shared_ptr<metrics_api::MetricsApiHost>& metrics_api) {
  const HelmFactory helm{options, source};
  std::vector<std::unique_ptr<common::Operation>> operations;
  operations.push_back(MakeInstall(helm));
  operations.push_back(MakeUninstall(helm));
  operations.push_back(MakeInjectionSet());
  operations.push_back(MakeMtlsSet());
  operations.push_back(MakeMetricsSet());
  operations.push_back(MakeSampleAppInstall());
  operations.push_back(MakeSampleAppRemove());
  operations.push_back(MakeCustomApply());
  operations.push_back(MakeCustomDelete());
  operations.push_back(MakeSmiApply());
  operations.push_back(MakeSmiDelete());
  operations.push_back(MakeConformance(options));
  operations.push_back(controller::MakeEnable(SmiTraits(), FindPlace));
  operations.push_back(controller::MakeDisable(SmiTraits()));
  operations.push_back(metrics_api::MakeEnable(metrics_api));
  operations.push_back(metrics_api::MakeDisable());
  return operations;
}

}  // namespace meshplay::istio
