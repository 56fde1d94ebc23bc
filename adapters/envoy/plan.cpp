#include "adapters/envoy/plan.h"

#include <algorithm>

namespace meshplay::envoy {
namespace {

// Pods that two selectors take would have two filters, of which both must let a request through.
bool Overlap(const smi::Selections& selected) {
  for (const smi::Selection& one : selected.selections) {
    for (const smi::Selection& other : selected.selections) {
      if (&one == &other) continue;
      for (const smi::Workload* workload : other.workloads) {
        if (smi::Selects(one.selector, workload->labels)) return true;
      }
    }
  }
  return false;
}

std::string WhyNone(const std::vector<const smi::Grant*>& grants, const smi::Selections& selected) {
  if (Overlap(selected)) return "pods of several workloads share labels";
  for (const smi::Grant* grant : grants) {
    if (!grant->http.has_value()) continue;
    for (const smi::RequestMatch& match : *grant->http) {
      const auto why = WhyNotTaken(match);
      if (why.has_value()) return *why;
    }
  }
  return "";
}

}  // namespace

std::string FilterPlan::PartOf(const PodFilter& filter) const {
  return selected.selections.size() > 1 || selected.left_out ? filter.selection->name : "";
}

FilterPlan PlanFilters(const smi::FactsIndex& facts, const std::vector<const smi::Grant*>& grants,
                       const std::function<bool(const smi::Grant&)>& needs,
                       const std::function<std::vector<Caller>(const smi::Grant&)>& callers_of) {
  FilterPlan plan;
  const smi::Identity& destination = grants.front()->destination;
  std::vector<smi::Diagnostic> scratch;  // Who makes the policies reports the same.
  plan.selected = smi::SelectWorkloads(facts, destination, "", scratch);
  plan.why_not = WhyNone(grants, plan.selected);
  if (!plan.why_not.empty()) return plan;
  for (const smi::Selection& selection : plan.selected.selections) {
    PodFilter filter{&selection, {}, {}};
    bool needed = false;
    for (const smi::Grant* grant : grants) {
      if (!grant->AllowsTcp()) continue;
      const smi::ObjectKey& key = grant->target->head.key;
      Allow allow{key.namespace_name + "/" + key.name, {}, {}, grant->http.has_value() ? &*grant->http : nullptr};
      if (grant->tcp.scope == smi::PortScope::kListed) {
        allow.ports = smi::ResolvePodPorts(facts, destination, selection, grant->tcp.ports).ports;
        if (allow.ports.empty()) continue;
      }
      allow.callers = callers_of(*grant);
      filter.allows.push_back(std::move(allow));
      filter.sources.push_back(&grant->target->head);
      needed = needed || needs(*grant);
    }
    if (!needed) continue;
    if (HttpFilter(filter.allows).dump().size() > kMaxFilterBytes) {
      plan.why_not = "it would be larger than " + std::to_string(kMaxFilterBytes) + " bytes";
      return plan;
    }
    plan.filters.push_back(std::move(filter));
  }
  return plan;
}

}  // namespace meshplay::envoy
