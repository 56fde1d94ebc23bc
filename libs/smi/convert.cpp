#include "libs/smi/convert.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "libs/smi/internal/write.h"
#include "libs/smi/resolve.h"
#include "libs/smi/validate.h"

namespace meshplay::smi {
namespace {

using nlohmann::json;
using Name = std::pair<std::string, std::string>;

class Converter {
 public:
  /// `keep_ports` names TCPRoutes that must not lose their ports.
  Converter(const DocumentSet& set, const TargetVersions& versions, const std::set<Name>& keep_ports)
      : set_(set),
        versions_(versions),
        keep_ports_(keep_ports),
        index_(facts_),
        findings_(Validate(set)),
        resolver_(set, index_, findings_) {}

  Conversion Run() {
    for (const HttpRouteGroup& group : set_.http_groups) ConvertGroup(group);
    for (const PortRoute& route : set_.tcp_routes) ConvertTcpRoute(route);
    for (const PortRoute& route : set_.udp_routes) ConvertUdpRoute(route);
    for (const IdentityBinding& binding : set_.bindings) ConvertBinding(binding);
    for (const TrafficTarget& target : set_.targets) ConvertTarget(target);
    for (const TrafficSplit& split : set_.splits) ConvertSplit(split);
    return std::move(out_);
  }

  /// After Run: TCPRoutes written without their ports although a target that refers to them was not written.
  std::set<Name> LostPorts() const {
    std::set<Name> lost;
    for (const TrafficTarget& target : set_.targets) {
      if (resolver_.IsValid(target.head) && refused_.count(target.head.key.Text()) == 0) continue;
      for (const TargetRule& rule : target.rules) {
        const Name name(target.head.key.namespace_name, rule.name);
        if (rule.kind == KindName(Kind::kTcpRoute) && folded_.count(name) != 0) lost.insert(name);
      }
    }
    return lost;
  }
  const std::set<Name>& folded() const { return folded_; }

 private:
  static Name NameOf(const Head& head) { return {head.key.namespace_name, head.key.name}; }

  static std::string RulePointer(const TrafficTarget& target, std::size_t i) {
    return target.head.spec_pointer + (target.head.version == 1 ? "/specs/" : "/rules/") + std::to_string(i);
  }

  void Refuse(const Head& head, std::string pointer, std::string why) {
    refused_.insert(head.key.Text());
    out_.findings.push_back(
        {head.document, head.key, {"NOT_REPRESENTABLE", Severity::kError, std::move(pointer), std::move(why), ""}});
  }

  bool IsRefused(const std::string& kind, const std::string& namespace_name, const std::string& name) const {
    return refused_.count(ObjectKey{"", kind, namespace_name, name}.Text()) != 0;
  }

  void ConvertGroup(const HttpRouteGroup& group) {
    if (!resolver_.IsValid(group.head)) return;
    bool loses = false;
    for (std::size_t i = 0; i < group.matches.size() && versions_.specs == 1; ++i) {
      if (group.matches[i].headers.empty()) continue;
      loses = true;
      Refuse(group.head, group.head.spec_pointer + "/matches/" + std::to_string(i) + "/headers",
             "v1alpha1 has no headers; without them the match would accept more requests");
    }
    if (loses) return;
    out_.documents.push_back(WriteGroup(group, versions_.specs, versions_.headers));
  }

  void ConvertTcpRoute(const PortRoute& route) {
    if (!resolver_.IsValid(route.head)) return;
    tcp_routes_.emplace(NameOf(route.head), &route);
    if (versions_.specs < 4 && !route.ports.empty()) {
      if (versions_.access > 2 || !IsReferenced(route)) {
        return Refuse(route.head, route.head.spec_pointer + "/matches/ports",
                      "specs before v1alpha4 have no ports; without them all ports would be allowed");
      }
      if (keep_ports_.count(NameOf(route.head)) != 0) {
        return Refuse(route.head, route.head.spec_pointer + "/matches/ports",
                      "a TrafficTarget that refers to it cannot be written; without its ports all would be allowed");
      }
      folded_.insert(NameOf(route.head));
      PortRoute without = route;  // The ports go into the TrafficTargets that refer to it.
      without.ports.clear();
      out_.documents.push_back(WritePortRoute(without, versions_.specs));
      return;
    }
    out_.documents.push_back(WritePortRoute(route, versions_.specs));
  }

  bool IsReferenced(const PortRoute& route) const {
    for (const TrafficTarget& target : set_.targets) {
      if (target.head.key.namespace_name != route.head.key.namespace_name) continue;
      for (const TargetRule& rule : target.rules) {
        if (rule.kind == route.head.key.kind && rule.name == route.head.key.name) return true;
      }
    }
    return false;
  }

  void ConvertUdpRoute(const PortRoute& route) {
    if (!resolver_.IsValid(route.head)) return;
    if (versions_.specs < 4) return Refuse(route.head, route.head.pointer, "UDPRoute exists as v1alpha4 only");
    out_.documents.push_back(WritePortRoute(route, versions_.specs));
  }

  void ConvertBinding(const IdentityBinding& binding) {
    if (!resolver_.IsValid(binding.head)) return;
    if (versions_.access == 4) {
      out_.documents.push_back(WriteBinding(binding));
      return;
    }
    if (binding.has_pod_labels || !binding.spiffe_ids.empty()) {
      return Refuse(binding.head, binding.head.spec_pointer + "/schemes",
                    "before v1alpha4 a subject is a ServiceAccount; labels and SPIFFE ids have no form there");
    }
    accounts_.emplace(NameOf(binding.head), binding.service_account);
  }

  // The subject in the wanted version; nullopt when there is no form for it.
  std::optional<Subject> SubjectFor(const Subject& subject) const {
    if (versions_.access == 4 || subject.kind == "ServiceAccount") return subject;
    const auto it = accounts_.find({subject.namespace_name, subject.name});
    if (it == accounts_.end()) return std::nullopt;
    Subject account = subject;
    account.kind = "ServiceAccount";
    account.name = it->second;
    return account;
  }

  void ConvertTarget(const TrafficTarget& target) {
    if (!resolver_.IsValid(target.head)) return;
    const std::string& at = target.head.spec_pointer;
    TrafficTarget wanted = target;
    const std::optional<Subject> destination = SubjectFor(target.destination);
    if (!destination.has_value()) {
      return Refuse(target.head, at + "/destination", "the IdentityBinding has no form before v1alpha4");
    }
    wanted.destination = *destination;
    for (std::size_t i = 0; i < wanted.sources.size(); ++i) {
      const std::optional<Subject> source = SubjectFor(target.sources[i]);
      if (!source.has_value()) {
        return Refuse(target.head, at + "/sources/" + std::to_string(i),
                      "the IdentityBinding has no form before v1alpha4");
      }
      wanted.sources[i] = *source;
    }
    for (std::size_t i = 0; i < target.rules.size(); ++i) {
      const TargetRule& rule = target.rules[i];
      if (!IsRefused(rule.kind, target.head.key.namespace_name, rule.name)) continue;
      return Refuse(target.head, RulePointer(target, i),
                    rule.kind + " \"" + rule.name + "\" cannot be written in the wanted version");
    }
    if (versions_.access >= 3) return PortToRoute(std::move(wanted));
    RoutesToPort(std::move(wanted));
  }

  // v1alpha1 and v1alpha2 to newer: the port becomes a TCPRoute of its own.
  void PortToRoute(TrafficTarget target) {
    if (!target.destination_port.has_value()) {
      out_.documents.push_back(WriteTarget(target, versions_.access));
      return;
    }
    const std::string pointer = target.head.spec_pointer + "/destination/port";
    if (versions_.specs < 4) {
      return Refuse(target.head, pointer, "a port needs a TCPRoute of specs v1alpha4");
    }
    std::vector<Diagnostic> ignored;
    const auto grant = resolver_.ResolveTarget(target, ignored);
    const bool kept = grant.has_value() && grant->tcp.scope == PortScope::kListed;
    PortRoute route;
    route.head = target.head;
    route.head.key = {"", "TCPRoute", target.head.key.namespace_name, target.head.key.name + "-port"};
    route.ports = {*target.destination_port};
    if (!kept) return Refuse(target.head, pointer, "none of the target's TCPRoutes has the port");
    if (tcp_routes_.count(NameOf(route.head)) != 0) {
      return Refuse(target.head, pointer, "TCPRoute \"" + route.head.key.name + "\" exists already");
    }
    // Other TCPRoutes would add their ports to the one that restricts them.
    std::vector<TargetRule> rules = {{"TCPRoute", route.head.key.name, {}}};
    for (TargetRule& rule : target.rules) {
      if (rule.kind != "TCPRoute") rules.push_back(std::move(rule));
    }
    target.rules = std::move(rules);
    target.destination_port.reset();
    out_.documents.push_back(WritePortRoute(route, versions_.specs));
    out_.documents.push_back(WriteTarget(target, versions_.access));
  }

  // To v1alpha1 and v1alpha2: TCPRoutes become the destination's port.
  void RoutesToPort(TrafficTarget target) {
    const std::string& at = target.head.spec_pointer;
    bool has_http = false;
    bool has_tcp = false;
    for (std::size_t i = 0; i < target.rules.size(); ++i) {
      const TargetRule& rule = target.rules[i];
      const std::string here = RulePointer(target, i);
      if (rule.kind == "UDPRoute") return Refuse(target.head, here, "UDPRoute rules exist from v1alpha3 on");
      has_http = has_http || rule.kind == "HTTPRouteGroup";
      has_tcp = has_tcp || rule.kind == "TCPRoute";
      if (rule.kind != "TCPRoute" || tcp_routes_.count({target.head.key.namespace_name, rule.name}) != 0) continue;
      return Refuse(target.head, here, "the ports of TCPRoute \"" + rule.name + "\" are not known");
    }
    std::vector<std::int64_t> ports;
    if (has_tcp || target.destination_port.has_value()) {
      std::vector<Diagnostic> ignored;
      const auto grant = resolver_.ResolveTarget(target, ignored);
      if (!grant.has_value() || grant->tcp.scope == PortScope::kNone) {
        return Refuse(target.head, at, "the target allows no port");
      }
      ports.assign(grant->tcp.ports.begin(), grant->tcp.ports.end());
    }
    if (ports.empty() && versions_.access == 1) {
      return Refuse(target.head, at + "/destination", "v1alpha1 requires a port, and this target allows all ports");
    }
    // Beside an HTTPRouteGroup a TCPRoute only restricted ports.
    if (has_http) {
      target.rules.erase(std::remove_if(target.rules.begin(), target.rules.end(),
                                        [](const TargetRule& rule) { return rule.kind == "TCPRoute"; }),
                         target.rules.end());
    }
    if (ports.empty()) {
      target.destination_port.reset();
      out_.documents.push_back(WriteTarget(target, versions_.access));
      return;
    }
    const std::string name = target.head.key.name;
    for (const std::int64_t port : ports) {
      target.destination_port = port;
      if (ports.size() > 1) target.head.key.name = name + "." + std::to_string(port);
      out_.documents.push_back(WriteTarget(target, versions_.access));
    }
  }

  void ConvertSplit(const TrafficSplit& split) {
    if (!resolver_.IsValid(split.head)) return;
    const std::string pointer = split.head.spec_pointer + "/matches";
    if (versions_.split < 3 && !split.matches.empty()) {
      return Refuse(split.head, pointer, "splits before v1alpha3 have no matches; all requests would be split");
    }
    for (std::size_t i = 0; i < split.matches.size(); ++i) {
      const SplitMatchRef& match = split.matches[i];
      if (!IsRefused(match.kind, split.head.key.namespace_name, match.name)) continue;
      return Refuse(split.head, pointer + "/" + std::to_string(i),
                    match.kind + " \"" + match.name + "\" cannot be written in the wanted version");
    }
    out_.documents.push_back(WriteSplit(split, versions_.split));
  }

  const DocumentSet& set_;
  const TargetVersions& versions_;
  const std::set<Name>& keep_ports_;
  ClusterFacts facts_;
  FactsIndex index_;
  std::vector<Finding> findings_;
  Resolver resolver_;
  std::map<Name, const PortRoute*> tcp_routes_;
  std::map<Name, std::string> accounts_;
  std::set<std::string> refused_;
  std::set<Name> folded_;  // TCPRoutes whose ports go into targets.
  Conversion out_;
};

}  // namespace

Result<Conversion> Convert(const DocumentSet& set, const TargetVersions& versions) {
  for (const int version : {versions.access, versions.specs, versions.split}) {
    if (version < 1 || version > 4) {
      return InvalidArgument("VERSION_INVALID", "SMI versions are v1alpha1 to v1alpha4");
    }
  }
  std::set<Name> keep_ports;
  for (bool first = true;; first = false) {
    Converter converter(set, versions, keep_ports);
    Conversion conversion = converter.Run();
    const std::set<Name> lost = converter.LostPorts();
    if (lost.empty()) return conversion;
    // A route that is refused may cost other targets; then no route gives its ports away.
    const std::set<Name>& more = first ? lost : converter.folded();
    keep_ports.insert(more.begin(), more.end());
  }
}

}  // namespace meshplay::smi
