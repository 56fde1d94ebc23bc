#include <nlohmann/json.hpp>

#include "adapters/metrics_api/operations.h"

namespace meshplay::metrics_api {

using nlohmann::json;

Result<std::string> TakeCluster(common::Attempt& attempt) {
  MP_CHECK(attempt.BeginMutating());
  return "fence " + std::to_string(attempt.task().offer().fence());
}

Result<std::vector<common::PlannedObject>> OwnObjects(common::Attempt& attempt, const std::string& mesh_key) {
  const std::string own = OwnSelector(attempt.mesh_type());
  // The API server copies a Service's labels to the slices that it makes itself.
  const std::pair<kube::Gvk, std::string> kinds[] = {
      {{"apiregistration.k8s.io", "v1", "APIService"}, own},
      {{"discovery.k8s.io", "v1", "EndpointSlice"}, own + ",endpointslice.kubernetes.io/managed-by=meshplay"},
      {{"", "v1", "Service"}, own},
      {{"", "v1", "ConfigMap"}, own}};
  std::vector<common::PlannedObject> found;
  for (const auto& [gvk, selector] : kinds) {
    MP_TRY(const kube::ObjectList list, attempt.kube().List(gvk, {"", selector, ""}, attempt.call()));
    for (const json& object : list.items) {
      if (!mesh_key.empty() && kube::NameOf(object) == kConfigName) {
        const auto settings = ReadSettings(object);
        if (settings && settings->mesh_key != mesh_key) return std::vector<common::PlannedObject>();
      }
      found.push_back(common::PlanDeletion(object, "part of the SMI metrics API"));
    }
  }
  return found;
}

Result<std::string> RemoveObjects(common::Attempt& attempt, const std::vector<common::PlannedObject>& objects) {
  constexpr std::chrono::milliseconds kGone{30'000};
  for (const common::PlannedObject& one : objects) MP_CHECK(attempt.DeleteAndWait(one.ref, one.uid, kGone));
  attempt.kube().DropDiscovery();
  return std::to_string(objects.size()) + " removed";
}

}  // namespace meshplay::metrics_api
