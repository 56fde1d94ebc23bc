#pragma once

#include "adapters/legacy/emitter/internal/preflight.h"
#include "adapters/legacy/emitter/internal/requests.h"

namespace meshplay::legacy {

/// Drafts the TrafficSplit as the mesh reads it, exactly or not at all.
void EmitSplit(Mesh mesh, const Preflight& preflight, translate::EmitContext& context, const smi::Split& split,
               GroupList& groups, translate::Outcome& outcome);

}  // namespace meshplay::legacy
