#include "libs/smi/resolve.h"

#include <algorithm>

namespace meshplay::smi {
namespace {

void Warn(std::vector<Diagnostic>& diagnostics, std::string code, std::string pointer, std::string message) {
  diagnostics.push_back({std::move(code), Severity::kWarning, std::move(pointer), std::move(message), ""});
}

template <class T>
void AddUnique(std::vector<T>& to, const T& value) {
  if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
}

void Normalise(Ports& ports) {
  std::sort(ports.ports.begin(), ports.ports.end());
  ports.ports.erase(std::unique(ports.ports.begin(), ports.ports.end()), ports.ports.end());
}

void AddPortRoute(Ports& to, const PortRoute& route) {
  if (route.ports.empty() || to.scope == PortScope::kAny) {
    to = {PortScope::kAny, {}};
    return;
  }
  to.scope = PortScope::kListed;
  for (const std::int64_t port : route.ports) to.ports.push_back(static_cast<int>(port));
}

// v1alpha1 and v1alpha2 restrict the whole target to one port.
void RestrictToPort(Ports& ports, int port) {
  const bool contained =
      ports.scope == PortScope::kAny || std::find(ports.ports.begin(), ports.ports.end(), port) != ports.ports.end();
  ports = contained ? Ports{PortScope::kListed, {port}} : Ports{};
}

}  // namespace

Resolver::Resolver(const DocumentSet& set, const FactsIndex& facts, const std::vector<Finding>& findings,
                   ResolveOptions options)
    : facts_(facts), options_(options) {
  std::map<std::size_t, std::vector<ObjectKey>> bad;
  for (const Finding& finding : findings) {
    if (finding.diagnostic.severity == Severity::kError) bad[finding.document].push_back(finding.object);
  }
  for (const Head* head : AllHeads(set)) {
    const auto it = bad.find(head->document);
    if (it == bad.end()) continue;
    if (std::find(it->second.begin(), it->second.end(), head->key) != it->second.end()) {
      invalid_.emplace(head->document, head->pointer);
      invalid_names_.insert(head->key.Text());
    }
  }
  const auto fill = [this](const auto& objects, auto& into) {
    for (const auto& object : objects) {
      if (IsValid(object.head)) into.emplace(Name(object.head.key.namespace_name, object.head.key.name), &object);
    }
  };
  fill(set.http_groups, groups_);
  fill(set.tcp_routes, tcp_routes_);
  fill(set.udp_routes, udp_routes_);
  fill(set.bindings, bindings_);
}

void Resolver::ReportInvalid(const std::string& kind, const std::string& namespace_name, const std::string& name,
                             const std::string& pointer, std::vector<Diagnostic>& diagnostics) const {
  const ObjectKey key{"", kind, namespace_name, name};
  if (invalid_names_.count(key.Text()) == 0) return;
  Warn(diagnostics, "REFERENCE_UNRESOLVED", pointer, key.Text() + " is not valid, so nothing comes of it");
}

bool Resolver::IsValid(const Head& head) const {
  return invalid_.count({head.document, head.pointer}) == 0;
}

std::vector<Identity> Resolver::IdentitiesOf(const Subject& subject, const std::string& pointer,
                                             std::vector<Diagnostic>& diagnostics, bool& reduced) const {
  if (subject.kind == "ServiceAccount") return {{subject.namespace_name, subject.name, ""}};
  const IdentityBinding* binding = Find(bindings_, subject.namespace_name, subject.name);
  if (binding == nullptr) {
    reduced = true;
    ReportInvalid(subject.kind, subject.namespace_name, subject.name, pointer, diagnostics);
    return {};
  }
  std::vector<Identity> identities;
  if (!binding->service_account.empty()) {
    identities.push_back({subject.namespace_name, binding->service_account, ""});
  }
  for (const std::string& id : binding->spiffe_ids) identities.push_back({"", "", id});
  if (!binding->has_pod_labels) return identities;

  // Meshes know ServiceAccounts, not labels: an account stands in only when all its pods carry the labels.
  std::map<std::string, bool> accounts;
  for (const Workload* workload : facts_.WorkloadsOf(subject.namespace_name)) {
    const bool selected = Selects(binding->pod_labels, workload->labels);
    const auto [it, first] = accounts.emplace(workload->service_account, selected);
    if (!first && it->second != selected) it->second = false;
  }
  bool any = false;
  for (const Workload* workload : facts_.WorkloadsOf(subject.namespace_name)) {
    if (!Selects(binding->pod_labels, workload->labels)) continue;
    any = true;
    if (accounts[workload->service_account]) {
      AddUnique(identities, Identity{subject.namespace_name, workload->service_account, ""});
      continue;
    }
    reduced = true;
    Warn(diagnostics, "AMBIGUOUS_IDENTITY", pointer,
         "ServiceAccount " + workload->service_account + " also runs pods that IdentityBinding " + subject.name +
             " does not select; it is left out");
  }
  if (!any) reduced = true;
  return identities;
}

RequestMatch Resolver::MatchOf(const HttpRouteGroup& group, const HttpMatch& match, const std::string& pointer,
                               bool lenient_dots) const {
  RequestMatch out;
  out.group = group.head.key.name;
  out.name = match.name;
  out.pointer = pointer;
  out.path_regex = WithoutQuotations(match.path_regex);
  out.path = LowerPath(match.path_regex, {options_.path.anchor, lenient_dots});
  out.methods = LowerMethods(match.methods);
  for (const auto& [name, written] : match.headers) {
    const std::string regex = WithoutQuotations(written);
    out.headers.push_back({name, regex, LowerHeader(regex)});
  }
  return out;
}

void Resolver::AddHttpRule(const TrafficTarget& target, const TargetRule& rule, const std::string& pointer,
                           Grant& grant, std::vector<Diagnostic>& diagnostics) const {
  if (!grant.http.has_value()) grant.http.emplace();
  const HttpRouteGroup* group = Find(groups_, target.head.key.namespace_name, rule.name);
  if (group == nullptr) {
    grant.reduced = true;
    ReportInvalid(rule.kind, target.head.key.namespace_name, rule.name, pointer, diagnostics);
    return;
  }
  std::set<std::string> wanted(rule.matches.begin(), rule.matches.end());
  for (const HttpMatch& match : group->matches) {
    if (!rule.matches.empty() && wanted.erase(match.name) == 0) continue;
    grant.http->push_back(MatchOf(*group, match, pointer, options_.path.lenient_dots));
  }
  if (!wanted.empty()) grant.reduced = true;
}

std::optional<Grant> Resolver::ResolveTarget(const TrafficTarget& target, std::vector<Diagnostic>& diagnostics) const {
  const std::string& at = target.head.spec_pointer;
  Grant grant;
  grant.target = &target;
  bool destination_reduced = false;
  std::vector<Identity> destinations =
      IdentitiesOf(target.destination, at + "/destination", diagnostics, destination_reduced);
  if (destinations.size() != 1 || !destinations.front().spiffe_id.empty()) {
    Warn(diagnostics, "ACCESS_UNSUPPORTED", at + "/destination",
         "the destination does not come down to one ServiceAccount");
    return std::nullopt;
  }
  grant.destination = std::move(destinations.front());

  bool has_tcp_rule = false;
  const std::string rules_at = at + (target.head.version == 1 ? "/specs/" : "/rules/");
  for (std::size_t i = 0; i < target.rules.size(); ++i) {
    const TargetRule& rule = target.rules[i];
    const std::string pointer = rules_at + std::to_string(i);
    if (rule.kind == KindName(Kind::kHttpRouteGroup)) {
      AddHttpRule(target, rule, pointer, grant, diagnostics);
      continue;
    }
    const bool udp = rule.kind == KindName(Kind::kUdpRoute);
    has_tcp_rule = has_tcp_rule || !udp;
    const PortRoute* route = Find(udp ? udp_routes_ : tcp_routes_, target.head.key.namespace_name, rule.name);
    if (route == nullptr) {
      grant.reduced = true;
      ReportInvalid(rule.kind, target.head.key.namespace_name, rule.name, pointer, diagnostics);
      continue;
    }
    AddPortRoute(udp ? grant.udp : grant.tcp, *route);
  }
  // A TCPRoute beside an HTTPRouteGroup restricts its ports, also when the TCPRoute is missing.
  if (grant.http.has_value() && !has_tcp_rule) grant.tcp = {PortScope::kAny, {}};
  if (target.destination_port.has_value()) RestrictToPort(grant.tcp, static_cast<int>(*target.destination_port));
  Normalise(grant.tcp);
  Normalise(grant.udp);

  for (std::size_t i = 0; i < target.sources.size(); ++i) {
    const std::string pointer = at + "/sources/" + std::to_string(i);
    for (const Identity& identity : IdentitiesOf(target.sources[i], pointer, diagnostics, grant.reduced)) {
      AddUnique(grant.sources, identity);
    }
  }
  return grant;
}

bool SplitPort::HasWeight() const {
  return std::any_of(routes.begin(), routes.end(), [](const SplitRoute& route) { return route.weight > 0; });
}

std::optional<Split> Resolver::ResolveSplit(const TrafficSplit& split, std::vector<Diagnostic>& diagnostics) const {
  Split out;
  out.split = &split;
  out.namespace_name = split.head.key.namespace_name;
  out.root = split.service;
  const Service* root = facts_.FindService(out.namespace_name, split.service);
  if (root == nullptr) {
    diagnostics.push_back(
        {"PENDING", Severity::kInfo, split.head.spec_pointer + "/service", "the split waits for its root Service", ""});
    return std::nullopt;
  }
  if (!split.matches.empty()) {
    out.matches.emplace();
    for (std::size_t i = 0; i < split.matches.size(); ++i) {
      const std::string pointer = split.head.spec_pointer + "/matches/" + std::to_string(i);
      const HttpRouteGroup* group = Find(groups_, out.namespace_name, split.matches[i].name);
      if (group == nullptr) {
        ReportInvalid(split.matches[i].kind, out.namespace_name, split.matches[i].name, pointer, diagnostics);
        return std::nullopt;
      }
      for (const HttpMatch& match : group->matches) out.matches->push_back(MatchOf(*group, match, pointer, false));
    }
  }

  std::vector<SplitRoute> wanted;
  for (const SplitBackend& backend : split.backends) {
    const bool exists = facts_.FindService(out.namespace_name, backend.service) != nullptr;
    if (!exists && backend.weight > 0 && !options_.allow_missing) {
      out.reduced = true;
      continue;
    }
    const auto same = std::find_if(wanted.begin(), wanted.end(),
                                   [&](const SplitRoute& route) { return route.service == backend.service; });
    if (same != wanted.end()) {
      same->weight += backend.weight;
    } else {
      wanted.push_back({backend.service, backend.weight});
    }
  }
  for (const ServicePort& port : root->ports) {
    SplitPort routed{port.port, port.protocol, {}};
    for (const SplitRoute& route : wanted) {
      const Service* service = facts_.FindService(out.namespace_name, route.service);
      const bool has_port =
          service == nullptr || std::any_of(service->ports.begin(), service->ports.end(), [&](const ServicePort& p) {
            return p.port == port.port && (p.protocol == PortProtocol::kUdp) == (port.protocol == PortProtocol::kUdp);
          });
      if (has_port) routed.routes.push_back(route);
    }
    out.ports.push_back(std::move(routed));
  }
  return out;
}

}  // namespace meshplay::smi
