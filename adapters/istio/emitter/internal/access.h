#pragma once

#include "adapters/istio/emitter/options.h"
#include "adapters/translate/translation.h"

namespace meshplay::istio {

/// Drafts the policies of one TrafficTarget. `filtered`: a filter of Envoy checks its requests too (see RuleOf).
void EmitTarget(translate::EmitContext& context, const EmitOptions& options, const smi::Grant& grant, bool filtered,
                translate::Outcome& outcome);

/// Drafts policies that only deny, for an invalid target whose destination is known all the same.
void EmitBaseline(translate::EmitContext& context, const EmitOptions& options, const smi::TrafficTarget& target,
                  translate::Outcome& outcome);

}  // namespace meshplay::istio
