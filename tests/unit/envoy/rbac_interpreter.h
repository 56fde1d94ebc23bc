#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/smi/random_policy.h"

namespace meshplay::testing {

/// What Envoy documents of its RBAC filters, for the conditions that adapters/envoy writes; throws on any other one.
/// `filter` is {name, typed_config}, `uri` the one in the caller's certificate.
bool RbacAllows(const nlohmann::json& filter, const std::string& uri, const Request& request);

}  // namespace meshplay::testing
