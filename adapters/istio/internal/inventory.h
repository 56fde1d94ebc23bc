#pragma once

#include <stop_token>
#include <vector>

#include "adapters/kube/client.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::istio {

namespace pb = meshplay::adapter::v1;

/// The kinds of the manifest's inventory_kinds.
std::vector<pb::InventoryKind> InventoryKinds();

/// Watches one cluster and keeps `view` true until `stop`. Blocks; one thread of its own a kind beside.
void KeepInventory(kube::Client& client, sdk::InventoryView& view, std::stop_token stop);

}  // namespace meshplay::istio
