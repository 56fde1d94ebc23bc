#include "adapters/kuma/emitter/internal/access.h"

#include <algorithm>

namespace meshplay::kuma {
namespace {

using nlohmann::json;
using translate::EmitContext;
using translate::Outcome;

constexpr const char* kPermission = "MeshTrafficPermission";
constexpr const char* kServiceTag = "kuma.io/service";
constexpr const char* kSection = "sectionName";
constexpr const char* kNamespaceBaseline = "smi-deny-all";
// Kuma's own default trust domain for mesh "default" in zone "default".
constexpr const char* kDefaultTrustDomain = "default.default.mesh.local";
constexpr const char* kNeutralTrustDomain = "cluster.local";

using PodPort = std::pair<const smi::Workload*, int>;

// Inbounds carry the names of Service ports, so one name may stand for several pod ports.
struct Inbounds {
  std::map<std::string, std::set<PodPort>> by_name;
  std::map<int, std::set<PodPort>> by_service_port;
};

Inbounds InboundsOf(const EmitContext& context, const smi::Selection& selection) {
  Inbounds out;
  std::vector<const smi::Workload*> pods = selection.workloads;
  pods.insert(pods.end(), selection.others.begin(), selection.others.end());
  for (const smi::Workload* workload : pods) {
    for (const smi::Service* service : context.facts.ServicesSelecting(*workload)) {
      for (const smi::ServicePort& port : service->ports) {
        const auto target = smi::ResolveTargetPort(port, workload->ports);
        if (port.protocol == smi::PortProtocol::kUdp || !target.has_value()) continue;
        const std::string name = port.name.empty() ? std::to_string(*target) : port.name;
        out.by_name[name].insert({workload, *target});
        out.by_service_port[port.port].insert({workload, *target});
      }
    }
  }
  return out;
}

// The pod ports behind the wanted Service ports. Reports those that no Service has, and those of them without inbound.
std::set<PodPort> WantedOf(const EmitContext& context, const smi::Grant& grant, const smi::Selection& selection,
                           const char* feature, Outcome& outcome) {
  const Inbounds inbounds = InboundsOf(context, selection);
  const std::string& at = grant.target->head.spec_pointer;
  const smi::PodPorts resolved = smi::ResolvePodPorts(context.facts, grant.destination, selection, grant.tcp.ports);
  std::set<PodPort> wanted;
  for (const int port : grant.tcp.ports) {
    const auto known = inbounds.by_service_port.find(port);
    if (known != inbounds.by_service_port.end()) wanted.insert(known->second.begin(), known->second.end());
  }
  for (const int port : resolved.assumed) {
    outcome.Warn("PORT_ASSUMED_TARGET", at,
                 "no Service of ServiceAccount " + grant.destination.service_account + " has port " +
                     std::to_string(port) + "; it is taken for a pod port");
    for (const smi::Workload* workload : selection.workloads) wanted.insert({workload, port});
    for (const smi::Workload* workload : selection.others) wanted.insert({workload, port});
    const bool has_inbound = std::any_of(inbounds.by_name.begin(), inbounds.by_name.end(), [&](const auto& inbound) {
      return std::any_of(inbound.second.begin(), inbound.second.end(),
                         [&](const PodPort& behind) { return behind.second == port; });
    });
    if (has_inbound) continue;
    outcome.lost = true;
    outcome.Warn("NARROWED", at, "Kuma has no inbound for port " + std::to_string(port) + ", which no Service leads to",
                 feature);
  }
  return wanted;
}

// Whether all that an inbound or tag stands for is wanted. Reports when only some of it is.
bool IsAllWanted(const std::set<PodPort>& behind, const std::set<PodPort>& wanted, const std::string& what,
                 const std::string& pointer, const char* feature, Outcome& outcome) {
  const auto is_wanted = [&](const PodPort& port) { return wanted.count(port) != 0; };
  if (std::none_of(behind.begin(), behind.end(), is_wanted)) return false;
  if (std::all_of(behind.begin(), behind.end(), is_wanted)) return true;
  outcome.lost = true;
  outcome.Warn("NARROWED", pointer, what + " stands for other ports too, so it is not allowed", feature);
  return false;
}

// The inbound names that stand for the wanted Service ports and nothing else.
std::set<std::string> SectionsOf(const EmitContext& context, const smi::Grant& grant, const smi::Selection& selection,
                                 Outcome& outcome) {
  const std::set<PodPort> wanted = WantedOf(context, grant, selection, kSection, outcome);
  std::set<std::string> sections;
  for (const auto& [name, behind] : InboundsOf(context, selection).by_name) {
    const std::string& at = grant.target->head.spec_pointer;
    if (IsAllWanted(behind, wanted, "inbound " + name, at, kSection, outcome)) sections.insert(name);
  }
  return sections;
}

std::string TagOf(const smi::Service& service, const smi::ServicePort& port) {
  return service.name + "_" + service.namespace_name + "_svc_" + std::to_string(port.port);
}

struct AccountServices {
  std::vector<const smi::Service*> own;     ///< They stand for the ServiceAccount and for no other one.
  std::vector<const smi::Service*> shared;  ///< They also select pods of another one.
};

AccountServices ServicesOfAccount(const EmitContext& context, const smi::Identity& identity, const std::string& pointer,
                                  Outcome& outcome) {
  AccountServices out;
  std::map<std::string, const smi::Service*> services;
  for (const smi::Workload* own : context.facts.WorkloadsOfAccount(identity.namespace_name, identity.service_account)) {
    for (const smi::Service* service : context.facts.ServicesSelecting(*own)) services.emplace(service->name, service);
  }
  for (const auto& [name, service] : services) {
    const auto selected = context.facts.WorkloadsSelectedBy(identity.namespace_name, service->selector);
    const bool shared = std::any_of(selected.begin(), selected.end(), [&](const smi::Workload* w) {
      return w->service_account != identity.service_account;
    });
    if (!shared) {
      out.own.push_back(service);
      continue;
    }
    out.shared.push_back(service);
    outcome.lost = true;
    outcome.Warn("AMBIGUOUS_IDENTITY", pointer,
                 "Service " + name + " also selects pods of another ServiceAccount than " + identity.service_account +
                     "; its tag allows nothing and names no caller",
                 kServiceTag);
  }
  return out;
}

std::set<std::string> CallersOf(const EmitContext& context, const smi::Grant& grant, Outcome& outcome) {
  const std::string at = grant.target->head.spec_pointer + "/sources";
  std::set<std::string> callers;
  for (const smi::Identity& identity : grant.sources) {
    std::set<std::string> tags;
    if (identity.spiffe_id.empty()) {
      const AccountServices services = ServicesOfAccount(context, identity, at, outcome);
      for (const smi::Service* service : services.own) {
        for (const smi::ServicePort& port : service->ports) {
          if (port.protocol != smi::PortProtocol::kUdp) tags.insert(TagOf(*service, port));
        }
      }
    }
    if (tags.empty()) {
      outcome.lost = true;
      const std::string who = identity.spiffe_id.empty() ? "ServiceAccount " + identity.namespace_name + "/" +
                                                               identity.service_account + " has no Service"
                                                         : identity.spiffe_id + " is no kuma.io/service";
      outcome.Warn("NARROWED", at, who + ", so it cannot be named as a caller", kServiceTag);
    }
    callers.merge(tags);
  }
  return callers;
}

// What a tag of the Service stands for among the workloads.
std::set<PodPort> BehindTag(const smi::Service& service, const smi::ServicePort& port,
                            const std::vector<const smi::Workload*>& workloads) {
  std::set<PodPort> out;
  for (const smi::Workload* workload : workloads) {
    const auto target = smi::ResolveTargetPort(port, workload->ports);
    if (target.has_value() && smi::Selects(service.selector, workload->labels)) out.insert({workload, *target});
  }
  return out;
}

json Subset(const std::string& tag) {
  return {{"kind", "MeshSubset"}, {"tags", {{kServiceTag, tag}}}};
}

json DenyEverybody() {
  return {{"targetRef", {{"kind", "Mesh"}}}, {"default", {{"action", "Deny"}}}};
}

}  // namespace

std::string SpiffeId(const EmitContext& context, const smi::Identity& identity) {
  if (!identity.spiffe_id.empty()) return identity.spiffe_id;
  const bool said = !context.options.trust_domain.empty() || context.trust_domain != kNeutralTrustDomain;
  return "spiffe://" + (said ? context.trust_domain : kDefaultTrustDomain) + "/ns/" + identity.namespace_name + "/sa/" +
         identity.service_account;
}

json MeshLabels() {
  return {{"kuma.io/mesh", "default"}};
}

bool Carries(const EmitContext& context, const smi::Grant& grant, bool filtered, Outcome& outcome) {
  const std::string& at = grant.target->head.spec_pointer;
  outcome.lost = outcome.lost || grant.reduced;
  if (grant.udp.scope != smi::PortScope::kNone) {
    outcome.lost = true;
    outcome.Warn("UDP_UNSUPPORTED", at, "Kuma does not carry UDP; UDPRoute rules have no effect", "UDP");
  }
  if (!grant.http.has_value()) return grant.AllowsTcp();
  if (filtered) {
    if (grant.AllowsTcp()) {
      outcome.Warn(
          "FILTER_REQUIRED", at,
          "the HTTPRouteGroup rules are checked by a MeshProxyPatch only; without it everything on the ports is "
          "allowed",
          "MeshProxyPatch");
    }
    return grant.AllowsTcp();
  }
  outcome.lost = true;
  if (!context.options.allow_widening) {
    outcome.Warn("L7_ACCESS_UNSUPPORTED", at,
                 "MeshTrafficPermission cannot look at requests; the HTTPRouteGroup rules allow nothing", kPermission);
    return false;
  }
  if (!grant.AllowsTcp()) return false;
  outcome.Warn("WIDENED", at, "every request on the ports is allowed, not only those of the HTTPRouteGroups",
               kPermission);
  return true;
}

void EmitByMeshIdentity(EmitContext& context, const smi::Grant& grant, bool filtered, Outcome& outcome) {
  const smi::Head& source = grant.target->head;
  const std::string at = source.spec_pointer + "/destination";
  const bool carries = Carries(context, grant, filtered, outcome);
  const smi::Selections selected = smi::SelectWorkloads(context.facts, grant.destination, at, outcome.diagnostics);
  outcome.lost = outcome.lost || selected.left_out;
  if (selected.selections.empty() && !selected.left_out) {
    outcome.Report("PENDING", smi::Severity::kInfo, at,
                   "no workload runs as ServiceAccount " + grant.destination.namespace_name + "/" +
                       grant.destination.service_account + " yet");
  }
  if (!carries) return;
  json allow = json::array();
  for (const smi::Identity& identity : grant.sources) {
    allow.push_back({{"spiffeID", {{"type", "Exact"}, {"value", SpiffeId(context, identity)}}}});
  }
  const std::string& home = grant.destination.namespace_name;
  for (const smi::Selection& selection : selected.selections) {
    const bool listed = grant.tcp.scope == smi::PortScope::kListed;
    std::set<std::string> sections = {""};
    if (listed) sections = SectionsOf(context, grant, selection, outcome);
    if (sections.empty()) {
      outcome.lost = true;
      outcome.Warn("NARROWED", source.spec_pointer,
                   "pods of " + selection.name + " have no inbound for the ports; nothing is allowed there");
    }
    const std::string pods = selected.selections.size() > 1 || selected.left_out ? selection.name : "";
    for (const std::string& section : sections) {
      json target = {{"kind", "Dataplane"}, {"labels", selection.selector}};
      if (!section.empty()) target["sectionName"] = section;
      const std::string part = sections.size() == 1 ? pods : pods + (pods.empty() ? "" : "/") + section;
      context.drafts.Add(
          {kPermissionWave,
           {kVersion, kPermission, home, translate::ObjectName(source.key, home, source.key.name, part)},
           {{"targetRef", std::move(target)}, {"rules", json::array({{{"default", {{"allow", allow}}}}})}},
           {&source},
           MeshLabels()});
      ++outcome.in_force;
    }
  }
}

void ServicePermissions::Add(EmitContext& context, const smi::Head& source, const smi::Identity& destination,
                             const smi::Grant* grant, Outcome& outcome) {
  const std::string at = source.spec_pointer + "/destination";
  std::set<std::string> callers;
  if (grant != nullptr && Carries(context, *grant, false, outcome)) callers = CallersOf(context, *grant, outcome);
  const auto workloads = context.facts.WorkloadsOfAccount(destination.namespace_name, destination.service_account);
  if (workloads.empty()) {
    outcome.Report("PENDING", smi::Severity::kInfo, at,
                   "no workload runs as ServiceAccount " + destination.namespace_name + "/" +
                       destination.service_account + " yet");
    return;
  }
  const AccountServices services = ServicesOfAccount(context, destination, at, outcome);
  if (services.own.empty()) {
    outcome.lost = true;
    outcome.Warn("NARROWED", at,
                 "no Service stands for ServiceAccount " + destination.service_account +
                     " alone, so it cannot be named as a destination",
                 kServiceTag);
  }
  if (mode_ == BaselineMode::kStrict) strict_homes_[destination.namespace_name].push_back(&source);
  const bool listed = grant != nullptr && grant->tcp.scope == smi::PortScope::kListed;
  std::set<PodPort> wanted;
  if (listed) wanted = WantedOf(context, *grant, {{}, "", workloads}, kServiceTag, outcome);
  std::set<PodPort> guarded;
  for (const smi::Service* service : services.own) {
    for (const smi::ServicePort& port : service->ports) {
      if (port.protocol == smi::PortProtocol::kUdp) continue;
      const std::set<PodPort> behind = BehindTag(*service, port, workloads);
      guarded.insert(behind.begin(), behind.end());
      Destination& to = Guard(*service, port, destination.service_account, source);
      if (grant == nullptr || grant->tcp.scope == smi::PortScope::kNone || callers.empty()) continue;
      const std::string tag = TagOf(*service, port);
      if (listed && !IsAllWanted(behind, wanted, "tag " + tag, source.spec_pointer, kServiceTag, outcome)) continue;
      to.callers.insert(callers.begin(), callers.end());
      ++outcome.in_force;
    }
  }
  // The tags of one pod port share a listener, so a tag of its own guards what a shared Service leads to as well.
  for (const smi::Service* service : services.shared) {
    for (const smi::ServicePort& port : service->ports) {
      const std::set<PodPort> behind = BehindTag(*service, port, workloads);
      const bool open = !std::includes(guarded.begin(), guarded.end(), behind.begin(), behind.end());
      if (open && port.protocol != smi::PortProtocol::kUdp) Guard(*service, port, destination.service_account, source);
    }
  }
}

ServicePermissions::Destination& ServicePermissions::Guard(const smi::Service& service, const smi::ServicePort& port,
                                                           const std::string& account, const smi::Head& source) {
  Destination& to = destinations_[TagOf(service, port)];
  to.namespace_name = service.namespace_name;
  // Of two accounts behind one Service the first by name gives the object its own, whatever the order of targets.
  if (to.account.empty() || account < to.account) to.account = account;
  to.part = service.name + "/" + std::to_string(port.port);
  if (to.sources.empty() || to.sources.back() != &source) to.sources.push_back(&source);
  return to;
}

void ServicePermissions::Draft(EmitContext& context) const {
  for (const auto& [tag, to] : destinations_) {
    // A later entry overrides an earlier one.
    json from = json::array({DenyEverybody()});
    for (const std::string& caller : to.callers) {
      from.push_back({{"targetRef", Subset(caller)}, {"default", {{"action", "Allow"}}}});
    }
    const smi::ObjectKey account{"", "ServiceAccount", to.namespace_name, to.account};
    context.drafts.Add({kPermissionWave,
                        {kVersion, kPermission, to.namespace_name,
                         translate::ObjectName(account, to.namespace_name, to.account, to.part)},
                        {{"targetRef", Subset(tag)}, {"from", std::move(from)}},
                        to.sources,
                        MeshLabels()});
  }
  for (const auto& [namespace_name, sources] : strict_homes_) {
    context.drafts.Add({kDenyNamespaceWave,
                        {kVersion, kPermission, namespace_name, kNamespaceBaseline},
                        {{"targetRef", {{"kind", "Mesh"}}}, {"from", json::array({DenyEverybody()})}},
                        sources,
                        MeshLabels()});
  }
}

void Explain(const smi::Grant& grant, Outcome& outcome) {
  const std::string account = grant.destination.namespace_name + "/" + grant.destination.service_account;
  if (outcome.in_force == 0) {
    outcome.explanation = "Nothing of this target is in force.";
  } else if (outcome.lost) {
    outcome.explanation = "Not exactly what this target allows at " + account + " is in force; see the diagnostics.";
  } else {
    outcome.explanation = "Workloads of " + account + " accept exactly what this target allows.";
  }
}

}  // namespace meshplay::kuma
