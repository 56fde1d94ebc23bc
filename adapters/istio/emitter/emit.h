#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "adapters/istio/emitter/options.h"
#include "libs/base/result.h"
#include "libs/smi/facts.h"
#include "libs/smi/model.h"
#include "libs/smi/report.h"

namespace meshplay::istio {

struct Emission {
  /// In the order in which they must be applied (and the reverse of that in which they must go): routes, then allows,
  /// then everything that denies by default. Content and order depend on the arguments only.
  std::vector<nlohmann::json> objects;
  /// One for each SMI object, in document order.
  std::vector<smi::SmiReport> reports;
};

/// Translates SMI to Istio's sidecar mode (06 §4.1): TrafficSplit to VirtualService, TrafficTarget to
/// AuthorizationPolicy and PeerAuthentication. Objects that validation refuses get a report of level NONE; an
/// invalid TrafficTarget with a known destination still makes it deny. So the caller may refuse first
/// (smi::ToStatus(smi::Validate(...))) or go on with the rest.
///
/// Fail closed: access is never wider than written unless `allow_widening`, and a destination whose grants all fall
/// away still denies by default. Splits are carried out exactly or not at all.
/// `facts.existing` should hold the cluster's VirtualServices, AuthorizationPolicies and PeerAuthentications: an object
/// of somebody else in the way is a CONFLICT. Errors: kInvalidArgument SMI_OPTION_INVALID. Threads: any; pure.
Result<Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const EmitOptions& options);

}  // namespace meshplay::istio
