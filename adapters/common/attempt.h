#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/common/clusters.h"
#include "adapters/common/errors.h"
#include "adapters/helm/helm.h"
#include "adapters/kube/client.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::common {

/// One attempt of one operation on one cluster: the only way by which operations change anything. Every change goes
/// through the mutation guard (barrier, fence, identity of the cluster, lease) and is counted, so that side_effects()
/// is true at any moment.
/// Threads: one thread, the task's. Ownership: keeps references to the task, shares the cluster.
class Attempt {
 public:
  Attempt(sdk::TaskContext& task, std::shared_ptr<const Cluster> cluster, nlohmann::json parameters,
          std::string mesh_type);
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  sdk::TaskContext& task() { return task_; }
  kube::Client& kube() const { return *cluster_->client; }
  const Cluster& cluster() const { return *cluster_; }
  const nlohmann::json& parameters() const { return parameters_; }
  const std::string& mesh_type() const { return mesh_type_; }
  /// "meshplay-<mesh type>"
  std::string field_manager() const { return "meshplay-" + mesh_type_; }
  /// Value of the label meshplay.dev/owner: the offer's owner_id, else `fallback`.
  std::string OwnerOr(const std::string& fallback) const;
  bool force_conflicts() const { return task_.offer().options().force_conflicts(); }
  /// For reading calls: ends with the task.
  kube::Call call() const { return {.stop = task_.stop()}; }

  std::string Text(const char* parameter, const std::string& fallback = "") const;
  bool Flag(const char* parameter, bool fallback = false) const;

  /// Runs one step of the announced plan and reports how it went. `work` returns the step's closing text.
  Status Step(const std::string& name, const std::function<Result<std::string>()>& work);
  void Skip(const std::string& name, const std::string& why) { task_.StepSkipped(name, why); }

  /// Proves that the cluster is the one of the offer, passes the barrier and raises the fence. Again: no effect.
  /// Errors: kFailedPrecondition TARGET_MISMATCH; those of BeginMutating and RaiseFence.
  Status BeginMutating();

  /// Asked before each change: passes BeginMutating once, then MayMutate.
  Status Guard();

  // --- changes; each is guarded, counted and reported as an outcome ---
  Result<kube::WriteOutcome> Apply(const nlohmann::json& object, const std::string& field_manager, bool force = false);
  Result<kube::WriteOutcome> MergePatch(const kube::ObjectRef& ref, const nlohmann::json& patch);
  Result<kube::WriteOutcome> MergePatchStatus(const kube::ObjectRef& ref, const nlohmann::json& patch);
  /// Absent is fine. `uid` guards against deleting another incarnation.
  Result<kube::DeleteEnd> Delete(const kube::ObjectRef& ref, const std::string& uid = "");
  /// Delete, then waits until the object is gone. Errors also: kDeadlineExceeded OBJECT_NOT_GONE_IN_TIME.
  Status DeleteAndWait(const kube::ObjectRef& ref, const std::string& uid, std::chrono::milliseconds wait);
  /// Runs helm as one long announced step; an interruption by a lost lease is done again when the lease is back.
  Result<helm::Release> HelmApply(helm::Helm& helm, const helm::ChartRequest& request,
                                  std::chrono::milliseconds call_timeout);
  Status HelmUninstall(helm::Helm& helm, const helm::ReleaseName& release, std::chrono::milliseconds call_timeout);

  bool changed_anything() const { return effects_ == pb::SIDE_EFFECTS_PARTIAL; }
  pb::SideEffects side_effects() const { return effects_; }
  /// Everything that was to be applied is applied: failures from here on are "applied, not healthy".
  void MarkComplete() { complete_ = true; }

  /// The result for an error: what a stop request made, or the error with true side effects.
  pb::TaskResult Fail(const Error& error) const;

 private:
  Result<kube::WriteOutcome> Patched(const kube::ObjectRef& ref, Result<kube::WriteOutcome> outcome);
  void Count(const kube::ObjectRef& ref, pb::ChangeAction action, const Error* error, const nlohmann::json* stored);

  sdk::TaskContext& task_;
  const std::shared_ptr<const Cluster> cluster_;
  const nlohmann::json parameters_;
  const std::string mesh_type_;
  pb::SideEffects effects_ = pb::SIDE_EFFECTS_NONE;
  bool mutating_ = false;
  bool complete_ = false;
};

}  // namespace meshplay::common
