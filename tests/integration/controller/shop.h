#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/process.h"
#include "tests/support/stack.h"

namespace meshplay::test {

/// A cluster with Istio and a shop (Deployments and Services api, api-v1, api-v2; accounts api and web), the whole
/// product beside it, and kubectl as the person who writes SMI.
class Shop {
 public:
  /// Null, after Skip(), when the rig's tools are not there.
  static std::unique_ptr<Shop> Open(const std::string& name);

  Stack& stack() { return *stack_; }
  kube::Client& kube() { return stack_->kube(); }

  /// Runs an operation to its success.
  nlohmann::json Run(const std::string& type, const nlohmann::json& parameters = nlohmann::json::object());
  /// Runs an operation that must fail; its reason.
  std::string Refused(const std::string& type, const nlohmann::json& parameters = nlohmann::json::object());

  std::string Kubectl(const std::vector<std::string>& words);
  /// The same, however it ends.
  ProcessOutcome TryKubectl(const std::vector<std::string>& words);
  void Apply(const std::string& yaml);

  std::optional<nlohmann::json> Find(const std::string& api_version, const std::string& kind,
                                     const std::string& name_space, const std::string& name);
  std::optional<nlohmann::json> Policy(const std::string& name);        ///< An AuthorizationPolicy in shop.
  std::optional<nlohmann::json> Route(const std::string& name);         ///< A VirtualService in shop.
  std::string State(const std::string& kind, const std::string& name);  ///< Of the status of an SMI object in shop.
  /// A condition of the mesh as the server shows it; null when there is none.
  nlohmann::json Condition(const std::string& type = "SmiController");

 private:
  std::unique_ptr<Stack> stack_;
  int files_ = 0;
};

extern const char kRoutes[];
extern const char kTarget[];
std::string SplitYaml(int canary_weight);

}  // namespace meshplay::test
