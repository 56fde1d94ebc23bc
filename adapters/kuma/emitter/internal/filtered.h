#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "adapters/translate/translation.h"

namespace meshplay::kuma {

/// Option kuma.proxyPatch, for callers known by SPIFFE id: permissions let callers in by inbound, and a MeshProxyPatch
/// has Envoy check what a request says. Such a filter denies all that it does not know, so each selection of pods has
/// one at most, with everything that the targets of its ServiceAccount allow.
class FilteredAccess {
 public:
  void Target(const smi::Grant& grant);
  /// Drafts permissions and patches of all targets.
  void Draft(translate::EmitContext& context, translate::Outcomes& outcomes) const;

 private:
  std::map<std::pair<std::string, std::string>, std::vector<const smi::Grant*>> destinations_;
};

}  // namespace meshplay::kuma
