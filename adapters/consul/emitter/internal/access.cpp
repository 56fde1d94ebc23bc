#include "adapters/consul/emitter/internal/access.h"

#include <algorithm>

#include "adapters/consul/emitter/internal/requests.h"

namespace meshplay::consul {
namespace {

using nlohmann::json;
using smi::PortProtocol;
using smi::PortScope;
using translate::EmitContext;
using translate::Outcome;

constexpr const char* kIntentions = "ServiceIntentions";
constexpr const char* kDenyAll = "smi-deny-all";
constexpr const char* kDenyAllNamespace = "default";
constexpr const char* kEverybody = "*";

std::string AccountText(const smi::Identity& identity) {
  return identity.namespace_name + "/" + identity.service_account;
}

std::string IntentionsName(const smi::Service& service) {
  const smi::ObjectKey key{"", "Service", service.namespace_name, service.name};
  const std::string out = translate::ObjectName(key, service.namespace_name, service.name, "");
  return out == kDenyAll ? translate::ObjectName(key, service.namespace_name, service.name, "service") : out;
}

json DenyEverybody() {
  return {{"name", kEverybody}, {"action", "deny"}};
}

void Conflict(Outcome& outcome, const std::string& pointer, const std::string& message) {
  outcome.lost = true;
  outcome.Report("CONFLICT", smi::Severity::kError, pointer, message, kIntentions);
}

// Somebody else's rule for everything, if it is not the one that strict mode would write.
bool HasForeignDefault(const Catalog& catalog) {
  const json* foreign = catalog.Foreign(kIntentions, kEverybody);
  if (foreign == nullptr) return false;
  const json sources = foreign->value("spec", json::object()).value("sources", json());
  if (!sources.is_array() || sources.size() != 1 || !sources[0].is_object()) return true;
  return sources[0].value("name", json()) != kEverybody || sources[0].value("action", json()) != "deny";
}

// The name by which a caller is known when nothing is known of its pods: with access lists on, Consul insists that a
// service is called like its ServiceAccount.
bool IsNamedLikeAccount(const EmitContext& context, const Catalog& catalog, const smi::Identity& identity) {
  if (!context.facts.WorkloadsOfAccount(identity.namespace_name, identity.service_account).empty()) return false;
  if (identity.service_account.find('.') != std::string::npos) return false;
  if (catalog.IsAmbiguous(identity.service_account, identity.namespace_name)) return false;
  const smi::Service* service = context.facts.FindService(identity.namespace_name, identity.service_account);
  if (service == nullptr) return true;
  const auto& workloads = context.facts.WorkloadsOf(identity.namespace_name);
  return std::none_of(workloads.begin(), workloads.end(),
                      [&](const smi::Workload* w) { return smi::Selects(service->selector, w->labels); });
}

// Says which pods of a named caller are left out, because no service of Consul stands for them.
void ReportUnnamed(const EmitContext& context, const smi::Identity& identity, const std::string& at, Outcome& outcome) {
  for (const smi::Workload* workload :
       context.facts.WorkloadsOfAccount(identity.namespace_name, identity.service_account)) {
    const auto services = context.facts.ServicesSelecting(*workload);
    if (std::any_of(services.begin(), services.end(), [](const auto* service) { return IsRegistered(*service); })) {
      continue;
    }
    outcome.lost = true;
    outcome.Warn("NARROWED", at,
                 "no Service stands for " + workload->kind + " " + workload->name + " of ServiceAccount " +
                     AccountText(identity) + ", so it cannot be named as a caller",
                 kIntentions);
  }
}

std::vector<std::string> CallersOf(const EmitContext& context, Catalog& catalog, const smi::Grant& grant,
                                   Outcome& outcome) {
  const std::string at = grant.target->head.spec_pointer + "/sources";
  std::vector<std::string> callers;
  const auto add = [&](const std::string& name) {
    if (std::find(callers.begin(), callers.end(), name) == callers.end()) callers.push_back(name);
  };
  for (const smi::Identity& identity : grant.sources) {
    bool named = false;
    bool ambiguous = false;
    if (identity.spiffe_id.empty()) {
      for (const NamedService& candidate : catalog.ServicesOf(identity)) {
        const std::string& name = candidate.service->name;
        if (candidate.shared || catalog.IsAmbiguous(name, identity.namespace_name)) {
          ambiguous = true;
          outcome.lost = true;
          outcome.Warn("AMBIGUOUS_IDENTITY", at,
                       "Service " + name +
                           (candidate.shared ? " also stands for another ServiceAccount than "
                                             : " has a namesake in another namespace than that of ") +
                           AccountText(identity) + ", so it cannot be named as a caller",
                       kIntentions);
          continue;
        }
        add(name);
        named = true;
      }
      if (!named && !ambiguous && IsNamedLikeAccount(context, catalog, identity)) {
        add(identity.service_account);
        named = true;
      }
    }
    if (named) ReportUnnamed(context, identity, at, outcome);
    if (named || ambiguous) continue;
    outcome.lost = true;
    outcome.Warn("NARROWED", at,
                 identity.spiffe_id.empty() ? "no Service stands for ServiceAccount " + AccountText(identity) +
                                                  ", so it cannot be named as a caller"
                                            : identity.spiffe_id + " is no service of Consul",
                 kIntentions);
  }
  return callers;
}

enum class Coverage { kNone, kSome, kAll };

// How much of what leads into pods through a service the wanted ports are: a service is allowed as a whole.
Coverage CoverageOf(const EmitContext& context, const smi::Grant& grant, const smi::Service& service) {
  if (grant.tcp.scope == PortScope::kAny) return Coverage::kAll;
  bool some = false;
  bool all = true;
  for (const smi::Workload* workload :
       context.facts.WorkloadsOfAccount(grant.destination.namespace_name, grant.destination.service_account)) {
    if (!smi::Selects(service.selector, workload->labels)) continue;
    const smi::Selection pods{workload->selector, workload->name, {workload}};
    const std::vector<int> wanted = smi::ResolvePodPorts(context.facts, grant.destination, pods, grant.tcp.ports).ports;
    for (const smi::ServicePort& port : service.ports) {
      if (port.protocol == PortProtocol::kUdp) continue;
      const std::optional<int> target = smi::ResolveTargetPort(port, workload->ports);
      const auto& listed = grant.tcp.ports;
      const bool covered = target.has_value() ? std::binary_search(wanted.begin(), wanted.end(), *target)
                                              : std::binary_search(listed.begin(), listed.end(), port.port);
      some = some || covered;
      all = all && covered;
    }
  }
  return !some ? Coverage::kNone : all ? Coverage::kAll : Coverage::kSome;
}

bool CarriesTcp(const smi::Service& service) {
  return std::any_of(service.ports.begin(), service.ports.end(),
                     [](const smi::ServicePort& port) { return port.protocol != PortProtocol::kUdp; });
}

// Ports of the grant to which no service leads.
void ReportPorts(const EmitContext& context, const smi::Grant& grant, const std::vector<const smi::Service*>& services,
                 Outcome& outcome) {
  if (grant.tcp.scope != PortScope::kListed) return;
  const std::string& at = grant.target->head.spec_pointer;
  const auto workloads =
      context.facts.WorkloadsOfAccount(grant.destination.namespace_name, grant.destination.service_account);
  for (const int wanted : grant.tcp.ports) {
    bool by_number = false;
    bool by_target = false;
    for (const smi::Service* service : services) {
      for (const smi::ServicePort& port : service->ports) {
        if (port.protocol == PortProtocol::kUdp) continue;
        by_number = by_number || port.port == wanted;
        by_target = by_target || std::any_of(workloads.begin(), workloads.end(), [&](const smi::Workload* workload) {
                      return smi::ResolveTargetPort(port, workload->ports) == wanted;
                    });
      }
    }
    if (by_number) continue;
    if (by_target) {
      outcome.Warn("PORT_ASSUMED_TARGET", at,
                   "no Service of ServiceAccount " + AccountText(grant.destination) + " has port " +
                       std::to_string(wanted) + "; it is taken for a pod port");
      continue;
    }
    outcome.lost = true;
    outcome.Warn("NARROWED", at,
                 "no service of Consul leads to port " + std::to_string(wanted) + "; nothing is allowed there",
                 kIntentions);
  }
}

}  // namespace

std::vector<NamedService> Intentions::DestinationServices(EmitContext& context, Catalog& catalog,
                                                          const smi::Head& source, const smi::Identity& destination,
                                                          Outcome& outcome) const {
  const std::string at = source.spec_pointer + "/destination";
  if (context.facts.WorkloadsOfAccount(destination.namespace_name, destination.service_account).empty()) {
    outcome.Report("PENDING", smi::Severity::kInfo, at,
                   "no workload runs as ServiceAccount " + AccountText(destination) + " yet");
    return {};
  }
  std::vector<NamedService> services;
  bool alone = false;
  bool refused = mode_ == BaselineMode::kStrict && HasForeignDefault(catalog);
  if (refused) Conflict(outcome, at, "ServiceIntentions of somebody else already tell what all services allow");
  for (const NamedService& candidate : catalog.ServicesOf(destination)) {
    const smi::Service& service = *candidate.service;
    if (!CarriesTcp(service)) continue;
    services.push_back(candidate);
    alone = alone || !candidate.shared;
    if (candidate.shared) {
      outcome.lost = true;
      outcome.Warn("AMBIGUOUS_IDENTITY", at,
                   "Service " + service.name + " also selects pods of another ServiceAccount than " +
                       destination.service_account + "; it denies everybody",
                   kIntentions);
    }
    if (catalog.IsAmbiguous(service.name, service.namespace_name)) {
      refused = true;
      Conflict(outcome, at,
               "another namespace has a Service " + service.name + " too, and Consul knows services by name only");
    } else if (catalog.Foreign(kIntentions, service.name) != nullptr) {
      refused = true;
      Conflict(outcome, at, "ServiceIntentions of somebody else already tell who may call service " + service.name);
    }
  }
  if (!alone) {
    outcome.lost = true;
    outcome.Warn("NARROWED", at,
                 "no Service stands for ServiceAccount " + AccountText(destination) +
                     " alone, so it cannot be named as a destination",
                 kIntentions);
  }
  return refused ? std::vector<NamedService>() : services;
}

void Intentions::Add(EmitContext& context, Catalog& catalog, const smi::Head& source, const smi::Identity& destination,
                     const smi::Grant* grant, Outcome& outcome) {
  std::vector<std::string> callers;
  if (grant != nullptr) {
    outcome.lost = outcome.lost || grant->reduced;
    if (grant->udp.scope != PortScope::kNone) {
      outcome.lost = true;
      outcome.Warn("UDP_UNSUPPORTED", source.spec_pointer, "Consul does not carry UDP; UDPRoute rules have no effect",
                   "UDP");
    }
    callers = CallersOf(context, catalog, *grant, outcome);
  }
  const auto services = DestinationServices(context, catalog, source, destination, outcome);
  if (services.empty()) return;
  std::string passed_over;
  bool concerned = false;
  std::vector<const smi::Service*> own;
  for (const auto& [service, shared] : services) {
    Destination& to = destinations_[{service->namespace_name, service->name}];
    to.service = service;
    to.sources.push_back(&source);
    if (shared) continue;
    own.push_back(service);
    if (grant == nullptr || !grant->AllowsTcp() || callers.empty()) continue;
    const bool taken = Allow(context, catalog, *grant, callers, to, outcome);
    concerned = concerned || taken;
    if (!taken) passed_over = service->name;
  }
  if (!concerned && !passed_over.empty()) {
    outcome.lost = true;
    outcome.Warn("L7_ACCESS_UNSUPPORTED", source.spec_pointer,
                 "service " + passed_over + " carries TCP; the HTTPRouteGroup rules allow nothing", kIntentions);
  }
  if (grant != nullptr && grant->AllowsTcp() && !own.empty()) ReportPorts(context, *grant, own, outcome);
}

Intentions::Caller& Intentions::CallerOf(Destination& to, const std::string& name) {
  const auto known =
      std::find_if(to.callers.begin(), to.callers.end(), [&](const Caller& caller) { return caller.name == name; });
  return known != to.callers.end() ? *known : to.callers.emplace_back(Caller{name, false, {}});
}

bool Intentions::Allow(EmitContext& context, const Catalog& catalog, const smi::Grant& grant,
                       const std::vector<std::string>& callers, Destination& to, Outcome& outcome) {
  const smi::Head& source = grant.target->head;
  const std::string& name = to.service->name;
  const auto widen = [&](const std::string& what) {
    outcome.lost = true;
    outcome.Warn("WIDENED", source.spec_pointer, what, kIntentions);
  };
  const Coverage coverage = CoverageOf(context, grant, *to.service);
  if (coverage == Coverage::kNone) return true;
  if (coverage == Coverage::kSome && context.options.allow_widening) {
    widen("all ports of service " + name + " are allowed, because Consul allows services as a whole");
  } else if (coverage == Coverage::kSome) {
    outcome.lost = true;
    outcome.Warn("NARROWED", source.spec_pointer,
                 "service " + name + " has other ports too, and Consul allows services as a whole; it allows nothing",
                 kIntentions);
    return true;
  }
  std::vector<json> requests;
  bool everything = !grant.http.has_value();
  if (!everything) {
    const Protocol protocol = catalog.ProtocolOf(name, to.service);
    if (protocol.only_tcp && grant.tcp.scope == PortScope::kAny && !context.options.allow_widening) return false;
    to.protocol = protocol.name;
    if (protocol.name.empty() && context.options.allow_widening) {
      everything = true;
      widen("all bytes are allowed, not only the requests of the HTTPRouteGroups: " + protocol.problem);
    } else if (protocol.name.empty()) {
      outcome.lost = true;
      outcome.Warn("L7_ACCESS_UNSUPPORTED", source.spec_pointer,
                   protocol.problem + "; the HTTPRouteGroup rules allow nothing there", kIntentions);
      return true;
    } else {
      for (const smi::RequestMatch& match : *grant.http) {
        std::vector<json> entries = HttpEntries(match);
        requests.insert(requests.end(), entries.begin(), entries.end());
        if (!match.path.dot_taken_literally) continue;
        outcome.lost = true;
        outcome.Warn("NARROWED", match.pointer,
                     "match " + match.group + "/" + match.name + ": \".\" in pathRegex " + match.path_regex +
                         " is taken for a dot (lenientDots)",
                     kIntentions);
      }
    }
  }
  if (!everything && requests.empty()) return true;
  ++outcome.in_force;
  if (everything) to.any_bytes.insert(&source);
  to.looks_at_requests = to.looks_at_requests || !everything;
  for (const std::string& caller_name : callers) {
    Caller& caller = CallerOf(to, caller_name);
    caller.everything = caller.everything || everything;
    for (const json& entry : requests) {
      if (std::find(caller.requests.begin(), caller.requests.end(), entry) == caller.requests.end()) {
        caller.requests.push_back(entry);
      }
    }
  }
  return true;
}

json Intentions::SourceOf(const Caller& caller) {
  if (caller.everything) return {{"name", caller.name}, {"action", "allow"}};
  json permissions = json::array();
  for (const json& entry : caller.requests) permissions.push_back({{"action", "allow"}, {"http", entry}});
  // What no permission takes is left to Consul's default, which may be to allow.
  const bool all = std::find(caller.requests.begin(), caller.requests.end(), AnyRequest()) != caller.requests.end();
  if (!all) permissions.push_back({{"action", "deny"}, {"http", AnyRequest()}});
  return {{"name", caller.name}, {"permissions", std::move(permissions)}};
}

void Intentions::Draft(EmitContext& context, const Catalog& catalog, translate::Outcomes& outcomes) const {
  std::vector<const smi::Head*> all_sources;
  for (const auto& [key, to] : destinations_) {
    const auto& [namespace_name, name] = key;
    json sources = json::array();
    for (const Caller& caller : to.callers) sources.push_back(SourceOf(caller));
    sources.push_back(DenyEverybody());
    if (to.looks_at_requests) {
      AddDefaults(context, catalog, namespace_name, name, to.protocol, to.sources);
      const bool unnamed = std::any_of(to.service->ports.begin(), to.service->ports.end(),
                                       [](const auto& port) { return port.protocol == PortProtocol::kUnknown; });
      for (const smi::Head* source : to.any_bytes) {
        if (!unnamed) continue;
        Outcome& outcome = outcomes.at(source);
        outcome.lost = true;
        outcome.Warn("NARROWED", source->spec_pointer,
                     "service " + name + " speaks " + to.protocol +
                         " because other targets look at its requests; other bytes do not pass",
                     "ServiceDefaults");
      }
    }
    context.drafts.Add({kIntentionsWave,
                        {kVersion, kIntentions, namespace_name, IntentionsName(*to.service)},
                        {{"destination", {{"name", name}}}, {"sources", std::move(sources)}},
                        to.sources});
    for (const smi::Head* source : to.sources) {
      if (std::find(all_sources.begin(), all_sources.end(), source) == all_sources.end()) all_sources.push_back(source);
    }
  }
  if (mode_ != BaselineMode::kStrict || destinations_.empty()) return;
  if (catalog.Foreign(kIntentions, kEverybody) != nullptr) return;  // It denies too.
  // Consul takes one for the whole datacenter, so its place must not depend on which targets there are.
  context.drafts.Add({kDenyAllWave,
                      {kVersion, kIntentions, kDenyAllNamespace, kDenyAll},
                      {{"destination", {{"name", kEverybody}}}, {"sources", json::array({DenyEverybody()})}},
                      all_sources});
}

void Explain(const smi::Grant& grant, Outcome& outcome) {
  const std::string account = AccountText(grant.destination);
  if (outcome.in_force == 0) {
    outcome.explanation = "Nothing of this target is in force.";
  } else if (outcome.lost) {
    outcome.explanation = "Not exactly what this target allows at " + account + " is in force; see the diagnostics.";
  } else {
    outcome.explanation = "The services of " + account + " accept exactly what this target allows.";
  }
}

}  // namespace meshplay::consul
