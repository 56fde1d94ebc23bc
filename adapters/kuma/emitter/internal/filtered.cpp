#include "adapters/kuma/emitter/internal/filtered.h"

#include <algorithm>

#include "adapters/envoy/plan.h"
#include "adapters/kuma/emitter/internal/access.h"

namespace meshplay::kuma {
namespace {

using nlohmann::json;
using translate::EmitContext;
using translate::Outcome;

bool NeedsFilter(const smi::Grant& grant) {
  return grant.AllowsTcp() && grant.http.has_value();
}

// Kuma takes the filter as text.
json Before(const char* kind, const char* last_filter, const json& filter) {
  const json match = {{"name", last_filter}, {"origin", "inbound"}};
  return {{kind, {{"operation", "AddBefore"}, {"match", match}, {"value", filter.dump()}}}};
}

void AddPatch(EmitContext& context, const smi::Identity& destination, const envoy::FilterPlan& plan,
              const envoy::PodFilter& filter) {
  const std::string& home = destination.namespace_name;
  const smi::ObjectKey account{"", "ServiceAccount", home, destination.service_account};
  // An inbound that carries bytes has no requests to look at, and must not let them in for that.
  const json modifications =
      json::array({Before("httpFilter", "envoy.filters.http.router", envoy::HttpFilter(filter.allows)),
                   Before("networkFilter", "envoy.filters.network.tcp_proxy", envoy::NetworkFilter(filter.allows))});
  context.drafts.Add({kFilterWave,
                      {kVersion, "MeshProxyPatch", home,
                       translate::ObjectName(account, home, destination.service_account, plan.PartOf(filter))},
                      {{"targetRef", {{"kind", "Dataplane"}, {"labels", filter.selection->selector}}},
                       {"default", {{"appendModifications", modifications}}}},
                      filter.sources,
                      MeshLabels()});
}

}  // namespace

void FilteredAccess::Target(const smi::Grant& grant) {
  destinations_[{grant.destination.namespace_name, grant.destination.service_account}].push_back(&grant);
}

void FilteredAccess::Draft(EmitContext& context, translate::Outcomes& outcomes) const {
  const auto callers_of = [&](const smi::Grant& grant) {
    std::vector<envoy::Caller> callers;
    for (const smi::Identity& identity : grant.sources) callers.push_back({SpiffeId(context, identity), false});
    return callers;
  };
  for (const auto& [account, grants] : destinations_) {
    const bool needed = std::any_of(grants.begin(), grants.end(), [](const auto* g) { return NeedsFilter(*g); });
    envoy::FilterPlan plan;
    if (needed) plan = envoy::PlanFilters(context.facts, grants, NeedsFilter, callers_of);
    for (const smi::Grant* grant : grants) {
      Outcome& outcome = outcomes.at(&grant->target->head);
      if (!plan.why_not.empty() && NeedsFilter(*grant)) {
        outcome.Warn(context.options.allow_widening ? "WIDENED" : "NARROWED", grant->target->head.spec_pointer,
                     "no MeshProxyPatch can check the requests to this destination: " + plan.why_not, "MeshProxyPatch");
      }
      EmitByMeshIdentity(context, *grant, needed && plan.why_not.empty(), outcome);
      Explain(*grant, outcome);
    }
    if (!plan.why_not.empty()) continue;
    for (const envoy::PodFilter& filter : plan.filters) AddPatch(context, grants.front()->destination, plan, filter);
  }
}

}  // namespace meshplay::kuma
