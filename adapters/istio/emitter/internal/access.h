#pragma once

#include "adapters/istio/emitter/internal/objects.h"
#include "libs/smi/resolve.h"

namespace meshplay::istio {

/// Drafts the policies of one TrafficTarget.
void EmitTarget(EmitContext& context, const smi::Grant& grant, Outcome& outcome);

/// Drafts policies that only deny, for an invalid target whose destination is known all the same: an edit that breaks
/// an object must not open what it guarded.
void EmitBaseline(EmitContext& context, const smi::TrafficTarget& target, Outcome& outcome);

}  // namespace meshplay::istio
