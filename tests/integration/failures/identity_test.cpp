// Who is at the other end: another cluster behind the same kubeconfig, a cluster that is away, an adapter that is
// revoked.
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "libs/base/process.h"
#include "tests/integration/failures/bench.h"
#include "tests/support/eventually.h"

using namespace std::chrono_literals;
using namespace meshplay::test;
using meshplay::http::Method;
using nlohmann::json;

namespace {

constexpr char kApply[] = "istio.custom.apply";

/// A second cluster of the rig.
class OtherCluster {
 public:
  explicit OtherCluster(std::string folder) : folder_(std::move(folder)) {
    const auto up = Rig("up");
    INFO(up.stderr_text);
    REQUIRE(up.exit_code == 0);
    auto config = meshplay::kube::Kubeconfig::Load(folder_ + "/kubeconfig");
    REQUIRE(config.has_value());
    auto access = config->AccessFor();
    REQUIRE(access.has_value());
    admin_ = std::move(*access);
  }
  ~OtherCluster() { Rig("down"); }
  const meshplay::kube::Access& admin() const { return admin_; }

 private:
  meshplay::ProcessOutcome Rig(const std::string& command) const {
    meshplay::ProcessSpec spec;
    spec.argv = {std::string(MESHPLAY_SOURCE_DIR) + "/tests/cluster/rig",
                 command,
                 "--name",
                 "failures-other",
                 "--dir",
                 folder_,
                 "--nodes",
                 "1"};
    spec.environment = ChildEnvironment();
    spec.timeout = 300s;
    auto outcome = meshplay::RunProcess(spec);
    REQUIRE(outcome.has_value());
    return *outcome;
  }
  std::string folder_;
  meshplay::kube::Access admin_;
};

meshplay::kube::Access AdminOf(const std::string& kubeconfig) {
  auto config = meshplay::kube::Kubeconfig::Load(kubeconfig);
  REQUIRE(config.has_value());
  return config->AccessFor().value();
}

json Documents(const std::string& text) {
  return {{"documents", text}, {"name", "trouble"}};
}

/// The kubeconfig's address suddenly is another cluster: nothing is written there, and the target stays shut until a
/// person says that it is safe.
void WrongCluster(Bench& bench) {
  const OtherCluster other(bench.folder() + "/other");
  bench.proxy().PointAt(other.admin());
  const json operation = bench.Run(kApply, Documents(MapYaml("stranger")));
  CheckFailed(bench, operation, {"TARGET_MISMATCH", "PRECONDITION", "NONE"});
  json target = bench.stack().Target();
  INFO(target.dump(1));
  CHECK(target.at("locked_by") == "");
  CHECK(target.at("quarantined_by") == operation.at("id"));
  auto client = meshplay::kube::Client::Create(other.admin());
  REQUIRE(client.has_value());
  const auto written = (*client)->Find({{"", "v1", "ConfigMap"}, "default", "stranger"});
  REQUIRE(written.has_value());
  CHECK_FALSE(written->has_value());
  const auto fence = (*client)->Find({{"coordination.k8s.io", "v1", "Lease"}, "kube-system", "meshplay-istio"});
  REQUIRE(fence.has_value());
  CHECK_FALSE(fence->has_value());
  const auto refused = bench.Call(Method::kPost, "/v1/operations",
                                  {{"type", kApply},
                                   {"target", {{"cluster", bench.stack().cluster_id()}, {"mesh_type", "istio"}}},
                                   {"parameters", Documents(MapYaml("stranger"))}});
  INFO(refused.body.dump(1));
  CHECK(refused.status / 100 == 4);
  CHECK(refused.body.at("reason") == "TARGET_QUARANTINED");

  bench.proxy().PointAt(AdminOf(bench.folder() + "/rig/kubeconfig"));
  const std::string resolve = "/v1/operations/" + operation.at("id").get<std::string>() + ":resolve";
  bench.stack().Post(resolve, {{"resolution", "not_applied"}});
  bench.Succeeds(kApply, Documents(MapYaml("stranger")));
}

/// While the cluster is away it stays in the inventory with its objects and says that it does not answer.
void ClusterAway(Bench& bench) {
  const json before = bench.stack().Get("/v1/clusters");
  REQUIRE(before.at("clusters").size() == 1);
  bench.proxy().Close();
  const bool told = Eventually(120s, [&] { return bench.Condition("Reachable").value("status", "") == "False"; });
  INFO(bench.stack().Get("/v1/clusters").dump(1) << bench.stack().LogTail("adapter"));
  CHECK(told);
  CHECK(bench.Condition("Reachable").value("reason", "") != "");
  CHECK(bench.stack().Get("/v1/clusters").at("clusters").size() == 1);
  bench.proxy().Open();
  CHECK(Eventually(120s, [&] { return bench.Condition("Reachable").value("status", "") == "True"; }));
  bench.Succeeds(kApply, Documents(MapYaml("back")));
}

/// A revoked adapter cannot come back. What waited for it goes on waiting until its deadline and says so; nothing new
/// is taken.
void Revoked(Bench& bench) {
  const json adapter = bench.stack().Get("/v1/adapters").at("adapters").at(0);
  const std::string path = "/v1/adapters/" + adapter.at("id").get<std::string>();
  bench.adapter().Signal(SIGSTOP);
  const std::string waiting = bench.Submit(kApply, Documents(MapYaml("orphaned")), {{"deadline", "8s"}});
  const auto gone = bench.Call(Method::kDelete, path, nullptr, bench.stack().Get(path).at("etag"));
  INFO(gone.body.dump(1));
  REQUIRE(gone.status / 100 == 2);
  const json now = bench.stack().Get(path);
  INFO(now.dump(1));
  CHECK(now.at("connected") == false);
  CHECK(now.at("state") == "REVOKED");
  const json ending = bench.Await(waiting);
  bench.adapter().Signal(SIGCONT);
  CHECK(Eventually(120s, [&] { return bench.stack().LogTail("adapter").find("REVOKED") != std::string::npos; }));
  INFO(ending.dump(1));
  CHECK((ending.at("state") == "EXPIRED" || ending.at("state") == "FAILED"));  // queued, or offered to the frozen one
  CHECK(ending.at("side_effects") == "NONE");
  CHECK(ending.at("error").at("remediation") != "");
  CHECK(bench.stack().Get(path).at("connected") == false);
  CHECK(bench.Condition("Reachable").value("status", "") != "True");
  const auto refused = bench.Call(Method::kPost, "/v1/operations",
                                  {{"type", kApply},
                                   {"target", {{"cluster", bench.stack().cluster_id()}, {"mesh_type", "istio"}}},
                                   {"parameters", Documents(MapYaml("late"))}});
  INFO(refused.body.dump(1));
  CHECK(refused.status == 404);
  CHECK(refused.body.at("reason") == "OPERATION_TYPE_UNKNOWN");
  CHECK(refused.body.at("remediation") != "");
  CHECK(bench.stack().Get("/v1/clusters").at("clusters").size() == 1);
}

}  // namespace

TEST_CASE("a wrong cluster, an absent one and a revoked adapter are told apart", "[failures]") {
  auto bench = Bench::Up("failures-identity");
  if (!bench) return;
  WrongCluster(*bench);
  ClusterAway(*bench);
  Revoked(*bench);
  bench->CheckNoHole();
}
