#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/smi/random_policy.h"

namespace meshplay::testing {

/// What the Gateway API leaves to implementations: where a regular expression stands among the matches of a request.
enum class RegexOrder {
  kAfterPrefix,   ///< Istio and Kuma.
  kBeforePrefix,  ///< Cilium.
  kByLength,      ///< Linkerd: like an exact path, by what it takes.
};

/// The Services that may get a request sent to a port of `service` of namespace shop, by the HTTPRoutes that hang on
/// it; itself without one. Empty: every backend has weight 0. nullopt: no rule takes the request (404).
std::optional<std::vector<std::string>> GatewayBackends(const std::vector<nlohmann::json>& objects,
                                                        const std::string& service, const Request& request,
                                                        RegexOrder order);

/// What of the limits of HTTPRoute and TCPRoute an object breaks; empty: nothing.
std::string BrokenLimit(const nlohmann::json& route);

}  // namespace meshplay::testing
