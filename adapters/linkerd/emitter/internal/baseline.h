#pragma once

#include <optional>
#include <vector>

#include "adapters/linkerd/emitter/internal/cluster_view.h"
#include "adapters/translate/translation.h"
#include "libs/smi/resolve.h"

namespace meshplay::linkerd {

/// What makes the pods of a ServiceAccount deny by default to which no target leads.
struct BaselineServers {
  std::vector<translate::Draft> drafts;
  std::optional<smi::Diagnostic> notice;  ///< Not all of its pods do. The pointer is relative to a target's spec.
};

/// `owners` are the sources of the drafts.
BaselineServers DraftBaseline(const translate::EmitContext& context, const ClusterView& view,
                              const smi::Identity& account, const std::vector<const smi::Head*>& owners);

}  // namespace meshplay::linkerd
