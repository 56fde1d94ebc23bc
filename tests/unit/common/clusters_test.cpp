#include <catch2/catch.hpp>

#include "adapters/common/clusters.h"
#include "libs/base/files.h"

using namespace meshplay::common;

namespace {

// Nobody listens on port 1 of the loopback address.
constexpr char kKubeconfig[] = R"(
apiVersion: v1
kind: Config
current-context: away
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: away, context: {cluster: c, user: u}}]
)";

}  // namespace

TEST_CASE("a cluster that is away is claimed only when it is known from before, and then as not reachable",
          "[common]") {
  const auto folder = meshplay::TemporaryDirectory::Create("meshplay-clusters-");
  REQUIRE(folder.has_value());
  ClusterOptions options;
  options.kubeconfig_path = folder->path() + "/kubeconfig";
  options.memory_file = folder->path() + "/clusters.json";
  options.probe_timeout = std::chrono::milliseconds(500);
  REQUIRE(meshplay::WriteFileAtomically(options.kubeconfig_path, kKubeconfig).has_value());

  SECTION("unknown") {
    ClusterSet clusters(options);
    CHECK(clusters.Claims().empty());
    CHECK(clusters.Find("some-uid").error().reason() == "TARGET_UNKNOWN");
  }
  SECTION("known") {
    REQUIRE(meshplay::WriteFileAtomically(options.memory_file, R"({"away":"some-uid"})").has_value());
    ClusterSet clusters(options);
    const auto claims = clusters.Claims();
    REQUIRE(claims.size() == 1);
    CHECK(claims[0].target().cluster_uid() == "some-uid");
    CHECK(claims[0].display_name() == "away");
    REQUIRE(claims[0].conditions_size() == 2);
    CHECK(claims[0].conditions(0).type() == "Reachable");
    CHECK(claims[0].conditions(0).status() == pb::CONDITION_STATUS_FALSE);
    CHECK(claims[0].conditions(1).status() == pb::CONDITION_STATUS_UNKNOWN);
    CHECK(clusters.Find("some-uid").has_value());
  }
  SECTION("a memory that cannot be read is no memory") {
    REQUIRE(meshplay::WriteFileAtomically(options.memory_file, "[").has_value());
    ClusterSet clusters(options);
    CHECK(clusters.Claims().empty());
  }
  SECTION("no kubeconfig at all") {
    options.kubeconfig_path += ".missing";
    ClusterSet clusters(options);
    CHECK(clusters.Claims().empty());
  }
}
