#include <catch2/catch.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "tests/integration/istio/rig_cluster.h"

using meshplay::test::Eventually;
using meshplay::test::RigCluster;
using meshplay::test::Told;
using nlohmann::json;
using namespace std::chrono_literals;
namespace pb = meshplay::sdk::pb;

namespace {

/// Keeps what was told, as the server would.
class KeptView final : public meshplay::sdk::InventoryView {
 public:
  void Replace(const std::vector<pb::InventoryKind>&, std::vector<pb::InventoryItem> items) override {
    const std::lock_guard lock(mutex_);
    items_.clear();
    for (pb::InventoryItem& item : items) items_[Key(item.ref())] = std::move(item);
    ++replaced_;
  }
  void Upsert(pb::InventoryItem item) override {
    const std::lock_guard lock(mutex_);
    items_[Key(item.ref())] = std::move(item);
  }
  void Remove(const pb::ObjectRef& ref) override {
    const std::lock_guard lock(mutex_);
    items_.erase(Key(ref));
  }
  void MarkComplete() override { complete_ = true; }

  std::optional<pb::InventoryItem> Find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = items_.find(key);
    if (found == items_.end()) return std::nullopt;
    return found->second;
  }
  bool Any(const std::string& prefix) {
    const std::lock_guard lock(mutex_);
    const auto found = items_.lower_bound(prefix);
    return found != items_.end() && found->first.starts_with(prefix);
  }
  int replaced() {
    const std::lock_guard lock(mutex_);
    return replaced_;
  }
  std::atomic<bool> complete_{false};

 private:
  static std::string Key(const pb::ObjectRef& ref) {
    return ref.key().kind() + " " + ref.key().namespace_() + "/" + ref.key().name();
  }
  std::mutex mutex_;
  std::map<std::string, pb::InventoryItem> items_;
  int replaced_ = 0;
};

constexpr char kRoute[] = R"(
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: route, namespace: inv}
spec:
  hosts: [front]
  http: [{route: [{destination: {host: front}}]}]
)";

}  // namespace

TEST_CASE("the inventory follows control planes, namespaces, sidecars and routes that come and go", "[istio]") {
  auto rig = RigCluster::Up("istio-inv");
  if (!rig) return;
  KeptView view;
  pb::TargetRef target;
  target.set_cluster_uid(rig->uid());
  std::jthread watcher([&](const std::stop_token& stop) { rig->adapter().WatchInventory(target, view, stop); });
  REQUIRE(Eventually(120s, [&] { return view.complete_.load(); }));
  CHECK(view.Find("Namespace /kube-system"));
  CHECK_FALSE(view.Any("Deployment istio-system/"));

  REQUIRE(Told(rig->Apply("istio.install", json::object())) == "SUCCEEDED");
  CHECK(Eventually(120s, [&] {
    const auto istiod = view.Find("Deployment istio-system/istiod");
    return istiod && istiod->mesh().mesh_key() == "istio-system/default" && istiod->mesh().managed() &&
           istiod->mesh().version() == "1.30.3" && istiod->health() == pb::HEALTH_HEALTHY;
  }));

  const json app = {{"namespace", "inv"}};
  REQUIRE(Told(rig->Apply("istio.sampleapp.install", app)) == "SUCCEEDED");
  CHECK(Eventually(120s, [&] {
    const auto front = view.Find("Deployment inv/front");
    return front && front->workload().pods() == 1 && front->workload().pods_with_proxy() == 1 &&
           front->workload().pods_skewed() == 0 && front->workload().mesh_key() == "istio-system/default" &&
           front->workload().service_account() == "front";
  }));
  CHECK(Eventually(120s, [&] {
    const auto istiod = view.Find("Deployment istio-system/istiod");
    return istiod && istiod->mesh().member_namespaces_size() == 1 && istiod->mesh().member_namespaces(0) == "inv";
  }));
  CHECK(view.Find("Service inv/front"));

  // A kind that did not exist when the watch began.
  REQUIRE(Told(rig->Apply("istio.custom.apply", {{"documents", kRoute}})) == "SUCCEEDED");
  CHECK(Eventually(120s, [&] { return view.Find("VirtualService inv/route").has_value(); }));
  CHECK(view.Find("VirtualService inv/route")->body_json().find("managedFields") == std::string::npos);
  REQUIRE(Told(rig->Apply("istio.custom.delete", json::object())) == "SUCCEEDED");
  CHECK(Eventually(120s, [&] { return !view.Find("VirtualService inv/route"); }));
  REQUIRE(Told(rig->Apply("istio.custom.apply", {{"documents", kRoute}})) == "SUCCEEDED");
  CHECK(Eventually(120s, [&] { return view.Find("VirtualService inv/route").has_value(); }));

  REQUIRE(Told(rig->Apply("istio.uninstall", {{"force", true}})) == "SUCCEEDED");
  CHECK(Eventually(120s, [&] { return !view.Any("Deployment istio-system/"); }));
  CHECK(Eventually(120s, [&] { return !view.Any("VirtualService "); }));
  CHECK(view.replaced() == 1);
}
