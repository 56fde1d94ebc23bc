#pragma once

#include <optional>
#include <string>

#include "adapters/translate/translation.h"

namespace meshplay::istio {

/// A proxy of ambient mode that requests to a Service pass before ztunnel.
struct Waypoint {
  std::string namespace_name;
  std::string name;
  std::string service_account;  ///< Under which destinations see it.
  bool takes_pods = false;      ///< It also takes traffic to pods, which no policy of a Service guards.
  auto operator<=>(const Waypoint&) const = default;
};

/// The waypoint of a Service by its label, else by its namespace's; nullopt when it has none. What the Gateway itself
/// says counts where the facts hold it.
std::optional<Waypoint> WaypointOf(const translate::EmitContext& context, const smi::Service& service);

/// True when traffic to the pods of `workload` themselves passes `waypoint` too.
bool TakesPodsOf(const translate::EmitContext& context, const Waypoint& waypoint, const smi::Workload& workload);

}  // namespace meshplay::istio
