#include "adapters/linkerd/emitter/internal/servers.h"

#include <algorithm>
#include <optional>

#include "adapters/linkerd/emitter/internal/route_table.h"
#include "libs/base/ids.h"

namespace meshplay::linkerd {
namespace {

using nlohmann::json;
using translate::Outcome;

constexpr const char* kMeshTls = "MeshTLSAuthentication";
constexpr const char* kNetwork = "NetworkAuthentication";
constexpr const char* kEverybody = "smi-probes";
// Linkerd's own HTTPRoute takes 8 matches a rule, where the Gateway API takes 64.
constexpr std::size_t kMaxMatchesPerRule = 8;

json RulesOf(const std::vector<json>& matches) {
  json rules = json::array();
  for (const json& match : matches) {
    if (rules.empty() || rules.back()["matches"].size() == kMaxMatchesPerRule) {
      rules.push_back({{"matches", json::array()}});
    }
    rules.back()["matches"].push_back(match);
  }
  return rules;
}

json PolicyRef(const char* kind, const std::string& name) {
  return {{"group", kPolicyGroup}, {"kind", kind}, {"name", name}};
}

// Names that end in a hash of the target, so that two targets never meet in one.
std::string PolicyName(std::string of, const smi::ObjectKey& target) {
  constexpr std::size_t kRoom = 220;
  if (of.size() > kRoom) of = of.substr(0, kRoom) + "-" + Sha256Hex(of).substr(0, 8);
  return of + "-" + translate::SourceHash(target);
}

std::string Where(const smi::RequestMatch& match) {
  return "match " + match.group + "/" + match.name;
}

}  // namespace

/// What is allowed at one port.
struct ServerWriter::PortGrants {
  std::vector<std::size_t> bytes;    ///< Grants that allow everything there.
  std::vector<GrantedSet> requests;  ///< Of the other grants, and of probes.
  std::vector<Callers> callers;      ///< Of each grant of the destination; one more for everybody.
  RouteTable table;
};

Outcome& ServerWriter::OutcomeOf(std::size_t grant) const {
  return outcomes_.at(&destination_.grants[grant]->target->head);
}

std::vector<std::vector<int>> ServerWriter::ListedPorts(const PodGroup& group) {
  std::vector<std::vector<int>> out;
  for (std::size_t i = 0; i < destination_.grants.size(); ++i) {
    const smi::Grant& grant = *destination_.grants[i];
    out.emplace_back();
    if (!grant.AllowsTcp() || grant.tcp.scope != smi::PortScope::kListed) continue;
    const smi::PodPorts resolved = smi::ResolvePodPorts(context_.facts, grant.destination, group.all, grant.tcp.ports);
    const std::string& at = grant.target->head.spec_pointer;
    for (const int port : resolved.assumed) {
      OutcomeOf(i).Warn("PORT_ASSUMED_TARGET", at,
                        "no Service of ServiceAccount " + grant.destination.service_account + " has port " +
                            std::to_string(port) + "; it is taken for a pod port");
    }
    for (const int port : resolved.ambiguous) {
      OutcomeOf(i).lost = true;
      OutcomeOf(i).Warn("NARROWED", at,
                        "pod port " + std::to_string(port) + " is something else at other pods with the labels of " +
                            group.selections.front().name + "; nothing is allowed there",
                        "Server");
    }
    if (!resolved.ports.empty()) served_.insert(i);
    out.back() = resolved.ports;
  }
  return out;
}

ServerWriter::PortGrants ServerWriter::GrantsOf(const PodGroup& group, int port,
                                                const std::vector<std::vector<int>>& listed) const {
  PortGrants out;
  const PodPort& known = group.ports.at(port);
  Callers everywhere;
  for (std::size_t i = 0; i < destination_.grants.size(); ++i) {
    const smi::Grant& grant = *destination_.grants[i];
    out.callers.emplace_back(grant.sources.begin(), grant.sources.end());
    const bool here = grant.tcp.scope == smi::PortScope::kAny ||
                      std::find(listed[i].begin(), listed[i].end(), port) != listed[i].end();
    if (!grant.AllowsTcp() || !here) continue;
    if (!grant.http.has_value()) {
      out.bytes.push_back(i);
      everywhere.insert(grant.sources.begin(), grant.sources.end());
      continue;
    }
    for (const smi::RequestMatch& match : *grant.http) {
      const bool by_host = std::any_of(match.headers.begin(), match.headers.end(),
                                       [](const smi::HeaderCondition& header) { return header.name == "host"; });
      if (by_host) {
        OutcomeOf(i).lost = true;
        OutcomeOf(i).Warn("NARROWED", match.pointer,
                          Where(match) + ": HTTP/2 requests have no header host, so it allows nothing", "HTTPRoute");
        continue;
      }
      if (match.path.dot_taken_literally) {
        OutcomeOf(i).lost = true;
        OutcomeOf(i).Warn(
            "NARROWED", match.pointer,
            Where(match) + ": \".\" in pathRegex " + match.path_regex + " is taken for a dot (lenientDots)");
      }
      for (RequestSet& set : SetsOf(match)) out.requests.push_back({std::move(set), i});
    }
  }
  if (view_.route_version().empty() && !out.requests.empty()) {
    for (const GrantedSet& request : out.requests) {
      OutcomeOf(request.grant).lost = true;
      OutcomeOf(request.grant)
          .Warn("L7_ACCESS_UNSUPPORTED", destination_.grants[request.grant]->target->head.spec_pointer,
                "the cluster serves no HTTPRoute; HTTPRouteGroup rules allow nothing", "HTTPRoute");
    }
    out.requests.clear();
  }
  if (out.requests.empty()) return out;  // Without routes Linkerd opens the probes by itself.
  const std::size_t everybody = out.callers.size();
  out.callers.emplace_back();
  for (const std::string& path : known.probes) {
    RequestSet probe;
    SetPath(probe, {smi::PathForm::kExact, path, false});
    probe.methods = std::set<std::string>{"GET"};
    out.requests.push_back({std::move(probe), everybody});
  }
  out.table = BuildRoutes(out.requests, out.callers, everywhere, !out.bytes.empty());
  for (const RouteTable::Loss& loss : out.table.losses) {
    if (loss.grant == everybody) continue;
    OutcomeOf(loss.grant).lost = true;
    OutcomeOf(loss.grant)
        .Warn(loss.code, destination_.grants[loss.grant]->target->head.spec_pointer, loss.message, "HTTPRoute");
  }
  return out;
}

void ServerWriter::Add(int wave, const std::string& version, const char* kind, const std::string& name, json spec,
                       std::vector<const smi::Head*> sources) {
  smi::ObjectKey key{version, kind, destination_.account.namespace_name, name};
  if (conflict_.empty() && view_.IsForeign(key)) conflict_ = key.Text() + " exists and belongs to somebody else";
  drafts_.push_back({wave, std::move(key), std::move(spec), std::move(sources)});
}

void ServerWriter::Authorize(std::size_t index, const char* group, const char* kind, const std::string& target) {
  const smi::Grant& grant = *destination_.grants[index];
  const smi::Head& head = grant.target->head;
  const std::string& home = destination_.account.namespace_name;
  json accounts = json::array();
  json ids = json::array();
  for (const smi::Identity& source : grant.sources) {
    if (!source.spiffe_id.empty()) {
      ids.push_back(source.spiffe_id);
      continue;
    }
    accounts.push_back(
        {{"kind", "ServiceAccount"}, {"name", source.service_account}, {"namespace", source.namespace_name}});
  }
  for (const bool by_account : {true, false}) {
    json& who = by_account ? accounts : ids;
    if (who.empty()) continue;
    const std::string part = by_account ? "" : "spiffe";
    const std::string name = translate::ObjectName(head.key, home, head.key.name, part);
    if (authentications_.insert(name).second) {
      Add(kAuthenticationWave, kAuthenticationVersion, kMeshTls, name,
          {{by_account ? "identityRefs" : "identities", std::move(who)}}, {&head});
    }
    Add(kAuthorizationWave, kAuthenticationVersion, "AuthorizationPolicy",
        PolicyName(target, head.key) + (by_account ? "" : "-spiffe"),
        {{"targetRef", {{"group", group}, {"kind", kind}, {"name", target}}},
         {"requiredAuthenticationRefs", json::array({PolicyRef(kMeshTls, name)})}},
        {&head});
  }
}

void ServerWriter::AuthorizeEverybody(const std::string& route, const char* group) {
  if (authentications_.insert(kNetwork).second) {
    Add(kAuthenticationWave, kAuthenticationVersion, kNetwork, kEverybody,
        {{"networks", json::array({{{"cidr", "0.0.0.0/0"}}, {{"cidr", "::/0"}}})}}, destination_.targets);
  }
  Add(kAuthorizationWave, kAuthenticationVersion, "AuthorizationPolicy", route,
      {{"targetRef", {{"group", group}, {"kind", "HTTPRoute"}, {"name", route}}},
       {"requiredAuthenticationRefs", json::array({PolicyRef(kNetwork, kEverybody)})}},
      destination_.targets);
}

void ServerWriter::AddRoutes(const std::string& server, const PortGrants& grants, bool count) {
  const std::string& home = destination_.account.namespace_name;
  const char* group = view_.route_version().starts_with(kPolicyGroup) ? kPolicyGroup : kGatewayGroup;
  std::vector<std::string> keys;
  for (const Route& route : grants.table.routes) keys.push_back(route.set.Key());
  const std::vector<std::string> names = RouteNames(view_.OwnRoutes(home), server, keys);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Route& route = grants.table.routes[i];
    const bool everybody = route.grants.count(destination_.grants.size()) != 0;
    std::vector<const smi::Head*> sources;
    for (const std::size_t grant : everybody || route.grants.empty() ? std::set<std::size_t>() : route.grants) {
      sources.push_back(&destination_.grants[grant]->target->head);
    }
    if (sources.empty()) sources = destination_.targets;
    Add(kRouteWave, view_.route_version(), "HTTPRoute", names[i],
        {{"parentRefs", json::array({PolicyRef("Server", server)})}, {"rules", RulesOf(route.matches)}}, sources);
    if (everybody) AuthorizeEverybody(names[i], group);
    for (const std::size_t grant : route.grants) {
      if (grant == destination_.grants.size()) continue;
      if (!everybody) Authorize(grant, group, "HTTPRoute", names[i]);
      if (count) ++OutcomeOf(grant).in_force;
    }
  }
}

void ServerWriter::AddPortPolicies(const std::string& server, const PortGrants& grants, bool count) {
  for (const std::size_t grant : grants.bytes) {
    Authorize(grant, kPolicyGroup, "Server", server);
    if (count) ++OutcomeOf(grant).in_force;
  }
  AddRoutes(server, grants, count);
}

void ServerWriter::ReportUnserved() const {
  for (std::size_t i = 0; i < destination_.grants.size(); ++i) {
    const smi::Grant& grant = *destination_.grants[i];
    if (!grant.AllowsTcp() || grant.tcp.scope != smi::PortScope::kListed || served_.count(i) != 0) continue;
    OutcomeOf(i).lost = true;
    OutcomeOf(i).Warn("NARROWED", grant.target->head.spec_pointer,
                      "no pod of ServiceAccount " + grant.destination.service_account + " serves any of the ports");
  }
}

void ServerWriter::AddGroup(const PodGroup& group, bool named) {
  const std::string& home = destination_.account.namespace_name;
  const smi::ObjectKey account{"", "ServiceAccount", home, destination_.account.service_account};
  PodGroup with_listed = group;
  const std::vector<std::vector<int>> listed = ListedPorts(group);
  for (const std::vector<int>& ports : listed) {
    for (const int port : ports) with_listed.ports[port];
  }
  for (const auto& [port, known] : with_listed.ports) {
    const PortGrants grants = GrantsOf(with_listed, port, listed);
    const bool opaque = known.says_tcp && !known.says_other && grants.requests.empty();
    const ForeignServer* foreign = view_.ForeignServerOn(group.all.workloads, port);
    bool first = true;
    for (const smi::Selection& selection : group.selections) {
      const std::string number = std::to_string(port);
      const std::string part = named ? selection.name + "-" + number : number;
      const json selector = {{"matchLabels", selection.selector}};
      // Workloads of different kinds may share a name; their selectors differ.
      smi::ObjectKey unique = account;
      if (named) unique.name += selector.dump();
      std::string server = translate::ObjectName(unique, home, account.name, part, !named);
      const bool same = foreign != nullptr && foreign->bare && foreign->selector == selector && foreign->port == port &&
                        group.selections.size() == 1;
      if (same) {
        server = foreign->name;  // It denies by default, as ours would.
      } else if (foreign != nullptr) {
        if (conflict_.empty()) {
          conflict_ = "Server " + foreign->name + " of somebody else takes port " + number + " of these pods";
        }
      } else {
        Add(kServerWave, view_.server_version(), "Server", server,
            {{"podSelector", selector}, {"port", port}, {"proxyProtocol", opaque ? "opaque" : "unknown"}},
            destination_.targets);
      }
      AddPortPolicies(server, grants, first);
      first = false;
    }
  }
}

}  // namespace meshplay::linkerd
