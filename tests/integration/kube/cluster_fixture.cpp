#include "tests/integration/kube/cluster_fixture.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "libs/base/ids.h"
#include "tests/support/skip.h"

namespace meshplay::testing {

using nlohmann::json;
using namespace std::chrono_literals;

std::unique_ptr<Cluster> Cluster::Connect() {
  const char* path = std::getenv("MESHPLAY_TEST_KUBECONFIG");
  if (path == nullptr || *path == '\0') {
    test::Skip("MESHPLAY_TEST_KUBECONFIG is not set; run ./meshplay test integration");
    return nullptr;
  }
  const auto config = kube::Kubeconfig::Load(path);
  REQUIRE(config);
  auto access = config->AccessFor();
  REQUIRE(access);
  std::unique_ptr<Cluster> cluster(new Cluster);
  cluster->access_ = *access;
  auto client = kube::Client::Create(*access);
  REQUIRE(client);
  cluster->client_ = std::move(*client);
  cluster->unique_ = HexEncode(RandomBytes(4));
  const std::string name = "kube-it-" + cluster->unique_;
  const auto made =
      cluster->client_->Create({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
  INFO((made ? std::string() : made.error().ToString()));
  REQUIRE(made);
  cluster->name_space_ = name;
  return cluster;
}

Cluster::~Cluster() {
  if (name_space_.empty()) return;
  const auto end = client_->Delete({{"", "v1", "Namespace"}, "", name_space_});
  if (!end) WARN("namespace " + name_space_ + " is left behind: " + end.error().ToString());
}

std::unique_ptr<kube::Client> Cluster::ClientAs(const std::string& user, kube::ClientOptions options) const {
  kube::Access access = access_;
  access.impersonate_user = user;
  auto client = kube::Client::Create(std::move(access), std::move(options));
  REQUIRE(client);
  return std::move(*client);
}

json Cluster::ConfigMap(const std::string& name, const std::string& value) const {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}, {"namespace", name_space_}}},
          {"data", {{"key", value}}}};
}

kube::ObjectRef Cluster::RefTo(const std::string& config_map) const {
  return {{"", "v1", "ConfigMap"}, name_space_, config_map};
}

bool Eventually(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + 120s;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(50ms);
  }
  return true;
}

}  // namespace meshplay::testing
