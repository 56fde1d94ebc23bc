#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/envoy/rbac.h"
#include "adapters/translate/translation.h"

namespace meshplay::istio {

/// The `from` list of an AuthorizationPolicy rule: principals, or serviceAccounts where the live schema has them.
nlohmann::json FromList(const translate::EmitContext& context, const std::vector<smi::Identity>& sources);

inline constexpr const char* kFilterRequired = "FILTER_REQUIRED";

/// The same callers as Envoy knows them.
std::vector<envoy::Caller> CallersOf(const translate::EmitContext& context, const std::vector<smi::Identity>& sources);

/// One rule of an ALLOW policy for one match, without `from`: never wider than the match unless widening is allowed.
/// `filtered`: a filter of Envoy looks at the match too, so the rule holds all that the match allows, and more where
/// Istio cannot say it (FILTER_REQUIRED). nullopt when Istio cannot say any of it; `outcome` tells what was narrowed,
/// widened or dropped.
std::optional<nlohmann::json> RuleOf(const translate::EmitContext& context, const smi::RequestMatch& match,
                                     bool filtered, translate::Outcome& outcome);

/// The match entries of an HTTP route for one match: exact, as Envoy's regular expressions carry everything.
std::vector<nlohmann::json> RouteMatches(const smi::RequestMatch& match, int port);

}  // namespace meshplay::istio
