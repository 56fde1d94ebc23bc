#include "adapters/istio/emitter/internal/policies.h"

#include <algorithm>

#include "adapters/istio/emitter/internal/rules.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;
using translate::EmitContext;
using translate::Outcome;

constexpr const char* kPolicy = "AuthorizationPolicy";
constexpr const char* kNamespaceBaseline = "smi-deny-all";
constexpr std::size_t kMaxRules = 512;  // Limit of the field in Istio's schema.

json PortList(const std::vector<int>& ports) {
  json out = json::array();
  for (const int port : ports) out.push_back(std::to_string(port));
  return out;
}

}  // namespace

json SelectorOf(const smi::Labels& labels) {
  return {{"selector", {{"matchLabels", labels}}}};
}

json RulesOf(const EmitContext& context, const smi::Grant& grant, const std::vector<int>& ports, bool filtered,
             Outcome& outcome) {
  json rules = json::array();
  const json from = FromList(context, grant.sources);
  if (!grant.http.has_value()) {
    json rule = {{"from", from}};
    if (!ports.empty()) rule["to"] = json::array({{{"operation", {{"ports", PortList(ports)}}}}});
    rules.push_back(std::move(rule));
    return rules;
  }
  for (const smi::RequestMatch& match : *grant.http) {
    std::optional<json> rule = RuleOf(context, match, filtered, outcome);
    if (!rule.has_value()) continue;
    (*rule)["from"] = from;
    if (!ports.empty()) (*rule)["to"][0]["operation"]["ports"] = PortList(ports);
    rules.push_back(std::move(*rule));
  }
  return rules;
}

void AddPolicy(EmitContext& context, const smi::Head& source, const std::string& namespace_name,
               const std::string& part, json where, json rules) {
  where["action"] = "ALLOW";
  const Wave wave = rules.empty() ? kDenyWave : kAllowWave;
  std::size_t done = 0;
  do {
    json spec = where;
    const std::size_t end = std::min(rules.size(), done + kMaxRules);
    for (std::size_t i = done; i < end; ++i) spec["rules"].push_back(std::move(rules[i]));
    // Policies of the same pods add up, so what one does not hold stands in the next.
    const std::string more = done == 0 ? "" : "rules/" + std::to_string(done);
    const std::string both = part + (part.empty() || more.empty() ? "" : "/") + more;
    std::string name = translate::ObjectName(source.key, namespace_name, source.key.name, both);
    if (name == kNamespaceBaseline) name += "-" + translate::SourceHash(source.key);
    context.drafts.Add({wave, {kSecurityVersion, kPolicy, namespace_name, name}, std::move(spec), {&source}});
    done = end;
  } while (done < rules.size());
}

void AddForDestination(EmitContext& context, const EmitOptions& options, const smi::Head& source,
                       const smi::Identity& destination, const std::string& part, const smi::Labels& selector) {
  const std::string& namespace_name = destination.namespace_name;
  if (options.mtls) {
    const smi::ObjectKey account{"", "ServiceAccount", namespace_name, destination.service_account};
    json spec = SelectorOf(selector);
    spec["mtls"] = {{"mode", "STRICT"}};
    context.drafts.Add({kIdentityWave,
                        {kSecurityVersion, "PeerAuthentication", namespace_name,
                         translate::ObjectName(account, namespace_name, destination.service_account, part)},
                        std::move(spec),
                        {&source}});
  }
  AddForNamespace(context, options, source, namespace_name);
}

void AddForNamespace(EmitContext& context, const EmitOptions& options, const smi::Head& source,
                     const std::string& namespace_name) {
  if (options.mode != BaselineMode::kStrict) return;
  context.drafts.Add(
      {kDenyNamespaceWave, {kSecurityVersion, kPolicy, namespace_name, kNamespaceBaseline}, json::object(), {&source}});
}

smi::Selections SelectDestination(const EmitContext& context, const smi::Head& source, const smi::Identity& destination,
                                  Outcome& outcome) {
  const std::string at = source.spec_pointer + "/destination";
  smi::Selections selected = smi::SelectWorkloads(context.facts, destination, at, outcome.diagnostics);
  outcome.lost = outcome.lost || selected.left_out;
  if (selected.selections.empty() && !selected.left_out) {
    outcome.Report("PENDING", smi::Severity::kInfo, at,
                   "no workload runs as ServiceAccount " + destination.namespace_name + "/" +
                       destination.service_account + " yet");
  }
  return selected;
}

std::vector<int> PodPortsOf(const EmitContext& context, const smi::Grant& grant, const smi::Selection& selection,
                            Outcome& outcome) {
  smi::PodPorts resolved = smi::ResolvePodPorts(context.facts, grant.destination, selection, grant.tcp.ports);
  for (const int port : resolved.assumed) {
    outcome.Warn("PORT_ASSUMED_TARGET", grant.target->head.spec_pointer,
                 "no Service of ServiceAccount " + grant.destination.service_account + " has port " +
                     std::to_string(port) + "; it is taken for a pod port");
  }
  for (const int port : resolved.ambiguous) {
    outcome.lost = true;
    outcome.Warn("NARROWED", grant.target->head.spec_pointer,
                 "pod port " + std::to_string(port) + " is something else at other pods with the labels of " +
                     selection.name + "; nothing is allowed there",
                 kPolicy);
  }
  return std::move(resolved.ports);
}

std::string Explain(const smi::Grant& grant, const Outcome& outcome) {
  const std::string account = grant.destination.namespace_name + "/" + grant.destination.service_account;
  const std::string callers =
      std::to_string(grant.sources.size()) + (grant.sources.size() == 1 ? " identity" : " identities");
  if (outcome.in_force == 0) return "Nothing of this target is in force; workloads of " + account + " deny by default.";
  if (outcome.lost) {
    return "Part of what this target allows " + callers + " to do at " + account + " is in force; the rest is denied.";
  }
  const bool filtered = std::any_of(outcome.diagnostics.begin(), outcome.diagnostics.end(),
                                    [](const smi::Diagnostic& d) { return d.code == kFilterRequired; });
  return "Workloads of " + account + " accept exactly what this target allows from " + callers +
         "; what no target allows is denied." +
         (filtered ? " An EnvoyFilter checks what AuthorizationPolicy cannot say." : "");
}

}  // namespace meshplay::istio
