#include "adapters/istio/emitter/internal/ambient.h"

#include <algorithm>

#include "adapters/gamma/split.h"
#include "adapters/istio/emitter/internal/rules.h"
#include "adapters/istio/emitter/internal/split.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;
using translate::EmitContext;
using translate::Outcome;

bool LeadsThere(const smi::Grant* grant) {
  return grant != nullptr && grant->AllowsTcp();
}

json TargetRef(const smi::Service& service) {
  return {{"targetRefs", json::array({{{"group", ""}, {"kind", "Service"}, {"name", service.name}}})}};
}

}  // namespace

void AmbientMode::Target(const smi::Head& source, const smi::Identity& destination, const smi::Grant* grant) {
  destinations_.push_back({&source, destination, grant});
  guarded_.emplace(destination.namespace_name, destination.service_account);
}

void AmbientMode::Split(EmitContext& context, const smi::Split& split, Outcome& outcome) {
  const smi::Head& head = split.split->head;
  const smi::Service* root = context.facts.FindService(split.namespace_name, split.root);
  if (RefuseForeignVirtualService(context, split, outcome)) return;
  if (root == nullptr || !WaypointOf(context, *root).has_value()) {
    outcome.Warn("AMBIENT_L7_REQUIRES_WAYPOINT", head.spec_pointer + "/service",
                 "Service " + split.root + " uses no waypoint, and ztunnel does not route", "HTTPRoute");
    outcome.explanation = "Not applied: ambient mode splits at the waypoint of the root Service, which has none.";
    return;
  }
  std::vector<const smi::Service*> ends = {root};
  for (const smi::SplitBackend& backend : split.split->backends) {
    const smi::Service* service = context.facts.FindService(split.namespace_name, backend.service);
    if (service != nullptr && service != root) ends.push_back(service);
  }
  const std::set<std::string> accounts = AccountsBehind(context, ends);
  const bool guarded = std::any_of(accounts.begin(), accounts.end(), [&](const std::string& account) {
    return guarded_.count({split.namespace_name, account}) != 0;
  });
  if (accounts.size() > 1 && guarded) {
    outcome.Report("NOT_REPRESENTABLE", smi::Severity::kError, head.spec_pointer + "/backends",
                   "the waypoint checks access where requests enter, at the root, but the backends run as different "
                   "ServiceAccounts with targets of their own",
                   "AuthorizationPolicy targetRefs");
    outcome.explanation = "Not applied: a request could reach a backend that its caller may not call.";
    return;
  }
  gamma::RouteStyle style;
  style.mesh = "Istio's ambient mode";
  style.regex_last = true;
  style.wave = kWaypointRouteWave;
  gamma::EmitSplit(context, split, style, outcome);
  if (outcome.in_force > 0) splits_[{split.namespace_name, split.root}] = std::move(ends);
}

void AmbientMode::Draft(EmitContext& context, translate::Outcomes& outcomes) {
  FindWays(context);
  for (const Destination& to : destinations_) DraftTarget(context, to, outcomes.at(to.source));
}

const std::vector<const smi::Workload*>& AmbientMode::Selected(const EmitContext& context,
                                                               const smi::Service& service) {
  const auto [it, added] = selected_.emplace(&service, std::vector<const smi::Workload*>());
  if (added) it->second = context.facts.WorkloadsSelectedBy(service.namespace_name, service.selector);
  return it->second;
}

std::set<std::string> AmbientMode::AccountsBehind(const EmitContext& context,
                                                  const std::vector<const smi::Service*>& services) {
  std::set<std::string> accounts;
  for (const smi::Service* service : services) {
    for (const smi::Workload* workload : Selected(context, *service)) accounts.insert(workload->service_account);
  }
  return accounts;
}

std::vector<const smi::Service*> AmbientMode::EndsOf(const smi::Service& service) const {
  const auto split = splits_.find({service.namespace_name, service.name});
  return split == splits_.end() ? std::vector<const smi::Service*>{&service} : split->second;
}

// Only Services that select pods of a destination, and roots of splits, lead to one.
void AmbientMode::FindWays(const EmitContext& context) {
  std::map<std::pair<std::string, std::string>, const smi::Service*> leading;  // By namespace and name.
  const auto lead = [&](const smi::Service* service) {
    leading.emplace(std::pair(service->namespace_name, service->name), service);
  };
  std::set<std::string> namespaces;
  for (const auto& [namespace_name, account] : guarded_) {
    namespaces.insert(namespace_name);
    for (const smi::Workload* workload : context.facts.WorkloadsOfAccount(namespace_name, account)) {
      for (const smi::Service* service : context.facts.ServicesSelecting(*workload)) lead(service);
    }
  }
  for (const std::string& namespace_name : namespaces) {
    if (splits_.empty()) break;
    for (const smi::Service* service : context.facts.ServicesOf(namespace_name)) {
      if (splits_.count({namespace_name, service->name}) != 0) lead(service);
    }
  }
  for (const auto& [key, service] : leading) {
    Way way{service, EndsOf(*service), WaypointOf(context, *service), false};
    const std::set<std::string> accounts = AccountsBehind(context, way.ends);
    way.shared = accounts.size() > 1;
    for (const std::string& account : accounts) ways_[{service->namespace_name, account}].push_back(way);
  }
}

// A Service port is allowed when every pod port that it leads to is.
json AmbientMode::RulesFor(const EmitContext& context, const Destination& to, const Way& way, const Allowed& allowed,
                           Outcome& outcome) {
  if (!LeadsThere(to.grant)) return json::array();
  if (to.grant->tcp.scope == smi::PortScope::kAny) return RulesOf(context, *to.grant, {}, false, outcome);
  std::vector<int> ports;
  for (const smi::ServicePort& entry : way.service->ports) {
    bool any = false;
    bool all = entry.protocol != smi::PortProtocol::kUdp;
    for (const smi::Service* end : way.ends) {
      for (const smi::ServicePort& port : end->ports) {
        if (port.port != entry.port || port.protocol == smi::PortProtocol::kUdp) continue;
        for (const smi::Workload* workload : Selected(context, *end)) {
          const auto target = smi::ResolveTargetPort(port, workload->ports);
          const bool is_allowed = target.has_value() && allowed.count({workload, *target}) != 0;
          any = any || is_allowed;
          all = all && (is_allowed || !target.has_value());
        }
      }
    }
    if (any && all) ports.push_back(entry.port);
  }
  return ports.empty() ? json::array() : RulesOf(context, *to.grant, ports, false, outcome);
}

// The policies that waypoints check. Returns the waypoints that may call the pods for this target.
std::set<Waypoint> AmbientMode::DraftWays(EmitContext& context, const Destination& to, const smi::Selections& selected,
                                          Outcome& outcome) {
  const std::string& at = to.source->spec_pointer;
  Allowed allowed;
  if (LeadsThere(to.grant) && to.grant->tcp.scope == smi::PortScope::kListed) {
    for (const smi::Selection& selection : selected.selections) {
      for (const smi::Workload* workload : selection.workloads) {
        const smi::Selection one{selection.selector, selection.name, {workload}};
        for (const int port : PodPortsOf(context, *to.grant, one, outcome)) allowed.emplace(workload, port);
      }
    }
  }
  const bool requests = LeadsThere(to.grant) && to.grant->http.has_value();
  const auto lost = [&](const char* code, const std::string& message) {
    if (!LeadsThere(to.grant)) return;
    outcome.lost = true;
    outcome.Warn(code, at, message, "AuthorizationPolicy targetRefs");
  };
  std::set<Waypoint> callers;
  const std::vector<Way>& ways = ways_[{to.identity.namespace_name, to.identity.service_account}];
  for (const Way& way : ways) {
    const std::string name = "Service " + way.service->name;
    if (!way.waypoint.has_value()) {
      if (requests) {
        lost("AMBIENT_L7_REQUIRES_WAYPOINT",
             name + " uses no waypoint, and ztunnel does not see requests; nothing is allowed there");
      }
      continue;
    }
    const bool past = std::any_of(selected.selections.begin(), selected.selections.end(), [&](const auto& selection) {
      return std::any_of(selection.workloads.begin(), selection.workloads.end(),
                         [&](const smi::Workload* w) { return TakesPodsOf(context, *way.waypoint, *w); });
    });
    if (past) {
      lost("NARROWED",
           "waypoint " + way.waypoint->name + " of " + name +
               " also takes traffic to the pods, which policies of Services do not check; it is not let in");
      continue;
    }
    json rules = json::array();
    if (way.shared) {
      lost("AMBIGUOUS_IDENTITY", name + " also leads to pods of another ServiceAccount than " +
                                     to.identity.service_account + "; it allows nothing");
    } else {
      rules = RulesFor(context, to, way, allowed, outcome);
    }
    if (!rules.empty()) callers.insert(*way.waypoint);
    outcome.in_force += static_cast<int>(rules.size());
    AddPolicy(context, *to.source, to.identity.namespace_name, "service-" + way.service->name, TargetRef(*way.service),
              std::move(rules));
  }
  if (ways.empty() && requests) {
    lost("AMBIENT_L7_REQUIRES_WAYPOINT", "no Service leads to ServiceAccount " + to.identity.service_account +
                                             ", so no waypoint sees its requests; nothing is allowed");
  }
  return callers;
}

void AmbientMode::DraftTarget(EmitContext& context, const Destination& to, Outcome& outcome) {
  const smi::Grant* grant = to.grant;
  if (grant != nullptr) outcome.lost = outcome.lost || grant->reduced;
  if (grant != nullptr && grant->udp.scope != smi::PortScope::kNone) {
    outcome.lost = true;
    outcome.Warn("UDP_UNSUPPORTED", to.source->spec_pointer,
                 "Istio's ztunnel does not carry UDP; its UDPRoute rules have no effect", "UDP");
  }
  const smi::Selections selected = SelectDestination(context, *to.source, to.identity, outcome);
  std::vector<smi::Identity> callers;
  if (!selected.selections.empty()) {
    for (const Waypoint& waypoint : DraftWays(context, to, selected, outcome)) {
      callers.push_back({waypoint.namespace_name, waypoint.service_account, ""});
    }
  }
  for (const smi::Selection& selection : selected.selections) {
    const bool parted = selected.selections.size() > 1 || selected.left_out;
    json rules = json::array();
    if (LeadsThere(grant) && !grant->http.has_value()) {
      const bool any_port = grant->tcp.scope == smi::PortScope::kAny;
      const std::vector<int> ports = any_port ? std::vector<int>() : PodPortsOf(context, *grant, selection, outcome);
      if (any_port || !ports.empty()) rules = RulesOf(context, *grant, ports, false, outcome);
      outcome.in_force += static_cast<int>(rules.size());
    }
    if (!callers.empty()) rules.push_back({{"from", FromList(context, callers)}});
    AddPolicy(context, *to.source, to.identity.namespace_name, parted ? "pods-" + selection.name : "",
              SelectorOf(selection.selector), std::move(rules));
    AddForDestination(context, options_, *to.source, to.identity, parted ? selection.name : "", selection.selector);
  }
  if (selected.left_out) AddForNamespace(context, options_, *to.source, to.identity.namespace_name);
  if (grant == nullptr) {
    outcome.explanation = "The object is not valid: it allows nothing, and its destination denies by default.";
  } else if (selected.selections.empty()) {
    outcome.explanation = "Nothing is in force yet: no workload of the destination can be selected.";
  } else {
    outcome.explanation = Explain(*grant, outcome);
  }
}

}  // namespace meshplay::istio
