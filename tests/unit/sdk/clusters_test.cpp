#include <catch2/catch.hpp>

#include "adapters/sdk/internal/clusters.h"

namespace meshplay::sdk {
namespace {

class NoClusters final : public MeshAdapter {
 public:
  pb::Capabilities capabilities() override { return {}; }
  std::vector<pb::TargetClaim> Targets() override { return {}; }
  pb::TaskResult Run(TaskContext&) override { return Succeeded(); }
  void WatchInventory(const pb::TargetRef&, InventoryView&, std::stop_token) override {}
};

pb::InventoryDirective Directive(const std::string& cluster_uid, bool enabled) {
  pb::InventoryDirective directive;
  directive.mutable_target()->set_cluster_uid(cluster_uid);
  directive.set_enabled(enabled);
  return directive;
}

TEST_CASE("a cluster is served from the server's word until another word or another session") {
  NoClusters adapter;
  Clusters clusters(adapter, {});
  CHECK_FALSE(clusters.Serves("a"));
  clusters.Directed(Directive("a", true));
  CHECK(clusters.Serves("a"));
  CHECK_FALSE(clusters.Serves("b"));
  clusters.Ended();  // the lease says how long that lasts
  CHECK(clusters.Serves("a"));
  clusters.Directed(Directive("a", false));
  CHECK_FALSE(clusters.Serves("a"));
  clusters.Directed(Directive("a", true));
  clusters.Welcomed({}, nullptr);
  CHECK_FALSE(clusters.Serves("a"));
}

}  // namespace
}  // namespace meshplay::sdk
