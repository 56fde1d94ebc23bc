#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace meshplay::testing {

/// One request as a proxy sees it.
struct Request {
  std::string source_account;                        ///< Of namespace shop.
  std::map<std::string, std::string> target_labels;  ///< Of the pod that receives it.
  int port = 0;                                      ///< Pod port for access, Service port for routing.
  bool is_http = true;                               ///< Else plain bytes: method, path and headers do not count.
  std::string method;
  std::string path;  ///< Without query.
  std::map<std::string, std::string> headers;
};

/// Istio's documented rules for AuthorizationPolicies (action ALLOW) over all objects.
bool IstioAllows(const std::vector<nlohmann::json>& objects, const Request& request);

/// The name of the http route of the VirtualService that takes the request; empty when none does.
std::string IstioRoute(const nlohmann::json& virtual_service, const Request& request);

}  // namespace meshplay::testing
