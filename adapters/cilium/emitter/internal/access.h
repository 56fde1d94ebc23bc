#pragma once

#include "adapters/cilium/emitter/emit.h"
#include "adapters/translate/translation.h"

namespace meshplay::cilium {

/// When an object is applied, lowest first. A policy that allows also denies all else to its pods.
enum Wave { kRouteWave, kAllowWave, kDenyWave, kDenyNamespaceWave };

/// Drafts the policies of a target: what it allows, and that all else is denied.
void EmitTarget(translate::EmitContext& context, const smi::Grant& grant, BaselineMode mode,
                translate::Outcome& outcome);

/// Drafts a policy that only denies, for a target that is not valid.
void EmitBaseline(translate::EmitContext& context, const smi::TrafficTarget& target, BaselineMode mode,
                  translate::Outcome& outcome);

}  // namespace meshplay::cilium
