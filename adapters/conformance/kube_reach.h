#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "adapters/conformance/reach.h"
#include "adapters/kube/client.h"

namespace meshplay::conformance {

enum class Driver {
  kExec,   ///< A program in the pod asks its localhost, which no sidecar intercepts.
  kProxy,  ///< The API server's pod proxy: a request from outside the mesh, which its policies may deny.
};

/// Reaches applications by the API server. Threads: one. Ownership: keeps references.
class KubeReach final : public PodReach {
 public:
  KubeReach(kube::Client& client, Driver driver, std::function<std::string(const std::string& app)> namespace_of,
            std::stop_token stop)
      : client_(client), driver_(driver), namespace_of_(std::move(namespace_of)), stop_(std::move(stop)) {}

  Result<std::vector<AppAnswer>> Drive(const std::string& app, const std::vector<AppRequest>& requests) override;

 private:
  Result<std::string> FindPod(const std::string& app);
  Result<std::vector<AppAnswer>> ByExec(const std::string& name_space, const std::string& pod,
                                        const std::vector<AppRequest>& requests);
  Result<std::vector<AppAnswer>> ByProxy(const std::string& name_space, const std::string& pod,
                                         const std::vector<AppRequest>& requests);

  kube::Client& client_;
  const Driver driver_;
  const std::function<std::string(const std::string&)> namespace_of_;
  const std::stop_token stop_;
  std::map<std::string, std::string> pods_;  ///< Application to pod.
};

}  // namespace meshplay::conformance
