#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "adapters/istio/adapter.h"
#include "adapters/kube/client.h"
#include "libs/base/files.h"
#include "tests/integration/istio/scripted_task.h"

namespace meshplay::test {

/// A cluster of the rig of its own, gone when this object is; an Istio adapter on it with the stand-in charts.
class RigCluster {
 public:
  /// Null, after Skip(), when the rig's tools are not there.
  static std::unique_ptr<RigCluster> Up(const std::string& name);
  ~RigCluster();

  istio::IstioAdapter& adapter() { return *adapter_; }
  kube::Client& kube() { return *kube_; }
  const std::string& uid() const { return uid_; }
  const std::string& kubeconfig() const { return kubeconfig_; }
  const std::string& folder() const { return folder_.path(); }
  std::string helm() const;
  std::string charts() const;

  /// Another adapter on this cluster.
  std::unique_ptr<istio::IstioAdapter> Adapter(const std::string& kubeconfig, const std::string& chart_source) const;

  sdk::pb::TaskOffer Offer(sdk::pb::TaskKind kind, const std::string& type, const nlohmann::json& parameters) const;
  /// Runs a task of this adapter to its end.
  sdk::pb::TaskResult Run(ScriptedTask& task) { return adapter_->Run(task); }
  sdk::pb::TaskResult Apply(const std::string& type, const nlohmann::json& parameters);
  sdk::pb::Plan Plan(const std::string& type, const nlohmann::json& parameters);
  sdk::pb::Effect Inspect(const std::string& type, const nlohmann::json& parameters);

  /// `tests/cluster/rig standin WORDS`.
  void Standin(const std::vector<std::string>& words) const;
  /// Every object of every kind that can be listed, as "apiVersion Kind namespace/name", without what Kubernetes itself
  /// makes and renews all the time (events, leases of nodes, endpoint slices of the API server).
  std::set<std::string> Everything();
  bool Exists(const std::string& api_version, const std::string& kind, const std::string& name_space,
              const std::string& name);
  nlohmann::json Get(const std::string& api_version, const std::string& kind, const std::string& name_space,
                     const std::string& name);

 private:
  RigCluster(std::string name, TemporaryDirectory folder) : name_(std::move(name)), folder_(std::move(folder)) {}
  std::string name_;
  TemporaryDirectory folder_;
  std::string kubeconfig_;
  std::string uid_;
  std::unique_ptr<istio::IstioAdapter> adapter_;
  std::unique_ptr<kube::Client> kube_;
  mutable std::uint64_t fence_ = 0;
};

/// Text of an error for CHECK's output; "SUCCEEDED" for a success.
std::string Told(const sdk::pb::TaskResult& result);

/// Asks every 100 ms until `condition` holds or the time is over.
bool Eventually(std::chrono::seconds time, const std::function<bool()>& condition);

}  // namespace meshplay::test
