#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/failures/fault_proxy.h"
#include "tests/support/stack.h"

namespace meshplay::test {

/// The whole product on a cluster of its own, with a FaultProxy between the adapter and the API server.
class Bench {
 public:
  struct AdapterFlags {
    std::string chart_source, helm;  ///< Empty: the stand-in charts; the pinned helm.
    std::string as;                  ///< Cluster user to impersonate.
  };
  struct Answer {
    int status = 0;
    nlohmann::json body;
  };

  /// Null, after Skip(), when the rig's tools are not there. The adapter is connected.
  static std::unique_ptr<Bench> Up(const std::string& name);
  ~Bench();

  Stack& stack() { return *stack_; }
  FaultProxy& proxy() { return *proxy_; }
  kube::Client& kube() { return stack_->kube(); }
  std::string folder() const { return stack_->folder(); }

  /// Stops the adapter that runs, if any, starts one with these flags and waits until it is connected.
  void RestartAdapter(const AdapterFlags& flags);
  ChildProcess& adapter() { return adapter_; }

  Answer Call(http::Method method, const std::string& path, const nlohmann::json& body = nullptr,
              const std::string& if_match = {});
  /// Creates an operation; `more` are further members of the request.
  std::string Submit(const std::string& type, const nlohmann::json& parameters, const nlohmann::json& more = {});
  nlohmann::json Await(const std::string& id) { return stack_->AwaitFinal(id, std::chrono::seconds(300)); }
  nlohmann::json Run(const std::string& type, const nlohmann::json& parameters, const nlohmann::json& more = {}) {
    return Await(Submit(type, parameters, more));
  }
  nlohmann::json Operation(const std::string& id) { return stack_->Get("/v1/operations/" + id); }
  /// Runs it and expects success: the cause of the failure before is gone.
  void Succeeds(const std::string& type, const nlohmann::json& parameters);

  /// Creates objects of YAML documents straight on the cluster, as `manager`.
  void Put(const std::string& yaml, const std::string& manager = "someone-else");

  /// The target is free: no lock, no quarantine, no hold.
  void CheckFree();
  /// Events from the first one: sequence numbers without a hole.
  void CheckNoHole();
  /// Ends the hold that `reason` put on the target.
  void Release(const std::string& reason);
  nlohmann::json Condition(const std::string& type);

 private:
  Bench() = default;
  std::unique_ptr<Stack> stack_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<http::Client> http_;
  ChildProcess adapter_;
};

/// What an operation that failed says about it.
struct Expected {
  std::string reason, error_class, side_effects;
};

/// FAILED with that error, a remediation, and neither a secret nor a path of this machine anywhere in it.
void CheckFailed(Bench& bench, const nlohmann::json& operation, const Expected& expected);

/// A ConfigMap document in the namespace "default".
std::string MapYaml(const std::string& name, const std::string& value = "v");

}  // namespace meshplay::test
