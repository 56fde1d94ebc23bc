#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace meshplay::conformance {

inline constexpr char kAppLabel[] = "meshplay.dev/conformance-app";  ///< On pods: "app-a".
inline constexpr char kContainer[] = "app";

/// The name of an application's Deployment: "app-b-deployment" of "app-b".
std::string DeploymentOf(const std::string& app);

struct AppOptions {
  std::string home, other;  ///< Namespaces.
  std::string image;
  std::string pull_policy = "IfNotPresent";
  nlohmann::json pod_labels = nlohmann::json::object();
  nlohmann::json pod_annotations = nlohmann::json::object();
};

/// app-a, app-b, app-c in `home` and app-d in `other`, each with an account service-x and a Service; app-svc selects
/// app-b and app-c; app-c-elsewhere is app-c on another port. In the order to apply, without the namespaces. Pure.
std::vector<nlohmann::json> AppObjects(const AppOptions& options);

}  // namespace meshplay::conformance
