#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/smi/random_policy.h"

namespace meshplay::testing {

/// Istio's documented rules for AuthorizationPolicies (action ALLOW) over all objects.
bool IstioAllows(const std::vector<nlohmann::json>& objects, const Request& request);

/// The name of the http route of the VirtualService that takes the request; empty when none does.
std::string IstioRoute(const nlohmann::json& virtual_service, const Request& request);

}  // namespace meshplay::testing
