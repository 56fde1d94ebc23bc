#pragma once

#include "adapters/translate/translation.h"

namespace meshplay::kuma {

/// Drafts the MeshHTTPRoute and MeshTCPRoute of one TrafficSplit.
void EmitSplit(translate::EmitContext& context, const smi::Split& split, translate::Outcome& outcome);

}  // namespace meshplay::kuma
