#include <algorithm>
#include <map>
#include <set>

#include "libs/smi/internal/checks.h"
#include "libs/smi/limits.h"

namespace meshplay::smi {
namespace {

using Name = std::pair<std::string, std::string>;

std::string BackendPointer(const TrafficSplit& split, std::size_t i) {
  return split.head.spec_pointer + "/backends/" + std::to_string(i);
}

void CheckBackends(Checks& checks, const TrafficSplit& split) {
  const Head& head = split.head;
  const std::string& at = head.spec_pointer;
  if (split.service.empty()) checks.Error(head, "SPLIT_INCOMPLETE", at + "/service", "a root service is required");
  if (split.backends.empty()) {
    checks.Error(head, "SPLIT_INCOMPLETE", at + "/backends", "at least one backend is required");
  }
  std::map<std::string, std::int64_t> weights;
  std::int64_t sum = 0;
  bool weights_readable = true;
  for (std::size_t i = 0; i < split.backends.size(); ++i) {
    const SplitBackend& backend = split.backends[i];
    if (backend.service.empty()) {
      checks.Error(head, "SPLIT_INCOMPLETE", BackendPointer(split, i) + "/service", "a service is required");
    } else if (const auto [it, first] = weights.emplace(backend.service, backend.weight); !first) {
      it->second += backend.weight;
      checks.Warn(head, "BACKEND_DUPLICATE", BackendPointer(split, i) + "/service",
                  "\"" + backend.service + "\" is given twice; its weights are added");
      if (it->second > kMaxWeight) {
        checks.Error(head, "WEIGHT_INVALID", BackendPointer(split, i) + "/weight",
                     "with the backend's other weights it is more than 1000000");
      }
    }
    if (!backend.service.empty() && backend.service == split.service) {
      const bool reject = checks.options().self_reference == SelfReference::kReject;
      checks.Report(head, "SPLIT_SELF_REFERENCE", reject ? Severity::kError : Severity::kWarning,
                    BackendPointer(split, i) + "/service", "the root service is one of its own backends");
    }
    sum += backend.weight;
    weights_readable = weights_readable && backend.valid_weight;
  }
  if (sum == 0 && weights_readable && !split.backends.empty()) {
    checks.Warn(head, "SPLIT_ZERO_SUM", at + "/backends", "all weights are 0: no backend would get traffic");
  }
}

void CheckMatches(Checks& checks, const TrafficSplit& split) {
  const Head& head = split.head;
  for (std::size_t i = 0; i < split.matches.size(); ++i) {
    const SplitMatchRef& match = split.matches[i];
    const std::string here = head.spec_pointer + "/matches/" + std::to_string(i);
    const bool kind_known = match.kind == KindName(Kind::kHttpRouteGroup);
    if (!kind_known || (!match.api_group.empty() && match.api_group != KindGroup(Kind::kHttpRouteGroup))) {
      checks.Error(head, "RULE_KIND_INVALID", here + (kind_known ? "/apiGroup" : "/kind"),
                   "must be HTTPRouteGroup of specs.smi-spec.io");
    } else if (match.name.empty()) {
      checks.Error(head, "SPLIT_INCOMPLETE", here + "/name", "a name is required");
    } else if (checks.FindGroup(head.key.namespace_name, match.name) == nullptr) {
      checks.Warn(head, "REFERENCE_UNRESOLVED", here + "/name",
                  "HTTPRouteGroup " + head.key.namespace_name + "/" + match.name + " does not exist");
    }
  }
}

bool HasPort(const Service& service, int port) {
  return std::any_of(service.ports.begin(), service.ports.end(),
                     [port](const ServicePort& p) { return p.port == port && p.protocol != PortProtocol::kUdp; });
}

void CheckServices(Checks& checks, const TrafficSplit& split) {
  const FactsIndex* facts = checks.facts();
  if (facts == nullptr || split.service.empty() || !split.valid_service) return;
  const Head& head = split.head;
  const std::string& namespace_name = head.key.namespace_name;
  const Service* root = facts->FindService(namespace_name, split.service);
  if (root == nullptr) {
    checks.Warn(head, "SERVICE_MISSING", head.spec_pointer + "/service",
                "Service " + namespace_name + "/" + split.service + " does not exist");
  }
  for (std::size_t i = 0; i < split.backends.size(); ++i) {
    const SplitBackend& backend = split.backends[i];
    if (backend.service.empty() || !backend.valid_name) continue;
    const Service* service = facts->FindService(namespace_name, backend.service);
    if (service == nullptr) {
      checks.Warn(head, "SERVICE_MISSING", BackendPointer(split, i) + "/service",
                  "Service " + namespace_name + "/" + backend.service + " does not exist");
      continue;
    }
    if (root == nullptr) continue;
    for (const ServicePort& port : root->ports) {
      if (port.protocol == PortProtocol::kUdp || HasPort(*service, port.port)) continue;
      checks.Warn(head, "BACKEND_PORT_MISSING", BackendPointer(split, i) + "/service",
                  "Service " + backend.service + " has no port " + std::to_string(port.port) +
                      " of its root; it gets no traffic there");
    }
  }
  if (root == nullptr || split.matches.empty()) return;
  const bool has_http = std::any_of(root->ports.begin(), root->ports.end(), [](const ServicePort& port) {
    return port.protocol == PortProtocol::kHttp || port.protocol == PortProtocol::kUnknown;
  });
  if (!has_http) {
    checks.Error(head, "SPLIT_MATCH_NOT_HTTP", head.spec_pointer + "/matches",
                 "no port of Service " + split.service + " speaks HTTP, so requests cannot be matched");
  }
}

/// Finds splits whose backends are roots of other splits, and circles among them.
class Nesting {
 public:
  explicit Nesting(Checks& checks) : checks_(checks) {
    for (const TrafficSplit& split : checks.set().splits) {
      if (!split.service.empty()) roots_[Root(split)].push_back(&split);
    }
  }

  void Check() {
    FindCircles();
    for (const TrafficSplit& split : checks_.set().splits) {
      if (in_circle_.count(Root(split)) != 0) {
        checks_.Error(split.head, "SPLIT_CYCLE", split.head.spec_pointer + "/backends",
                      "this split and others lead back to Service \"" + split.service + "\"");
      }
      for (std::size_t i = 0; i < split.backends.size(); ++i) {
        const std::string& backend = split.backends[i].service;
        if (backend == split.service || roots_.count({split.head.key.namespace_name, backend}) == 0) continue;
        checks_.Warn(split.head, "SPLIT_NESTED", BackendPointer(split, i) + "/service",
                     "\"" + backend + "\" is the root of another split, which this traffic does not pass");
      }
    }
  }

 private:
  static Name Root(const TrafficSplit& split) { return {split.head.key.namespace_name, split.service}; }

  std::vector<Name> Next(const Name& root) const {
    std::vector<Name> next;
    for (const TrafficSplit* split : roots_.at(root)) {
      for (const SplitBackend& backend : split->backends) {
        const Name to(root.first, backend.service);
        if (to != root && roots_.count(to) != 0) next.push_back(to);
      }
    }
    return next;
  }

  using Edges = std::map<Name, std::vector<Name>>;

  // Depth first without recursion: a chain may be as long as the input. Roots are finished
  // after all that they lead to.
  static void Walk(const Edges& edges, const Name& start, std::set<Name>& seen, std::vector<Name>& finished) {
    if (!seen.insert(start).second) return;
    std::vector<std::pair<Name, std::size_t>> path = {{start, 0}};
    while (!path.empty()) {
      auto& [root, at] = path.back();
      const auto it = edges.find(root);
      if (it == edges.end() || at == it->second.size()) {
        finished.push_back(root);
        path.pop_back();
        continue;
      }
      const Name& to = it->second[at++];
      if (seen.insert(to).second) path.emplace_back(to, 0);
    }
  }

  // Kosaraju: roots that reach each other form a component; one with several members is a circle.
  void FindCircles() {
    Edges forward;
    Edges backward;
    for (const auto& [root, splits] : roots_) {
      for (const Name& to : Next(root)) {
        forward[root].push_back(to);
        backward[to].push_back(root);
      }
    }
    std::set<Name> seen;
    std::vector<Name> order;
    for (const auto& [root, splits] : roots_) Walk(forward, root, seen, order);
    seen.clear();
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      std::vector<Name> component;
      Walk(backward, *it, seen, component);
      if (component.size() > 1) in_circle_.insert(component.begin(), component.end());
    }
  }

  Checks& checks_;
  std::map<Name, std::vector<const TrafficSplit*>> roots_;
  std::set<Name> in_circle_;
};

bool Older(const TrafficSplit& a, const TrafficSplit& b) {
  if (a.head.created != b.head.created) {
    if (a.head.created.empty()) return false;
    if (b.head.created.empty()) return true;
    return a.head.created < b.head.created;  // RFC 3339 in UTC sorts as text.
  }
  return a.head.key.name < b.head.key.name;
}

}  // namespace

std::vector<std::size_t> LosingSplits(const DocumentSet& set) {
  std::map<Name, std::size_t> winners;
  std::vector<std::size_t> losers;
  for (std::size_t i = 0; i < set.splits.size(); ++i) {
    const TrafficSplit& split = set.splits[i];
    if (split.service.empty()) continue;
    const auto [it, first] = winners.emplace(Name(split.head.key.namespace_name, split.service), i);
    if (first) continue;
    if (Older(split, set.splits[it->second])) {
      losers.push_back(it->second);
      it->second = i;
    } else {
      losers.push_back(i);
    }
  }
  std::sort(losers.begin(), losers.end());
  return losers;
}

void CheckSplits(Checks& checks) {
  for (const TrafficSplit& split : checks.set().splits) {
    CheckBackends(checks, split);
    CheckMatches(checks, split);
    CheckServices(checks, split);
  }
  for (const std::size_t i : LosingSplits(checks.set())) {
    const TrafficSplit& split = checks.set().splits[i];
    checks.Error(split.head, "SPLIT_CONFLICT", split.head.spec_pointer + "/service",
                 "an older TrafficSplit already splits Service \"" + split.service + "\"");
  }
  Nesting(checks).Check();
}

}  // namespace meshplay::smi
