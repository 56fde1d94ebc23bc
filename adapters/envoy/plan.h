#pragma once

#include <functional>
#include <string>
#include <vector>

#include "adapters/envoy/rbac.h"
#include "libs/smi/resolve.h"

namespace meshplay::envoy {

/// What the filters of some pods hold.
struct PodFilter {
  const smi::Selection* selection = nullptr;  ///< In the plan.
  std::vector<Allow> allows;
  std::vector<const smi::Head*> sources;
};

/// The filters of a destination, or why there can be none. Pods without a need have none either. Keeps references to
/// the grants. Move-only: its parts refer to each other.
struct FilterPlan {
  FilterPlan() = default;
  FilterPlan(FilterPlan&&) = default;
  FilterPlan& operator=(FilterPlan&&) = default;

  smi::Selections selected;
  std::vector<PodFilter> filters;
  std::string why_not;

  /// As in the names of other objects for the same pods: empty when there is one selection only.
  std::string PartOf(const PodFilter& filter) const;
};

/// A filter denies what it does not know, so each selection of pods has one at most, with everything that the grants of
/// its ServiceAccount allow. `grants`: all of one destination. `needs` tells of a grant that it must be checked by a
/// filter, `callers_of` how its callers are known. What keeps pods from having one: they would have two, Envoy might
/// not take an expression, or the text is larger than kMaxFilterBytes.
FilterPlan PlanFilters(const smi::FactsIndex& facts, const std::vector<const smi::Grant*>& grants,
                       const std::function<bool(const smi::Grant&)>& needs,
                       const std::function<std::vector<Caller>(const smi::Grant&)>& callers_of);

}  // namespace meshplay::envoy
