#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "adapters/common/convert.h"
#include "adapters/istio/control_planes.h"
#include "adapters/istio/internal/inventory.h"
#include "adapters/kube/reflector.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kQuiet{150};  ///< Changes that come together are told together.

/// Three lists kept by reflectors; the thread of KeepInventory reads them when something changed.
struct Lists {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::map<std::string, std::map<std::string, json>> by_kind;
  std::map<std::string, bool> listed;
  bool dirty = false;

  kube::ReflectorHandlers For(const std::string& kind) {
    kube::ReflectorHandlers handlers;
    handlers.replaced = [this, kind](const std::vector<json>& objects) {
      const std::lock_guard lock(mutex);
      auto& list = by_kind[kind];
      list.clear();
      for (const json& object : objects) list[kube::NamespaceOf(object) + "/" + kube::NameOf(object)] = object;
      listed[kind] = dirty = true;
      changed.notify_all();
    };
    handlers.changed = [this, kind](kube::ChangeKind change, const json& object) {
      const std::lock_guard lock(mutex);
      const std::string key = kube::NamespaceOf(object) + "/" + kube::NameOf(object);
      if (change == kube::ChangeKind::kDeleted) {
        by_kind[kind].erase(key);
      } else {
        by_kind[kind][key] = object;
      }
      dirty = true;
      changed.notify_all();
    };
    return handlers;
  }

  std::vector<json> Objects(const std::string& kind) {
    std::vector<json> objects;
    for (const auto& [key, object] : by_kind[kind]) objects.push_back(object);
    return objects;
  }
};

pb::InventoryItem PlaneItem(const ControlPlane& plane) {
  pb::InventoryItem item;
  *item.mutable_ref()->mutable_key() = common::KeyOf(plane.object);
  item.mutable_ref()->set_uid(kube::UidOf(plane.object));
  item.mutable_ref()->set_resource_version(kube::ResourceVersionOf(plane.object));
  json body = plane.object;
  body["metadata"].erase("managedFields");
  item.set_body_json(DumpJson(body));
  item.set_digest(Sha256Hex(item.body_json()).substr(0, 32));
  item.set_health(common::ToHealth(kube::JudgeHealth(plane.object).health));
  *item.mutable_mesh() = ToFacts(plane);
  *item.mutable_conditions() = ToDetected(plane).conditions();
  return item;
}

}  // namespace

std::vector<pb::InventoryKind> InventoryKinds() {
  pb::InventoryKind deployments;
  deployments.set_api_version("apps/v1");
  deployments.set_kind("Deployment");
  return {deployments};
}

void KeepInventory(kube::Client& client, sdk::InventoryView& view, std::stop_token stop) {
  Lists lists;
  const kube::Gvk deployments{"apps", "v1", "Deployment"};
  const kube::Gvk namespaces{"", "v1", "Namespace"};
  const kube::Gvk webhooks{"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"};
  kube::ReflectorOptions istiod;
  istiod.selection.label_selector = "app=istiod";
  kube::Reflector watch_deployments(client, deployments, lists.For("Deployment"), istiod);
  kube::Reflector watch_namespaces(client, namespaces, lists.For("Namespace"));
  kube::Reflector watch_webhooks(client, webhooks, lists.For("Webhook"));
  bool complete = false;
  while (!stop.stop_requested()) {
    ClusterObjects objects;
    {
      std::unique_lock lock(lists.mutex);
      const bool told = lists.changed.wait(lock, stop, [&] { return lists.dirty && lists.listed.size() == 3; });
      if (!told) return;
      lists.changed.wait_for(lock, stop, kQuiet, [] { return false; });
      lists.dirty = false;
      objects.deployments = lists.Objects("Deployment");
      objects.namespaces = lists.Objects("Namespace");
      objects.mutating_webhooks = lists.Objects("Webhook");
    }
    std::vector<pb::InventoryItem> items;
    for (const ControlPlane& plane : FindControlPlanes(objects)) items.push_back(PlaneItem(plane));
    view.Replace(InventoryKinds(), std::move(items));
    if (!complete) view.MarkComplete();
    complete = true;
  }
}

}  // namespace meshplay::istio
