#include "adapters/istio/adapter.h"
#include "adapters/istio/internal/inventory.h"
#include "adapters/istio/operations/operations.h"

namespace meshplay::istio {

pb::Capabilities MakeManifest(const std::vector<std::unique_ptr<common::Operation>>& operations) {
  pb::Capabilities manifest;
  manifest.set_mesh_type("istio");
  manifest.set_display_name("Istio");
  for (const auto& operation : operations) *manifest.add_operations() = operation->descriptor();
  for (const pb::InventoryKind& kind : InventoryKinds()) *manifest.add_inventory_kinds() = kind;
  return manifest;
}

std::vector<std::unique_ptr<common::Operation>> MakeOperations(const IstioOptions& options,
                                                               const helm::ChartSource& source) {
  HelmFactory helm{options, source};
  std::vector<std::unique_ptr<common::Operation>> operations;
  operations.push_back(MakeInstall(helm));
  return operations;
}

}  // namespace meshplay::istio
