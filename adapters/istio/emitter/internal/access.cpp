#include "adapters/istio/emitter/internal/access.h"

#include <algorithm>

#include "adapters/istio/emitter/internal/names.h"
#include "adapters/istio/emitter/internal/rules.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;
using translate::EmitContext;
using translate::Outcome;

constexpr const char* kPolicy = "AuthorizationPolicy";
constexpr const char* kNamespaceBaseline = "smi-deny-all";

json SelectorOf(const smi::Labels& labels) {
  return {{"matchLabels", labels}};
}

json PortList(const std::vector<int>& ports) {
  json out = json::array();
  for (const int port : ports) out.push_back(std::to_string(port));
  return out;
}

// The rules for one selection of pods. `ports` empty: any port.
json RulesOf(const EmitContext& context, const smi::Grant& grant, const std::vector<int>& ports, Outcome& outcome) {
  json rules = json::array();
  const json from = FromList(context, grant.sources);
  if (!grant.http.has_value()) {
    json rule = {{"from", from}};
    if (!ports.empty()) rule["to"] = json::array({{{"operation", {{"ports", PortList(ports)}}}}});
    rules.push_back(std::move(rule));
    return rules;
  }
  for (const smi::RequestMatch& match : *grant.http) {
    std::optional<json> rule = RuleOf(context, match, outcome);
    if (!rule.has_value()) continue;
    (*rule)["from"] = from;
    if (!ports.empty()) (*rule)["to"][0]["operation"]["ports"] = PortList(ports);
    rules.push_back(std::move(*rule));
  }
  return rules;
}

void AddPolicy(EmitContext& context, const smi::Head& source, const std::string& namespace_name,
               const std::string& part, const smi::Labels& selector, json rules) {
  json spec = {{"selector", SelectorOf(selector)}, {"action", "ALLOW"}};
  const Wave wave = rules.empty() ? kDenyWave : kAllowWave;
  // An ALLOW policy without rules allows nothing.
  if (!rules.empty()) spec["rules"] = std::move(rules);
  std::string name = translate::ObjectName(source.key, namespace_name, source.key.name, part);
  if (name == kNamespaceBaseline) name += "-" + translate::SourceHash(source.key);
  context.drafts.Add({wave, {kSecurityVersion, kPolicy, namespace_name, name}, std::move(spec), {&source}});
}

// Objects for a ServiceAccount rather than for a TrafficTarget.
void AddForDestination(EmitContext& context, const EmitOptions& options, const smi::Head& source,
                       const smi::Identity& destination, const std::string& part, const smi::Labels& selector) {
  const std::string& namespace_name = destination.namespace_name;
  if (options.mtls) {
    const smi::ObjectKey account{"", "ServiceAccount", namespace_name, destination.service_account};
    context.drafts.Add({kIdentityWave,
                        {kSecurityVersion, "PeerAuthentication", namespace_name,
                         translate::ObjectName(account, namespace_name, destination.service_account, part)},
                        {{"selector", SelectorOf(selector)}, {"mtls", {{"mode", "STRICT"}}}},
                        {&source}});
  }
  if (options.mode == BaselineMode::kStrict) {
    context.drafts.Add({kDenyNamespaceWave,
                        {kSecurityVersion, kPolicy, namespace_name, kNamespaceBaseline},
                        json::object(),
                        {&source}});
  }
}

// Service ports as pod ports; false when none of the wanted ports leads to these pods.
bool PodPortsOf(const EmitContext& context, const smi::Grant& grant, const smi::Selection& selection,
                std::vector<int>& ports, Outcome& outcome) {
  if (grant.tcp.scope == smi::PortScope::kAny) return true;
  const smi::PodPorts resolved = smi::ResolvePodPorts(context.facts, grant.destination, selection, grant.tcp.ports);
  for (const int port : resolved.assumed) {
    outcome.Report("PORT_ASSUMED_TARGET", smi::Severity::kWarning, grant.target->head.spec_pointer,
                   "no Service of ServiceAccount " + grant.destination.service_account + " has port " +
                       std::to_string(port) + "; it is taken for a pod port");
  }
  ports = resolved.ports;
  return !ports.empty();
}

void EmitForSelections(EmitContext& context, const EmitOptions& options, const smi::Head& source,
                       const smi::Identity& destination, const smi::Grant* grant, Outcome& outcome) {
  const std::string at = source.spec_pointer + "/destination";
  const smi::Selections selected = smi::SelectWorkloads(context.facts, destination, at, outcome.diagnostics);
  outcome.lost = outcome.lost || selected.left_out;
  if (selected.selections.empty() && !selected.left_out) {
    outcome.Report("PENDING", smi::Severity::kInfo, at,
                   "no workload runs as ServiceAccount " + destination.namespace_name + "/" +
                       destination.service_account + " yet");
  }
  for (const smi::Selection& selection : selected.selections) {
    const std::string part = selected.selections.size() > 1 || selected.left_out ? selection.name : "";
    json rules = json::array();
    std::vector<int> ports;
    if (grant != nullptr && grant->AllowsTcp()) {
      if (PodPortsOf(context, *grant, selection, ports, outcome)) {
        rules = RulesOf(context, *grant, ports, outcome);
      } else {
        outcome.Report("NARROWED", smi::Severity::kWarning, source.spec_pointer,
                       "pods of " + selection.name + " serve none of the ports; nothing is allowed there");
      }
    }
    outcome.in_force += static_cast<int>(rules.size());
    AddPolicy(context, source, destination.namespace_name, part, selection.selector, std::move(rules));
    AddForDestination(context, options, source, destination, part, selection.selector);
  }
}

std::string Explain(const smi::Grant& grant, const Outcome& outcome) {
  const std::string account = grant.destination.namespace_name + "/" + grant.destination.service_account;
  const std::string callers =
      std::to_string(grant.sources.size()) + (grant.sources.size() == 1 ? " identity" : " identities");
  if (outcome.in_force == 0) return "Nothing of this target is in force; workloads of " + account + " deny by default.";
  if (outcome.lost) {
    return "Part of what this target allows " + callers + " to do at " + account + " is in force; the rest is denied.";
  }
  return "Workloads of " + account + " accept exactly what this target allows from " + callers +
         "; what no target allows is denied.";
}

}  // namespace

void EmitTarget(EmitContext& context, const EmitOptions& options, const smi::Grant& grant, Outcome& outcome) {
  const smi::Head& source = grant.target->head;
  outcome.lost = outcome.lost || grant.reduced;
  if (grant.udp.scope != smi::PortScope::kNone) {
    outcome.lost = true;
    outcome.Report("UDP_UNSUPPORTED", smi::Severity::kWarning, source.spec_pointer,
                   "Istio's sidecars do not carry UDP; its UDPRoute rules have no effect", "UDP");
  }
  EmitForSelections(context, options, source, grant.destination, &grant, outcome);
  outcome.explanation = Explain(grant, outcome);
  const bool pending = outcome.in_force == 0 && context.drafts.KeysOf(&source).empty();
  if (pending) outcome.explanation = "Nothing is in force yet: no workload of the destination can be selected.";
}

void EmitBaseline(EmitContext& context, const EmitOptions& options, const smi::TrafficTarget& target,
                  Outcome& outcome) {
  const smi::Subject& subject = target.destination;
  EmitForSelections(context, options, target.head, {subject.namespace_name, subject.name, ""}, nullptr, outcome);
  outcome.explanation = "The object is not valid: it allows nothing, and its destination denies by default.";
}

}  // namespace meshplay::istio
