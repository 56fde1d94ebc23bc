#include "tests/integration/smi_objects/crd_cluster.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>

#include "tests/integration/smi_objects/definitions.h"
#include "tests/support/eventually.h"
#include "tests/support/skip.h"

namespace meshplay::test {

using nlohmann::json;
using namespace std::chrono_literals;

std::unique_ptr<CrdCluster> CrdCluster::Up(const std::string& name) {
  if (std::getenv("MESHPLAY_TEST_KUBECTL") == nullptr) {
    Skip("MESHPLAY_TEST_KUBECTL is not set; run ./meshplay test integration");
    return nullptr;
  }
  auto folder = TemporaryDirectory::Create("meshplay-smi-objects-");
  REQUIRE(folder.has_value());
  std::unique_ptr<CrdCluster> cluster(new CrdCluster(name, std::move(*folder)));
  const ProcessOutcome up = RunRig({"up", "--no-standin", "--name", name, "--dir", cluster->folder_.path() + "/rig"});
  INFO(up.stderr_text);
  REQUIRE(up.exit_code == 0);
  cluster->kubeconfig_ = up.stdout_text.substr(0, up.stdout_text.find('\n'));
  auto config = kube::Kubeconfig::Load(cluster->kubeconfig_);
  REQUIRE(config.has_value());
  auto access = config->AccessFor();
  REQUIRE(access.has_value());
  auto client = kube::Client::Create(std::move(*access));
  REQUIRE(client.has_value());
  cluster->kube_ = std::move(*client);

  cluster->Install(AllDefinitions());
  return cluster;
}

CrdCluster::~CrdCluster() {
  kube_.reset();
  RunRig({"down", "--name", name_, "--dir", folder_.path() + "/rig"});
}

void CrdCluster::Install(const std::vector<json>& definitions) {
  for (const json& definition : definitions) {
    const std::string name = definition["metadata"]["name"];
    INFO(name);
    const auto made = kube_->Create(definition);
    INFO((made ? std::string() : made.error().ToString()));
    REQUIRE(made.has_value());
    definitions_.push_back(name);
  }
  const auto established = [&](const std::string& name) {
    const auto found = kube_->Get({{"apiextensions.k8s.io", "v1", "CustomResourceDefinition"}, "", name});
    if (!found) return false;
    const json conditions = found->value(json::json_pointer("/status/conditions"), json::array());
    return std::any_of(conditions.begin(), conditions.end(),
                       [](const json& c) { return c["type"] == "Established" && c["status"] == "True"; });
  };
  for (const std::string& name : definitions_) REQUIRE(Eventually(120s, [&] { return established(name); }));
  kube_->DropDiscovery();
}

void CrdCluster::MakeNamespace(const std::string& name) {
  const auto made = kube_->Create({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
  INFO((made ? std::string() : made.error().ToString()));
  REQUIRE(made.has_value());
}

std::string CrdCluster::ApplyWithKubectl(const std::vector<json>& objects) {
  std::string input;
  for (const json& object : objects) input += "---\n" + object.dump() + "\n";
  const ProcessOutcome outcome =
      RunProgram({std::getenv("MESHPLAY_TEST_KUBECTL"), "--kubeconfig", kubeconfig_, "apply", "--server-side",
                  "--dry-run=server", "--validate=strict", "--field-manager", "meshplay-smi", "-f", "-"},
                 input);
  return outcome.stderr_text;
}

}  // namespace meshplay::test
