#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/istio/control_planes.h"
#include "adapters/sdk/adapter.h"

/// What the adapter tells of the objects it sees. Pure; threads: any.
namespace meshplay::istio {

/// A pod, cut down to what its workload's facts need.
struct PodView {
  std::string name_space;
  std::map<std::string, std::string> labels;
  bool has_proxy = false;
  std::string proxy_version;
  std::string revision;  ///< That injected it.
};

PodView ViewPod(const nlohmann::json& pod);

/// Keeps of a pod what ViewPod reads; of everything else drops managedFields and kubectl's copy.
void TrimForInventory(nlohmann::json& object);

/// An object as it is told, without facts.
pb::InventoryItem PlainItem(const nlohmann::json& object);

/// A Deployment, StatefulSet or DaemonSet with the facts of its pods. `pods` are those of its namespace.
pb::InventoryItem WorkloadItem(const nlohmann::json& workload, const std::vector<PodView>& pods,
                               const std::vector<ControlPlane>& planes);

/// An istiod with the facts of its mesh.
pb::InventoryItem PlaneItem(const ControlPlane& plane);

/// A namespace with a condition that says by which mesh it is injected.
pb::InventoryItem NamespaceItem(const nlohmann::json& name_space, const std::vector<ControlPlane>& planes);

}  // namespace meshplay::istio
