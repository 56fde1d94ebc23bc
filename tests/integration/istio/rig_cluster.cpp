#include "tests/integration/istio/rig_cluster.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "libs/base/ids.h"
#include "libs/base/process.h"
#include "tests/support/skip.h"

namespace meshplay::test {
namespace {

using nlohmann::json;

ProcessOutcome RunRig(const std::vector<std::string>& words) {
  ProcessSpec spec;
  spec.argv = {std::string(MESHPLAY_SOURCE_DIR) + "/tests/cluster/rig"};
  spec.argv.insert(spec.argv.end(), words.begin(), words.end());
  for (const char* name : {"PATH", "HOME", "MESHPLAY_CACHE"}) {
    if (const char* value = std::getenv(name)) spec.environment[name] = value;
  }
  spec.timeout = std::chrono::seconds(300);
  auto outcome = RunProcess(spec);
  REQUIRE(outcome.has_value());
  return *outcome;
}

}  // namespace

std::unique_ptr<RigCluster> RigCluster::Up(const std::string& name) {
  const char* helm = std::getenv("MESHPLAY_TEST_HELM");
  if (helm == nullptr) {
    Skip("MESHPLAY_TEST_HELM is not set; run ./meshplay test integration");
    return nullptr;
  }
  auto folder = TemporaryDirectory::Create("meshplay-istio-test-");
  REQUIRE(folder.has_value());
  std::unique_ptr<RigCluster> rig(new RigCluster(name, std::move(*folder)));
  const ProcessOutcome up = RunRig({"up", "--name", name, "--dir", rig->folder() + "/rig"});
  INFO(up.stderr_text);
  REQUIRE(up.exit_code == 0);
  rig->kubeconfig_ = up.stdout_text.substr(0, up.stdout_text.find('\n'));
  auto config = kube::Kubeconfig::Load(rig->kubeconfig_);
  REQUIRE(config.has_value());
  auto access = config->AccessFor();
  REQUIRE(access.has_value());
  auto client = kube::Client::Create(std::move(*access));
  REQUIRE(client.has_value());
  rig->kube_ = std::move(*client);
  rig->uid_ = rig->kube_->ClusterUid().value();
  rig->adapter_ = rig->Adapter(rig->kubeconfig_, "dir:" + rig->charts());
  return rig;
}

RigCluster::~RigCluster() {
  adapter_.reset();
  kube_.reset();
  RunRig({"down", "--name", name_, "--dir", folder() + "/rig"});
}

std::string RigCluster::helm() const {
  return std::getenv("MESHPLAY_TEST_HELM");
}

std::string RigCluster::charts() const {
  return std::string(MESHPLAY_SOURCE_DIR) + "/tests/charts/istio";
}

std::unique_ptr<istio::IstioAdapter> RigCluster::Adapter(const std::string& kubeconfig,
                                                         const std::string& chart_source) const {
  istio::IstioOptions options;
  options.clusters.kubeconfig_path = kubeconfig;
  options.chart_source = chart_source;
  options.helm_program = helm();
  options.work_directory = folder() + "/helm";
  REQUIRE(MakeDirectory(options.work_directory).has_value());
  auto adapter = istio::IstioAdapter::Create(std::move(options));
  REQUIRE(adapter.has_value());
  REQUIRE((*adapter)->Targets().size() == 1);
  return std::move(*adapter);
}

sdk::pb::TaskOffer RigCluster::Offer(sdk::pb::TaskKind kind, const std::string& type, const json& parameters) const {
  sdk::pb::TaskOffer offer;
  offer.set_task_id(NewUuidV7());
  offer.set_attempt(1);
  offer.set_kind(kind);
  const bool takes_fence = kind == sdk::pb::TASK_KIND_APPLY || kind == sdk::pb::TASK_KIND_INSPECT;
  offer.set_fence(takes_fence ? ++fence_ : 0);
  offer.set_operation_type(type);
  offer.mutable_target()->set_cluster_uid(uid_);
  offer.set_parameters_json(parameters.is_null() ? "{}" : parameters.dump());
  return offer;
}

sdk::pb::TaskResult RigCluster::Apply(const std::string& type, const json& parameters) {
  ScriptedTask task(Offer(sdk::pb::TASK_KIND_APPLY, type, parameters));
  return adapter_->Run(task);
}

sdk::pb::Plan RigCluster::Plan(const std::string& type, const json& parameters) {
  ScriptedTask task(Offer(sdk::pb::TASK_KIND_PLAN, type, parameters));
  const sdk::pb::TaskResult result = adapter_->Run(task);
  INFO(Told(result));
  REQUIRE(result.outcome() == sdk::pb::OUTCOME_SUCCEEDED);
  REQUIRE(task.barriers == 0);
  return result.plan();
}

sdk::pb::Effect RigCluster::Inspect(const std::string& type, const json& parameters) {
  ScriptedTask task(Offer(sdk::pb::TASK_KIND_INSPECT, type, parameters));
  const sdk::pb::TaskResult result = adapter_->Run(task);
  INFO(Told(result));
  REQUIRE(result.outcome() == sdk::pb::OUTCOME_SUCCEEDED);
  return result.inspection().effect();
}

void RigCluster::Standin(const std::vector<std::string>& words) const {
  std::vector<std::string> all = {"standin", "--name", name_, "--dir", folder() + "/rig"};
  all.insert(all.end(), words.begin(), words.end());
  const ProcessOutcome outcome = RunRig(all);
  INFO(outcome.stderr_text);
  REQUIRE(outcome.exit_code == 0);
}

std::set<std::string> RigCluster::Everything() {
  static const std::set<std::string> kNoise = {"Event", "EndpointSlice", "Endpoints", "ComponentStatus", "APIService"};
  kube_->DropDiscovery();
  std::set<std::string> names;
  const std::vector<kube::ResourceType> types = kube_->ResourceTypes().value();
  for (const kube::ResourceType& type : types) {
    const bool looks = type.Can("list") && type.preferred_version && kNoise.count(type.gvk.kind) == 0;
    if (!looks || type.plural.find('/') != std::string::npos) continue;
    const auto list = kube_->List(type.gvk);
    if (!list) continue;
    for (const json& object : list->items) {
      if (type.gvk.kind == "Lease" && kube::NamespaceOf(object) == "kube-node-lease") continue;
      names.insert(type.gvk.ApiVersion() + " " + type.gvk.kind + " " + kube::NamespaceOf(object) + "/" +
                   kube::NameOf(object));
    }
  }
  return names;
}

bool RigCluster::Exists(const std::string& api_version, const std::string& kind, const std::string& name_space,
                        const std::string& name) {
  const auto found = kube_->Find({kube::MakeGvk(api_version, kind), name_space, name});
  return found && found->has_value();
}

json RigCluster::Get(const std::string& api_version, const std::string& kind, const std::string& name_space,
                     const std::string& name) {
  auto found = kube_->Get({kube::MakeGvk(api_version, kind), name_space, name});
  INFO(kind << " " << name_space << "/" << name);
  REQUIRE(found.has_value());
  return std::move(*found);
}

std::string Told(const sdk::pb::TaskResult& result) {
  if (result.outcome() == sdk::pb::OUTCOME_SUCCEEDED) return "SUCCEEDED";
  std::string text = result.error().reason() + ": " + result.error().message() + " (side effects " +
                     sdk::pb::SideEffects_Name(result.error().side_effects()) + ")";
  for (const auto& field : result.error().fields()) text += "\n  " + field.pointer() + ": " + field.description();
  for (const auto& [key, value] : result.error().metadata()) text += "\n  " + key + " = " + value;
  return text;
}

bool Eventually(std::chrono::seconds time, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  std::mutex mutex;
  std::condition_variable never;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::unique_lock lock(mutex);
    never.wait_for(lock, std::chrono::milliseconds(100));
  }
  return true;
}

}  // namespace meshplay::test
