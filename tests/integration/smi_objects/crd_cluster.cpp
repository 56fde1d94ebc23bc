#include "tests/integration/smi_objects/crd_cluster.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "libs/base/process.h"
#include "libs/base/yaml.h"
#include "tests/support/eventually.h"
#include "tests/support/skip.h"

namespace meshplay::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace std::chrono_literals;

ProcessOutcome Run(std::vector<std::string> argv, std::string input = {}) {
  ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.stdin_text = std::move(input);
  for (const char* name : {"PATH", "HOME", "MESHPLAY_CACHE"}) {
    if (const char* value = std::getenv(name)) spec.environment[name] = value;
  }
  spec.timeout = 120s;
  auto outcome = RunProcess(spec);
  REQUIRE(outcome.has_value());
  return *outcome;
}

ProcessOutcome RunRig(std::vector<std::string> words) {
  words.insert(words.begin(), std::string(MESHPLAY_SOURCE_DIR) + "/tests/cluster/rig");
  return Run(std::move(words));
}

std::vector<json> DefinitionsIn(const std::string& text) {
  const auto documents = ParseYaml(text);
  INFO((documents ? std::string() : documents.error().ToString()));
  REQUIRE(documents.has_value());
  std::vector<json> out;
  for (const YamlDocument& document : *documents) {
    if (document.value.value("kind", "") == "CustomResourceDefinition") out.push_back(document.value);
  }
  return out;
}

}  // namespace

std::unique_ptr<CrdCluster> CrdCluster::Up(const std::string& name) {
  const char* helm = std::getenv("MESHPLAY_TEST_HELM");
  if (helm == nullptr || std::getenv("MESHPLAY_TEST_KUBECTL") == nullptr) {
    Skip("MESHPLAY_TEST_HELM or MESHPLAY_TEST_KUBECTL is not set; run ./meshplay test integration");
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

  // Istio's definitions are those of its stand-in chart.
  const std::string charts = std::string(MESHPLAY_SOURCE_DIR) + "/tests/charts";
  const ProcessOutcome istio = Run({helm, "template", "base", charts + "/istio/base"});
  INFO(istio.stderr_text);
  REQUIRE(istio.exit_code == 0);
  cluster->Install(DefinitionsIn(istio.stdout_text));
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(charts + "/mesh-crds")) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    INFO(file);
    const auto text = ReadFile(file);
    REQUIRE(text.has_value());
    cluster->Install(DefinitionsIn(*text));
  }
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
  for (const std::string& name : definitions_) REQUIRE(Eventually(30s, [&] { return established(name); }));
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
      Run({std::getenv("MESHPLAY_TEST_KUBECTL"), "--kubeconfig", kubeconfig_, "apply", "--server-side",
           "--dry-run=server", "--validate=strict", "--field-manager", "meshplay-smi", "-f", "-"},
          input);
  return outcome.stderr_text;
}

}  // namespace meshplay::test
