#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/istio/emitter/options.h"
#include "adapters/translate/translation.h"

namespace meshplay::istio {

/// Option istio.envoyFilter: what AuthorizationPolicy cannot say of a request is checked by a filter of Envoy as well.
/// Such a filter denies all that it does not know, so each selection of pods has one at most, with everything that the
/// targets of its ServiceAccount allow. A destination that no filter can hold, or needs, gets policies only.
class FilteredAccess {
 public:
  explicit FilteredAccess(const EmitOptions& options) : options_(options) {}

  void Target(const smi::Grant& grant);
  /// Drafts policies and filters of all targets.
  void Draft(translate::EmitContext& context, translate::Outcomes& outcomes) const;

 private:
  const EmitOptions& options_;
  std::map<std::pair<std::string, std::string>, std::vector<const smi::Grant*>> destinations_;
};

}  // namespace meshplay::istio
