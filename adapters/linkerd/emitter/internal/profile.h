#pragma once

#include "adapters/translate/translation.h"
#include "libs/smi/resolve.h"

namespace meshplay::linkerd {

/// A split as the dstOverrides of the root's ServiceProfile (linkerd.profile=true): for all ports alike and without
/// matches, or not at all. A profile that exists keeps its other fields.
void EmitProfile(translate::EmitContext& context, const smi::Split& split, translate::Outcome& outcome);

/// A ServiceProfile takes all routes of its Service out of force. True, with a report, when somebody else's stands for
/// the root of this split.
bool IsOverridden(const translate::EmitContext& context, const smi::Split& split, translate::Outcome& outcome);

}  // namespace meshplay::linkerd
