#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/istio/control_planes.h"
#include "adapters/kube/client.h"

namespace meshplay::istio {

/// What an uninstallation is about.
struct UninstallScope {
  std::string name_space;
  std::string revision = "default";
  bool last = true;  ///< No other control plane stays: base, definitions and everything cluster-wide goes too.
  bool keep_definitions = false;
  std::string istiod() const { return revision == "default" ? "istiod" : "istiod-" + revision; }
};

/// Everything of the scope that is on the cluster: by Istio's labels, the names of its webhooks and definitions, and
/// what istiod itself leaves behind. In the order in which it should go: webhooks, workloads and their parts,
/// permissions, what istiod left in every namespace, definitions. The namespace itself is not among them.
/// Errors: those of the client; kinds that are not served are passed over.
Result<std::vector<nlohmann::json>> FindInstalledObjects(kube::Client& client, const UninstallScope& scope,
                                                         const kube::Call& call);

/// Istio's objects that people made (routes, policies), apart from those that Meshplay manages.
Result<std::vector<kube::ObjectRef>> FindUserPolicies(kube::Client& client, const kube::Call& call);

}  // namespace meshplay::istio
