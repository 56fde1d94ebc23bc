#pragma once

#include "adapters/istio/emitter/options.h"
#include "adapters/translate/emitter.h"

namespace meshplay::istio {

using Emission = translate::Emission;

/// Translates SMI to Istio (06 §4.1): TrafficTarget to AuthorizationPolicy and PeerAuthentication; TrafficSplit to
/// VirtualService, in ambient mode to HTTPRoutes of the root Service, which needs a waypoint. Objects that validation
/// refuses get a report of level NONE; an invalid TrafficTarget with a known destination still makes it deny. So the
/// caller may refuse first (smi::ToStatus(smi::Validate(...))) or go on with the rest.
///
/// Objects come in the order routes, allows, then everything that denies by default; content and order depend on the
/// arguments only. Ambient mode applies routes last, and looks for waypoints in labels of Services and namespaces; a
/// route of somebody else that leads from one Service to another's pods is not looked into. Fail closed: access is
/// never wider than written unless `allow_widening`, and a destination whose grants all fall away still denies by
/// default. Splits are carried out exactly or not at all. `facts.existing` should hold the cluster's VirtualServices,
/// AuthorizationPolicies and PeerAuthentications, for `envoy_filter` EnvoyFilters, for ambient mode Gateways and
/// HTTPRoutes too: an object of somebody else in the way is a CONFLICT. Errors: kInvalidArgument SMI_OPTION_INVALID;
/// kUnimplemented SMI_OPTION_UNSUPPORTED: `envoy_filter` in ambient mode. Threads: any; pure.
///
/// With `envoy_filter` a policy may allow more than its target where AuthorizationPolicy cannot say the rest
/// (FILTER_REQUIRED): an EnvoyFilter, applied first, denies it. A proxy that does not take the filter stays wider.
Result<Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const EmitOptions& options);

/// For the command `translate`.
translate::TranslateEmitter Emitter();

}  // namespace meshplay::istio
