#pragma once

#include "adapters/istio/emitter/internal/objects.h"
#include "libs/smi/resolve.h"

namespace meshplay::istio {

/// Drafts the VirtualService of one TrafficSplit.
void EmitSplit(EmitContext& context, const smi::Split& split, Outcome& outcome);

}  // namespace meshplay::istio
