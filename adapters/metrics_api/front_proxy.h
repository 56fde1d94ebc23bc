#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "libs/http/message.h"

namespace meshplay::metrics_api {

/// The user for whom the cluster's API server asks.
struct RemoteUser {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
};

/// Who may speak for users of one cluster, as its ConfigMap kube-system/extension-apiserver-authentication says.
/// Immutable; threads: any.
class FrontProxy {
 public:
  /// Errors: kFailedPrecondition FRONT_PROXY_UNKNOWN when the ConfigMap names no usable authority.
  static Result<std::shared_ptr<const FrontProxy>> Read(const nlohmann::json& config_map);
  ~FrontProxy();
  FrontProxy(const FrontProxy&) = delete;
  FrontProxy& operator=(const FrontProxy&) = delete;

  /// True when the leaf is a client certificate of requestheader-client-ca-file that is valid now, and its common name
  /// is in requestheader-allowed-names (an empty list: any name).
  bool Trusts(const std::vector<std::string>& client_chain_der) const;

  /// The user named by the headers of a front proxy that is trusted; nothing when they name none.
  std::optional<RemoteUser> UserOf(const std::vector<http::Header>& headers) const;

 private:
  struct State;
  explicit FrontProxy(std::unique_ptr<const State> state);
  const std::unique_ptr<const State> state_;
};

}  // namespace meshplay::metrics_api
