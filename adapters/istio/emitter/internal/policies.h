#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/istio/emitter/options.h"
#include "adapters/translate/translation.h"

namespace meshplay::istio {

inline constexpr const char* kSecurityVersion = "security.istio.io/v1";
inline constexpr const char* kNetworkingVersion = "networking.istio.io/v1";

/// When an object is applied, lowest first. A filter comes before the policies that lean on it. Routes of waypoints
/// come last: where they lead is guarded before.
enum Wave { kRouteWave, kFilterWave, kAllowWave, kIdentityWave, kDenyWave, kDenyNamespaceWave, kWaypointRouteWave };

/// {"selector": ...}: the pods that a policy holds for.
nlohmann::json SelectorOf(const smi::Labels& labels);

/// The rules that allow what `grant` allows on `ports`; no ports: any. `filtered`: see RuleOf.
nlohmann::json RulesOf(const translate::EmitContext& context, const smi::Grant& grant, const std::vector<int>& ports,
                       bool filtered, translate::Outcome& outcome);

/// Drafts an ALLOW policy of one target for the pods or Services of `where`. Without rules it allows nothing.
void AddPolicy(translate::EmitContext& context, const smi::Head& source, const std::string& namespace_name,
               const std::string& part, nlohmann::json where, nlohmann::json rules);

/// Drafts what belongs to a ServiceAccount rather than to a target: mTLS, and the namespace's baseline.
void AddForDestination(translate::EmitContext& context, const EmitOptions& options, const smi::Head& source,
                       const smi::Identity& destination, const std::string& part, const smi::Labels& selector);

/// The baseline of a namespace, in strict mode.
void AddForNamespace(translate::EmitContext& context, const EmitOptions& options, const smi::Head& source,
                     const std::string& namespace_name);

/// The selections of a destination's pods; tells when there is none yet, or when some cannot be selected.
smi::Selections SelectDestination(const translate::EmitContext& context, const smi::Head& source,
                                  const smi::Identity& destination, translate::Outcome& outcome);

/// Pod ports of a listed grant; PORT_ASSUMED_TARGET for those that no Service has.
std::vector<int> PodPortsOf(const translate::EmitContext& context, const smi::Grant& grant,
                            const smi::Selection& selection, translate::Outcome& outcome);

/// One sentence for the report of a valid target.
std::string Explain(const smi::Grant& grant, const translate::Outcome& outcome);

}  // namespace meshplay::istio
