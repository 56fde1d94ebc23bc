#pragma once

#include "adapters/translate/translation.h"

namespace meshplay::istio {

/// True, and the outcome says CONFLICT, when a VirtualService of somebody else routes the root on the mesh.
bool RefuseForeignVirtualService(const translate::EmitContext& context, const smi::Split& split,
                                 translate::Outcome& outcome);

/// Drafts the VirtualService of one TrafficSplit.
void EmitSplit(translate::EmitContext& context, const smi::Split& split, translate::Outcome& outcome);

}  // namespace meshplay::istio
