#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "adapters/common/kept_lists.h"
#include "adapters/istio/internal/inventory.h"
#include "adapters/istio/internal/inventory_items.h"

namespace meshplay::istio {
namespace {

using common::KeptLists;
using nlohmann::json;

const kube::Gvk kDeployment{"apps", "v1", "Deployment"};
const kube::Gvk kStatefulSet{"apps", "v1", "StatefulSet"};
const kube::Gvk kDaemonSet{"apps", "v1", "DaemonSet"};
const kube::Gvk kNamespace{"", "v1", "Namespace"};
const kube::Gvk kService{"", "v1", "Service"};
const kube::Gvk kPod{"", "v1", "Pod"};
const kube::Gvk kInjector{"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"};

std::vector<kube::Gvk> CustomKinds() {
  std::vector<kube::Gvk> kinds = {
      {"networking.istio.io", "v1alpha3", "EnvoyFilter"},  {"extensions.istio.io", "v1alpha1", "WasmPlugin"},
      {"telemetry.istio.io", "v1", "Telemetry"},           {"split.smi-spec.io", "v1alpha4", "TrafficSplit"},
      {"access.smi-spec.io", "v1alpha3", "TrafficTarget"}, {"specs.smi-spec.io", "v1alpha4", "HTTPRouteGroup"},
      {"specs.smi-spec.io", "v1alpha4", "TCPRoute"}};
  for (const char* kind : {"VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar"}) {
    kinds.push_back({"networking.istio.io", "v1", kind});
  }
  for (const char* kind : {"AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"}) {
    kinds.push_back({"security.istio.io", "v1", kind});
  }
  return kinds;
}

std::vector<kube::Gvk> ToldKinds() {
  std::vector<kube::Gvk> kinds = {kDeployment, kStatefulSet, kDaemonSet, kNamespace, kService};
  const std::vector<kube::Gvk> custom = CustomKinds();
  kinds.insert(kinds.end(), custom.begin(), custom.end());
  return kinds;
}

/// Remembers what was told, so that only differences are. The first picture is told in one piece by Begin().
class Teller {
 public:
  explicit Teller(sdk::InventoryView& view) : view_(view) {}

  /// Ends the first picture. What an earlier watch told and this one did not see is gone.
  void Begin() {
    if (begun_) return;
    view_.Replace(InventoryKinds(), std::move(first_));
    view_.MarkComplete();
    begun_ = true;
  }

  void Tell(const kube::Gvk& gvk, std::map<std::string, pb::InventoryItem> items) {
    auto& told = told_[gvk];
    for (const auto& [key, ref] : told) {
      if (items.count(key) == 0) view_.Remove(ref.first);
    }
    std::map<std::string, Said> now;
    for (auto& [key, item] : items) {
      std::string bytes = item.SerializeAsString();
      const auto before = told.find(key);
      const bool same = before != told.end() && before->second.second == bytes;
      now[key] = {item.ref(), std::move(bytes)};
      if (same) continue;
      if (begun_) {
        view_.Upsert(std::move(item));
      } else {
        first_.push_back(std::move(item));
      }
    }
    told = std::move(now);
  }

 private:
  using Said = std::pair<pb::ObjectRef, std::string>;
  sdk::InventoryView& view_;
  bool begun_ = false;
  std::vector<pb::InventoryItem> first_;
  std::map<kube::Gvk, std::map<std::string, Said>> told_;
};

std::vector<json> Values(const KeptLists::List& list) {
  std::vector<json> values;
  values.reserve(list.size());
  for (const auto& [key, object] : list) values.push_back(*object);
  return values;
}

std::vector<ControlPlane> Planes(const KeptLists& lists) {
  ClusterObjects objects;
  for (const auto& [key, deployment] : lists.Objects(kDeployment)) {
    if (kube::LabelOf(*deployment, "app") == "istiod") objects.deployments.push_back(*deployment);
  }
  objects.namespaces = Values(lists.Objects(kNamespace));
  objects.mutating_webhooks = Values(lists.Objects(kInjector));
  return FindControlPlanes(objects);
}

using PodsByNamespace = std::map<std::string, std::vector<PodView>>;

PodsByNamespace Pods(const KeptLists& lists) {
  PodsByNamespace pods;
  for (const auto& [key, pod] : lists.Objects(kPod)) {
    PodView view = ViewPod(*pod);
    pods[view.name_space].push_back(std::move(view));
  }
  return pods;
}

/// Tells everything of a kind that changed, or that hangs on something that changed.
class Picture {
 public:
  Picture(const KeptLists& lists, sdk::InventoryView& view) : lists_(lists), teller_(view) {}

  void Update(const std::set<kube::Gvk>& dirty) {
    const auto any = [&dirty](std::initializer_list<kube::Gvk> kinds) {
      return std::any_of(kinds.begin(), kinds.end(), [&](const kube::Gvk& gvk) { return dirty.count(gvk) != 0; });
    };
    const bool planes_changed = any({kDeployment, kNamespace, kInjector});
    if (planes_changed) planes_ = Planes(lists_);
    if (any({kPod})) pods_ = Pods(lists_);
    for (const kube::Gvk& gvk : {kDeployment, kStatefulSet, kDaemonSet}) {
      if (planes_changed || any({kPod, gvk})) TellWorkloads(gvk);
    }
    if (planes_changed) TellNamespaces();
    // What is only watched (pods, webhooks, definitions of custom resources) is no part of the stream.
    if (any({kService})) TellPlain(kService);
    for (const kube::Gvk& gvk : CustomKinds()) {
      if (any({gvk})) TellPlain(gvk);
    }
    teller_.Begin();
  }

 private:
  void TellWorkloads(const kube::Gvk& gvk) {
    std::map<std::string, pb::InventoryItem> items;
    for (const auto& [key, workload] : lists_.Objects(gvk)) {
      items[key] = WorkloadItem(*workload, pods_[kube::NamespaceOf(*workload)], planes_);
    }
    if (gvk == kDeployment) {
      for (const ControlPlane& plane : planes_) items[plane.name_space + "/" + plane.deployment] = PlaneItem(plane);
    }
    teller_.Tell(gvk, std::move(items));
  }
  void TellNamespaces() {
    std::map<std::string, pb::InventoryItem> items;
    for (const auto& [key, name_space] : lists_.Objects(kNamespace)) items[key] = NamespaceItem(*name_space, planes_);
    teller_.Tell(kNamespace, std::move(items));
  }
  void TellPlain(const kube::Gvk& gvk) {
    std::map<std::string, pb::InventoryItem> items;
    for (const auto& [key, object] : lists_.Objects(gvk)) items[key] = PlainItem(*object);
    teller_.Tell(gvk, std::move(items));
  }

  const KeptLists& lists_;
  Teller teller_;
  std::vector<ControlPlane> planes_;
  PodsByNamespace pods_;
};

}  // namespace

std::vector<pb::InventoryKind> InventoryKinds() {
  std::vector<pb::InventoryKind> kinds;
  for (const kube::Gvk& gvk : ToldKinds()) {
    pb::InventoryKind& kind = kinds.emplace_back();
    kind.set_api_version(gvk.ApiVersion());
    kind.set_kind(gvk.kind);
  }
  return kinds;
}

void KeepInventory(kube::Client& client, sdk::InventoryView& view, std::stop_token stop) {
  common::KeptListsOptions options;
  options.always = {kDeployment, kStatefulSet, kDaemonSet, kNamespace, kService, kPod, kInjector};
  options.when_defined = CustomKinds();
  options.trim = TrimForInventory;
  KeptLists lists(client, std::move(options));
  Picture picture(lists, view);
  while (true) {
    const std::set<kube::Gvk> dirty = lists.WaitForChange(stop);
    if (dirty.empty()) return;
    picture.Update(dirty);
  }
}

}  // namespace meshplay::istio
