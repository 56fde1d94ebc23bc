#include "adapters/istio/emitter/internal/access.h"

#include "adapters/istio/emitter/internal/policies.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;
using translate::EmitContext;
using translate::Outcome;

void EmitForSelections(EmitContext& context, const EmitOptions& options, const smi::Head& source,
                       const smi::Identity& destination, const smi::Grant* grant, bool filtered, Outcome& outcome) {
  const smi::Selections selected = SelectDestination(context, source, destination, outcome);
  bool served = selected.selections.empty() || grant == nullptr || !grant->AllowsTcp();
  for (const smi::Selection& selection : selected.selections) {
    const std::string part = selected.selections.size() > 1 || selected.left_out ? selection.name : "";
    json rules = json::array();
    if (grant != nullptr && grant->AllowsTcp()) {
      const bool any_port = grant->tcp.scope == smi::PortScope::kAny;
      const std::vector<int> ports = any_port ? std::vector<int>() : PodPortsOf(context, *grant, selection, outcome);
      if (any_port || !ports.empty()) {
        served = true;
        rules = RulesOf(context, *grant, ports, filtered, outcome);
      }
    }
    outcome.in_force += static_cast<int>(rules.size());
    AddPolicy(context, source, destination.namespace_name, part, SelectorOf(selection.selector), std::move(rules));
    AddForDestination(context, options, source, destination, part, selection.selector);
  }
  if (!served) {
    outcome.lost = true;
    outcome.Warn("NARROWED", source.spec_pointer,
                 "no pod of ServiceAccount " + destination.service_account + " serves any of the ports");
  }
  // Pods that no policy of ours can select stay open, unless the namespace is closed.
  if (selected.left_out) AddForNamespace(context, options, source, destination.namespace_name);
}

}  // namespace

void EmitTarget(EmitContext& context, const EmitOptions& options, const smi::Grant& grant, bool filtered,
                Outcome& outcome) {
  const smi::Head& source = grant.target->head;
  outcome.lost = outcome.lost || grant.reduced;
  if (grant.udp.scope != smi::PortScope::kNone) {
    outcome.lost = true;
    outcome.Warn("UDP_UNSUPPORTED", source.spec_pointer,
                 "Istio's sidecars do not carry UDP; its UDPRoute rules have no effect", "UDP");
  }
  EmitForSelections(context, options, source, grant.destination, &grant, filtered, outcome);
  outcome.explanation = Explain(grant, outcome);
  const bool pending = outcome.in_force == 0 && context.drafts.KeysOf(&source).empty();
  if (pending) outcome.explanation = "Nothing is in force yet: no workload of the destination can be selected.";
}

void EmitBaseline(EmitContext& context, const EmitOptions& options, const smi::TrafficTarget& target,
                  Outcome& outcome) {
  const smi::Subject& subject = target.destination;
  EmitForSelections(context, options, target.head, {subject.namespace_name, subject.name, ""}, nullptr, false, outcome);
  outcome.explanation = "The object is not valid: it allows nothing, and its destination denies by default.";
}

}  // namespace meshplay::istio
