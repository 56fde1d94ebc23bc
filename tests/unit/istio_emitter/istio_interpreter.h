#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/smi/random_policy.h"

namespace meshplay::testing {

/// Istio's documented rules for AuthorizationPolicies (action ALLOW) over all objects that hold for pods.
bool IstioAllows(const std::vector<nlohmann::json>& objects, const Request& request);

/// The same of the policies that hold for a Service at its waypoint.
bool WaypointAllows(const std::vector<nlohmann::json>& objects, const std::string& service, const Request& request);

/// The name of the http route of the VirtualService that takes the request; empty when none does.
std::string IstioRoute(const nlohmann::json& virtual_service, const Request& request);

/// The Services that may get a request sent to `service`: by its VirtualService, or itself without one.
std::vector<std::string> IstioDestinations(const std::vector<nlohmann::json>& objects, const std::string& service,
                                           const Request& request);

}  // namespace meshplay::testing
