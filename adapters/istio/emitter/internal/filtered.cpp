#include "adapters/istio/emitter/internal/filtered.h"

#include <algorithm>

#include "adapters/istio/emitter/internal/access.h"
#include "adapters/istio/emitter/internal/policies.h"
#include "adapters/istio/emitter/internal/rules.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;
using translate::EmitContext;
using translate::Outcome;

constexpr const char* kFilterVersion = "networking.istio.io/v1alpha3";

struct Filter {
  const smi::Selection* selection = nullptr;
  json http_filter;
  std::vector<const smi::Head*> sources;
};

/// The filters of a destination, or why there can be none although one is needed.
struct Plan {
  smi::Selections selected;
  std::vector<Filter> filters;
  std::string why_not;
};

bool NeedsFilter(const EmitContext& context, const smi::RequestMatch& match) {
  Outcome scratch;
  RuleOf(context, match, true, scratch);
  return std::any_of(scratch.diagnostics.begin(), scratch.diagnostics.end(),
                     [](const smi::Diagnostic& d) { return d.code == kFilterRequired; });
}

bool NeedsFilter(const EmitContext& context, const smi::Grant& grant) {
  return grant.AllowsTcp() && grant.http.has_value() &&
         std::any_of(grant.http->begin(), grant.http->end(),
                     [&](const smi::RequestMatch& match) { return NeedsFilter(context, match); });
}

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

std::string WhyNoFilter(const std::vector<const smi::Grant*>& grants, const smi::Selections& selected) {
  if (Overlap(selected)) return "pods of several workloads share labels";
  for (const smi::Grant* grant : grants) {
    if (!grant->http.has_value()) continue;
    for (const smi::RequestMatch& match : *grant->http) {
      const auto why = envoy::WhyNotTaken(match);
      if (why.has_value()) return *why;
    }
  }
  return "";
}

Plan PlanOf(const EmitContext& context, const std::vector<const smi::Grant*>& grants) {
  Plan plan;
  const smi::Identity& destination = grants.front()->destination;
  std::vector<smi::Diagnostic> scratch;  // The policies of the targets report the same.
  plan.selected = smi::SelectWorkloads(context.facts, destination, "", scratch);
  plan.why_not = WhyNoFilter(grants, plan.selected);
  if (!plan.why_not.empty()) return plan;
  for (const smi::Selection& selection : plan.selected.selections) {
    Filter filter{&selection, {}, {}};
    std::vector<envoy::Allow> allows;
    bool needed = false;
    for (const smi::Grant* grant : grants) {
      if (!grant->AllowsTcp()) continue;
      envoy::Allow allow{grant->target->head.key.namespace_name + "/" + grant->target->head.key.name,
                         CallersOf(context, grant->sources),
                         {},
                         grant->http.has_value() ? &*grant->http : nullptr};
      if (grant->tcp.scope == smi::PortScope::kListed) {
        allow.ports = smi::ResolvePodPorts(context.facts, destination, selection, grant->tcp.ports).ports;
        if (allow.ports.empty()) continue;
      }
      allows.push_back(std::move(allow));
      filter.sources.push_back(&grant->target->head);
      needed = needed || NeedsFilter(context, *grant);
    }
    if (!needed) continue;
    filter.http_filter = envoy::HttpFilter(allows);
    if (filter.http_filter.dump().size() > envoy::kMaxFilterBytes) {
      plan.why_not = "it would be larger than " + std::to_string(envoy::kMaxFilterBytes) + " bytes";
      return plan;
    }
    plan.filters.push_back(std::move(filter));
  }
  return plan;
}

void AddFilter(EmitContext& context, const smi::Identity& destination, const Plan& plan, const Filter& filter) {
  const std::string& home = destination.namespace_name;
  const smi::ObjectKey account{"", "ServiceAccount", home, destination.service_account};
  const bool parted = plan.selected.selections.size() > 1 || plan.selected.left_out;
  const std::string part = parted ? filter.selection->name : "";
  const json router = {{"name", "envoy.filters.network.http_connection_manager"},
                       {"subFilter", {{"name", "envoy.filters.http.router"}}}};
  const json patch = {
      {"applyTo", "HTTP_FILTER"},
      {"match", {{"context", "SIDECAR_INBOUND"}, {"listener", {{"filterChain", {{"filter", router}}}}}}},
      {"patch", {{"operation", "INSERT_BEFORE"}, {"value", filter.http_filter}}}};
  context.drafts.Add(
      {kFilterWave,
       {kFilterVersion, "EnvoyFilter", home, translate::ObjectName(account, home, destination.service_account, part)},
       {{"workloadSelector", {{"labels", filter.selection->selector}}}, {"configPatches", json::array({patch})}},
       filter.sources});
}

}  // namespace

void FilteredAccess::Target(const smi::Grant& grant) {
  destinations_[{grant.destination.namespace_name, grant.destination.service_account}].push_back(&grant);
}

void FilteredAccess::Draft(EmitContext& context, translate::Outcomes& outcomes) const {
  for (const auto& [account, grants] : destinations_) {
    Plan plan;
    const bool needed =
        std::any_of(grants.begin(), grants.end(), [&](const smi::Grant* g) { return NeedsFilter(context, *g); });
    if (needed) plan = PlanOf(context, grants);
    for (const smi::Grant* grant : grants) {
      Outcome& outcome = outcomes.at(&grant->target->head);
      if (!plan.why_not.empty() && NeedsFilter(context, *grant)) {
        outcome.lost = true;
        outcome.Warn(context.options.allow_widening ? "WIDENED" : "NARROWED", grant->target->head.spec_pointer,
                     "no EnvoyFilter can check the requests to this destination: " + plan.why_not, "EnvoyFilter");
      }
      EmitTarget(context, options_, *grant, needed && plan.why_not.empty(), outcome);
    }
    if (!plan.why_not.empty()) continue;
    for (const Filter& filter : plan.filters) AddFilter(context, grants.front()->destination, plan, filter);
  }
}

}  // namespace meshplay::istio
