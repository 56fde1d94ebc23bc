#include "adapters/linkerd/emitter/internal/access.h"

#include <algorithm>

#include "adapters/linkerd/emitter/internal/baseline.h"
#include "adapters/linkerd/emitter/internal/servers.h"
#include "adapters/translate/baseline.h"

namespace meshplay::linkerd {
namespace {

using smi::Severity;
using translate::EmitContext;
using translate::Outcome;
using translate::Outcomes;

Destination& At(std::map<std::pair<std::string, std::string>, Destination>& destinations,
                const smi::Identity& account) {
  Destination& destination = destinations[{account.namespace_name, account.service_account}];
  destination.account = account;
  return destination;
}

// What is said of the destination's pods goes to every target.
void Tell(const Destination& destination, Outcomes& outcomes, const std::string& code, Severity severity,
          const std::string& message, const std::string& feature = "") {
  for (const smi::Head* target : destination.targets) {
    outcomes.at(target).Report(code, severity, target->spec_pointer + "/destination", message, feature);
  }
}

void Guarded(const Destination& destination, const std::vector<PodGroup>& groups, Outcomes& outcomes) {
  const std::string account = destination.account.namespace_name + "/" + destination.account.service_account;
  for (const PodGroup& group : groups) {
    for (const auto& [port, known] : group.ports) {
      for (const std::string& path : known.probes) {
        Tell(destination, outcomes, "PROBES_OPEN", Severity::kInfo,
             "GET " + path + " on port " + std::to_string(port) +
                 " stays open to everybody: the kubelet probes it and has no identity",
             "NetworkAuthentication");
      }
    }
  }
  Tell(destination, outcomes, "PORTS_UNGUARDED", Severity::kWarning,
       "ports that neither the pods of ServiceAccount " + account +
           " nor their Services declare follow Linkerd's default inbound policy, which allows everybody unless the "
           "annotation config.linkerd.io/default-inbound-policy says deny",
       "Server");
}

std::string Explanation(const Destination& destination, const smi::Head& target, const Outcome& outcome) {
  const std::string account = destination.account.namespace_name + "/" + destination.account.service_account;
  const bool valid = std::any_of(destination.grants.begin(), destination.grants.end(),
                                 [&](const smi::Grant* grant) { return &grant->target->head == &target; });
  if (!valid) return "The object is not valid: it allows nothing, and its destination denies by default.";
  if (outcome.in_force == 0) return "Nothing of this target is in force; workloads of " + account + " deny by default.";
  if (outcome.lost) return "Part of what this target allows at " + account + " is in force; the rest is denied.";
  return "Workloads of " + account +
         " accept on their declared ports exactly what this target allows; what no target allows is denied there.";
}

}  // namespace

void AccessWriter::Add(const smi::Grant& grant, Outcome& outcome) {
  outcome.lost = outcome.lost || grant.reduced;
  const smi::Head& head = grant.target->head;
  if (grant.udp.scope != smi::PortScope::kNone) {
    outcome.lost = true;
    outcome.Warn("UDP_UNSUPPORTED", head.spec_pointer, "Linkerd does not carry UDP; UDPRoute rules have no effect",
                 "UDP");
  }
  Destination& destination = At(destinations_, grant.destination);
  destination.grants.push_back(&grant);
  destination.targets.push_back(&head);
  outcome.guarded = grant.destination.namespace_name + "/" + grant.destination.service_account;
}

void AccessWriter::AddInvalid(const smi::TrafficTarget& target, Outcome& outcome) {
  outcome.guarded = target.destination.namespace_name + "/" + target.destination.name;
  At(destinations_, {target.destination.namespace_name, target.destination.name, ""}).targets.push_back(&target.head);
}

void AccessWriter::DraftDestination(EmitContext& context, const ClusterView& view, const Destination& destination,
                                    Outcomes& outcomes) const {
  std::vector<smi::Diagnostic> diagnostics;
  const smi::Selections selected = smi::SelectWorkloads(context.facts, destination.account, "", diagnostics);
  for (const smi::Diagnostic& diagnostic : diagnostics) {
    Tell(destination, outcomes, diagnostic.code, diagnostic.severity, diagnostic.message);
  }
  const std::string account = destination.account.namespace_name + "/" + destination.account.service_account;
  if (selected.selections.empty() && !selected.left_out) {
    Tell(destination, outcomes, "PENDING", Severity::kInfo, "no workload runs as ServiceAccount " + account + " yet");
  }
  for (const smi::Head* target : destination.targets) {
    outcomes.at(target).lost = outcomes.at(target).lost || selected.left_out;
    outcomes.at(target).explanation = "Nothing is in force yet: no workload of the destination can be selected.";
  }
  if (selected.selections.empty()) return;

  ServerWriter writer(context, view, destination, outcomes);
  const std::vector<PodGroup> groups = GroupsOf(view, selected.selections);
  const bool named = selected.selections.size() > 1 || selected.left_out;
  for (const PodGroup& group : groups) writer.AddGroup(group, named);
  writer.ReportUnserved();
  if (!writer.conflict().empty()) {
    for (const smi::Head* target : destination.targets) {
      Outcome& outcome = outcomes.at(target);
      outcome.in_force = 0;
      outcome.Report("CONFLICT", Severity::kError, target->spec_pointer + "/destination", writer.conflict());
      outcome.explanation = "Not applied: an object of somebody else is in the way.";
    }
    return;
  }
  if (writer.drafts().empty()) {
    for (const smi::Head* target : destination.targets) {
      Outcome& outcome = outcomes.at(target);
      outcome.Warn("NARROWED", target->spec_pointer + "/destination",
                   "neither the pods of ServiceAccount " + account + " nor their Services declare a port for a Server",
                   "Server");
      outcome.explanation = "Nothing is in force: no port of the destination is known.";
    }
  }
  for (const translate::Draft& draft : writer.drafts()) context.drafts.Add(draft);
  Guarded(destination, groups, outcomes);
  if (writer.drafts().empty()) return;
  for (const smi::Head* target : destination.targets) {
    outcomes.at(target).explanation = Explanation(destination, *target, outcomes.at(target));
  }
}

void AccessWriter::DraftNamespace(EmitContext& context, const ClusterView& view, const std::string& namespace_name,
                                  Outcomes& outcomes) const {
  Destination rest;
  std::set<std::string> accounts;
  for (const smi::Workload* workload : context.facts.WorkloadsOf(namespace_name)) {
    accounts.insert(workload->service_account);
  }
  for (const auto& [name, destination] : destinations_) {
    if (name.first != namespace_name) continue;
    accounts.erase(name.second);
    rest.targets.insert(rest.targets.end(), destination.targets.begin(), destination.targets.end());
  }
  const std::vector<const smi::Head*> owners = translate::BaselineOwners(rest.targets);
  for (const std::string& account : accounts) {
    BaselineServers servers = DraftBaseline(context, view, {namespace_name, account, ""}, owners);
    if (servers.notice.has_value()) {
      Tell(rest, outcomes, servers.notice->code, servers.notice->severity, servers.notice->message,
           servers.notice->mesh_feature);
    }
    for (translate::Draft& draft : servers.drafts) context.drafts.Add(std::move(draft));
  }
}

void AccessWriter::Draft(EmitContext& context, Outcomes& outcomes) const {
  if (destinations_.empty()) return;
  const ClusterView view(context.facts, context.options.owner);
  std::set<std::string> namespaces;
  for (const auto& [name, destination] : destinations_) {
    DraftDestination(context, view, destination, outcomes);
    namespaces.insert(name.first);
  }
  if (!strict_) return;
  for (const std::string& namespace_name : namespaces) DraftNamespace(context, view, namespace_name, outcomes);
}

}  // namespace meshplay::linkerd
