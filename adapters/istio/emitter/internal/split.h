#pragma once

#include "adapters/translate/translation.h"

namespace meshplay::istio {

/// Drafts the VirtualService of one TrafficSplit.
void EmitSplit(translate::EmitContext& context, const smi::Split& split, translate::Outcome& outcome);

}  // namespace meshplay::istio
