#include "adapters/istio/emitter/internal/filtered.h"

#include <algorithm>

#include "adapters/envoy/plan.h"
#include "adapters/istio/emitter/internal/access.h"
#include "adapters/istio/emitter/internal/policies.h"
#include "adapters/istio/emitter/internal/rules.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;
using translate::EmitContext;
using translate::Outcome;

constexpr const char* kFilterVersion = "networking.istio.io/v1alpha3";

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

void AddFilter(EmitContext& context, const smi::Identity& destination, const envoy::FilterPlan& plan,
               const envoy::PodFilter& filter) {
  const std::string& home = destination.namespace_name;
  const smi::ObjectKey account{"", "ServiceAccount", home, destination.service_account};
  const json router = {{"name", "envoy.filters.network.http_connection_manager"},
                       {"subFilter", {{"name", "envoy.filters.http.router"}}}};
  const json patch = {
      {"applyTo", "HTTP_FILTER"},
      {"match", {{"context", "SIDECAR_INBOUND"}, {"listener", {{"filterChain", {{"filter", router}}}}}}},
      {"patch", {{"operation", "INSERT_BEFORE"}, {"value", envoy::HttpFilter(filter.allows)}}}};
  context.drafts.Add(
      {kFilterWave,
       {kFilterVersion, "EnvoyFilter", home,
        translate::ObjectName(account, home, destination.service_account, plan.PartOf(filter))},
       {{"workloadSelector", {{"labels", filter.selection->selector}}}, {"configPatches", json::array({patch})}},
       filter.sources});
}

}  // namespace

void FilteredAccess::Target(const smi::Grant& grant) {
  destinations_[{grant.destination.namespace_name, grant.destination.service_account}].push_back(&grant);
}

void FilteredAccess::Draft(EmitContext& context, translate::Outcomes& outcomes) const {
  for (const auto& [account, grants] : destinations_) {
    const auto needs = [&](const smi::Grant& grant) { return NeedsFilter(context, grant); };
    const bool needed = std::any_of(grants.begin(), grants.end(), [&](const smi::Grant* g) { return needs(*g); });
    envoy::FilterPlan plan;
    if (needed) {
      plan = envoy::PlanFilters(context.facts, grants, needs,
                                [&](const smi::Grant& grant) { return CallersOf(context, grant.sources); });
    }
    for (const smi::Grant* grant : grants) {
      Outcome& outcome = outcomes.at(&grant->target->head);
      if (!plan.why_not.empty() && needs(*grant)) {
        outcome.lost = true;
        outcome.Warn(context.options.allow_widening ? "WIDENED" : "NARROWED", grant->target->head.spec_pointer,
                     "no EnvoyFilter can check the requests to this destination: " + plan.why_not, "EnvoyFilter");
      }
      EmitTarget(context, options_, *grant, needed && plan.why_not.empty(), outcome);
    }
    if (!plan.why_not.empty()) continue;
    for (const envoy::PodFilter& filter : plan.filters) AddFilter(context, grants.front()->destination, plan, filter);
  }
}

}  // namespace meshplay::istio
