#include <algorithm>
#include <set>

#include "adapters/common/convert.h"
#include "adapters/istio/internal/inventory_items.h"
#include "adapters/kube/readiness.h"
#include "libs/base/json.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;

constexpr char kProxy[] = "istio-proxy";

std::map<std::string, std::string> LabelsAt(const json& object, const std::string& pointer) {
  std::map<std::string, std::string> labels;
  const json& found = kube::ValueAt(object, pointer);
  if (!found.is_object()) return labels;
  for (const auto& [key, value] : found.items()) {
    if (value.is_string()) labels[key] = value.get<std::string>();
  }
  return labels;
}

bool Selects(const std::map<std::string, std::string>& selector, const std::map<std::string, std::string>& labels) {
  return !selector.empty() && std::all_of(selector.begin(), selector.end(), [&labels](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

const ControlPlane* PlaneOfNamespace(const std::string& name, const std::vector<ControlPlane>& planes) {
  for (const ControlPlane& plane : planes) {
    const auto& members = plane.injected_namespaces;
    if (std::binary_search(members.begin(), members.end(), name)) return &plane;
  }
  return nullptr;
}

const ControlPlane* PlaneOfRevision(const std::string& revision, const std::vector<ControlPlane>& planes) {
  for (const ControlPlane& plane : planes) {
    if (!revision.empty() && plane.revision == revision) return &plane;
  }
  return nullptr;
}

}  // namespace

PodView ViewPod(const json& pod) {
  PodView view;
  view.name_space = kube::NamespaceOf(pod);
  view.labels = LabelsAt(pod, "/metadata/labels");
  // Native sidecars are init containers.
  for (const char* list : {"/spec/containers", "/spec/initContainers"}) {
    const json& containers = kube::ValueAt(pod, list);
    for (const json& container : containers.is_array() ? containers : json::array()) {
      if (kube::TextAt(container, "/name") != kProxy) continue;
      view.has_proxy = true;
      view.proxy_version = VersionOfImage(kube::TextAt(container, "/image"));
    }
  }
  const auto status = ParseJson(kube::AnnotationOf(pod, "sidecar.istio.io/status"));
  if (status) view.revision = kube::TextAt(*status, "/revision");
  return view;
}

void TrimForInventory(json& object) {
  if (!object.is_object() || !object.contains("metadata") || !object["metadata"].is_object()) return;
  json& metadata = object["metadata"];
  metadata.erase("managedFields");
  if (metadata.contains("annotations") && metadata["annotations"].is_object()) {
    metadata["annotations"].erase("kubectl.kubernetes.io/last-applied-configuration");
  }
  if (kube::GvkOf(object).kind != "Pod") return;
  json containers[2] = {json::array(), json::array()};
  const char* const lists[2] = {"/spec/containers", "/spec/initContainers"};
  for (int i = 0; i < 2; ++i) {
    const json& all = kube::ValueAt(object, lists[i]);
    for (const json& container : all.is_array() ? all : json::array()) {
      containers[i].push_back(
          {{"name", kube::TextAt(container, "/name")}, {"image", kube::TextAt(container, "/image")}});
    }
  }
  object["spec"] = {{"containers", std::move(containers[0])}, {"initContainers", std::move(containers[1])}};
  object.erase("status");
}

pb::InventoryItem PlainItem(const json& object) {
  pb::InventoryItem item;
  *item.mutable_ref()->mutable_key() = common::KeyOf(object);
  item.mutable_ref()->set_uid(kube::UidOf(object));
  item.mutable_ref()->set_resource_version(kube::ResourceVersionOf(object));
  item.set_body_json(DumpJson(object));
  item.set_health(common::ToHealth(kube::JudgeHealth(object).health));
  return item;
}

pb::InventoryItem WorkloadItem(const json& workload, const std::vector<PodView>& pods,
                               const std::vector<ControlPlane>& planes) {
  pb::InventoryItem item = PlainItem(workload);
  pb::WorkloadFacts& facts = *item.mutable_workload();
  const std::string account = kube::TextAt(workload, "/spec/template/spec/serviceAccountName");
  facts.set_service_account(account.empty() ? "default" : account);
  const auto selector = LabelsAt(workload, "/spec/selector/matchLabels");
  const ControlPlane* plane = PlaneOfNamespace(kube::NamespaceOf(workload), planes);
  std::set<std::string> versions;
  std::uint32_t total = 0, with_proxy = 0;
  for (const PodView& pod : pods) {
    if (!Selects(selector, pod.labels)) continue;
    ++total;
    if (!pod.has_proxy) continue;
    ++with_proxy;
    if (!pod.proxy_version.empty()) versions.insert(pod.proxy_version);
    if (const ControlPlane* injected_by = PlaneOfRevision(pod.revision, planes)) plane = injected_by;
  }
  std::uint32_t skewed = 0;
  for (const PodView& pod : pods) {
    const bool counts = Selects(selector, pod.labels) && pod.has_proxy && !pod.proxy_version.empty();
    if (counts && plane != nullptr && !plane->version.empty() && pod.proxy_version != plane->version) ++skewed;
  }
  if (plane != nullptr) facts.set_mesh_key(plane->key());
  facts.set_pods(total);
  facts.set_pods_with_proxy(with_proxy);
  facts.set_pods_skewed(skewed);
  for (const std::string& version : versions) facts.add_proxy_versions(version);
  return item;
}

pb::InventoryItem PlaneItem(const ControlPlane& plane) {
  pb::InventoryItem item = PlainItem(plane.object);
  *item.mutable_mesh() = ToFacts(plane);
  const pb::DetectedMesh detected = ToDetected(plane);
  for (const pb::Condition& condition : detected.conditions()) *item.add_conditions() = condition;
  return item;
}

pb::InventoryItem NamespaceItem(const json& name_space, const std::vector<ControlPlane>& planes) {
  pb::InventoryItem item = PlainItem(name_space);
  const std::string revision = RevisionOfNamespace(name_space);
  if (revision.empty()) return item;
  const ControlPlane* plane = PlaneOfNamespace(kube::NameOf(name_space), planes);
  pb::Condition& injected = *item.add_conditions();
  injected.set_type("Injected");
  injected.set_status(plane != nullptr ? pb::CONDITION_STATUS_TRUE : pb::CONDITION_STATUS_FALSE);
  injected.set_reason(plane != nullptr ? "RevisionServed" : "NoControlPlane");
  injected.set_message(plane != nullptr ? "by Istio " + plane->key()
                                        : "marked for the revision " + revision + ", which nobody serves");
  return item;
}

}  // namespace meshplay::istio
