#include "adapters/translate/internal/parts.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

namespace meshplay::translate {
namespace {

using Places = std::vector<std::size_t>;

std::string Name(const std::string& namespace_name, const std::string& name) {
  return namespace_name + "/" + name;
}

/// Groups of keys that belong together.
class Groups {
 public:
  std::size_t Of(const std::string& key) {
    const auto [it, added] = ids_.emplace(key, keys_.size());
    if (added) {
      keys_.push_back(key);
      parents_.push_back(it->second);
    }
    return Root(it->second);
  }

  void Join(const std::string& a, const std::string& b) {
    const std::size_t left = Of(a);
    const std::size_t right = Of(b);
    // The smaller key names the group, so that its name does not depend on the order of documents.
    if (keys_[left] < keys_[right]) {
      parents_[right] = left;
    } else {
      parents_[left] = right;
    }
  }

  const std::string& KeyOf(const std::string& key) { return keys_[Of(key)]; }

 private:
  std::size_t Root(std::size_t id) {
    while (parents_[id] != id) {
      parents_[id] = parents_[parents_[id]];
      id = parents_[id];
    }
    return id;
  }

  std::unordered_map<std::string, std::size_t> ids_;
  std::vector<std::string> keys_;
  std::vector<std::size_t> parents_;
};

template <class T>
std::unordered_map<std::string, Places> ByName(const std::vector<T>& objects) {
  std::unordered_map<std::string, Places> out;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    out[Name(objects[i].head.key.namespace_name, objects[i].head.key.name)].push_back(i);
  }
  return out;
}

class Partitioner {
 public:
  Partitioner(const smi::DocumentSet& set, const smi::ClusterFacts& facts, bool joins_splits)
      : set_(set),
        facts_(facts),
        index_(facts),
        joins_splits_(joins_splits),
        bindings_(ByName(set.bindings)),
        http_groups_(ByName(set.http_groups)),
        tcp_routes_(ByName(set.tcp_routes)),
        udp_routes_(ByName(set.udp_routes)) {}

  std::vector<Part> Run() {
    JoinAccounts();
    for (const smi::TrafficTarget& target : set_.targets) JoinTarget(target);
    JoinSplits();
    for (std::size_t i = 0; i < set_.targets.size(); ++i) AddTarget(i);
    for (std::size_t i = 0; i < set_.splits.size(); ++i) AddSplit(i);
    AddRest();
    std::vector<Part> out;
    for (auto& [id, part] : parts_) {
      part.id = id;
      Normalise(part.members);
      out.push_back(std::move(part));
    }
    AddFindings(out);
    return out;
  }

 private:
  // Sorts last: it names a part only when nothing else does.
  static std::string Own(const smi::Head& head) { return "~" + head.key.Text(); }
  static std::string AccountKey(const std::string& name) { return "account " + name; }
  static std::string RootKey(const smi::TrafficSplit& split) {
    return "root " + Name(split.head.key.namespace_name, split.service);
  }

  // The accounts that a subject may stand for.
  std::vector<std::string> AccountsOf(const smi::Subject& subject) const {
    if (subject.kind != smi::KindName(smi::Kind::kIdentityBinding)) {
      return {Name(subject.namespace_name, subject.name)};
    }
    std::vector<std::string> out;
    const auto it = bindings_.find(Name(subject.namespace_name, subject.name));
    if (it == bindings_.end()) return out;
    for (const std::size_t place : it->second) {
      const smi::IdentityBinding& binding = set_.bindings[place];
      if (!binding.service_account.empty()) out.push_back(Name(subject.namespace_name, binding.service_account));
      if (!binding.has_pod_labels) continue;
      for (const smi::Workload& workload : facts_.workloads) {
        const bool here = workload.namespace_name == subject.namespace_name;
        if (!here || !smi::Selects(binding.pod_labels, workload.labels)) continue;
        std::string account = Name(workload.namespace_name, workload.service_account);
        if (std::find(out.begin(), out.end(), account) == out.end()) out.push_back(std::move(account));
      }
    }
    return out;
  }

  // Meshes that know callers by their Services make one object for all accounts behind a Service. They know it by its
  // name, of which manifests may hold several.
  void JoinAccounts() {
    std::unordered_map<std::string, std::string> first;
    for (const smi::Workload& workload : facts_.workloads) {
      const std::string account = AccountKey(Name(workload.namespace_name, workload.service_account));
      for (const smi::Service* service : index_.ServicesSelecting(workload)) {
        const auto [it, added] = first.emplace(Name(service->namespace_name, service->name), account);
        if (!added && it->second != account) groups_.Join(it->second, account);
      }
    }
  }

  void JoinTarget(const smi::TrafficTarget& target) {
    const smi::Subject& to = target.destination;
    const std::string own = Own(target.head);
    groups_.Join(own, "to " + to.kind + " " + Name(to.namespace_name, to.name));
    for (const std::string& account : AccountsOf(to)) {
      groups_.Join(own, AccountKey(account));
      destinations_.insert(account);
    }
  }

  void JoinSplits() {
    std::unordered_set<std::string> roots;
    for (const smi::TrafficSplit& split : set_.splits) roots.insert(RootKey(split));
    for (const smi::TrafficSplit& split : set_.splits) {
      const std::string own = Own(split.head);
      groups_.Join(own, RootKey(split));
      for (const smi::SplitBackend& backend : split.backends) {
        const std::string key = "root " + Name(split.head.key.namespace_name, backend.service);
        if (roots.count(key) != 0) groups_.Join(own, key);
      }
    }
    if (joins_splits_) JoinDestinations();
  }

  void JoinDestinations() {
    std::unordered_map<std::string, std::vector<const smi::Service*>> services;
    for (const smi::Service& service : facts_.services) {
      services[Name(service.namespace_name, service.name)].push_back(&service);
    }
    for (const smi::TrafficSplit& split : set_.splits) {
      const std::string own = Own(split.head);
      const auto join = [&](const std::string& name) {
        const auto found = services.find(Name(split.head.key.namespace_name, name));
        if (found == services.end()) return;
        for (const smi::Service* service : found->second) {
          for (const smi::Workload* workload : index_.WorkloadsSelectedBy(service->namespace_name, service->selector)) {
            const std::string account = Name(workload->namespace_name, workload->service_account);
            if (destinations_.count(account) != 0) groups_.Join(own, AccountKey(account));
          }
        }
      };
      join(split.service);
      for (const smi::SplitBackend& backend : split.backends) join(backend.service);
    }
  }

  void Refer(const std::unordered_map<std::string, Places>& from, const std::string& name, Places& to,
             std::unordered_set<std::size_t>& seen) {
    const auto it = from.find(name);
    if (it == from.end()) return;
    to.insert(to.end(), it->second.begin(), it->second.end());
    seen.insert(it->second.begin(), it->second.end());
  }

  void AddSubject(const smi::Subject& subject, Part& part) {
    part.facts.namespaces.insert(subject.namespace_name);
    if (subject.kind == smi::KindName(smi::Kind::kIdentityBinding)) {
      Refer(bindings_, Name(subject.namespace_name, subject.name), part.members.bindings, used_bindings_);
    }
    for (std::string& account : AccountsOf(subject)) part.facts.accounts.insert(std::move(account));
  }

  void AddTarget(std::size_t place) {
    const smi::TrafficTarget& target = set_.targets[place];
    Part& part = parts_[groups_.KeyOf(Own(target.head))];
    const std::string& home = target.head.key.namespace_name;
    part.members.targets.push_back(place);
    part.facts.namespaces.insert(home);
    AddSubject(target.destination, part);
    for (const smi::Subject& source : target.sources) AddSubject(source, part);
    for (const smi::TargetRule& rule : target.rules) {
      const std::string name = Name(home, rule.name);
      if (rule.kind == smi::KindName(smi::Kind::kHttpRouteGroup)) {
        Refer(http_groups_, name, part.members.http_groups, used_http_groups_);
      } else if (rule.kind == smi::KindName(smi::Kind::kTcpRoute)) {
        Refer(tcp_routes_, name, part.members.tcp_routes, used_tcp_routes_);
      } else if (rule.kind == smi::KindName(smi::Kind::kUdpRoute)) {
        Refer(udp_routes_, name, part.members.udp_routes, used_udp_routes_);
      }
    }
  }

  void AddSplit(std::size_t place) {
    const smi::TrafficSplit& split = set_.splits[place];
    Part& part = parts_[groups_.KeyOf(Own(split.head))];
    const std::string& home = split.head.key.namespace_name;
    part.members.splits.push_back(place);
    part.facts.namespaces.insert(home);
    part.facts.services.insert(Name(home, split.service));
    for (const smi::SplitBackend& backend : split.backends) part.facts.services.insert(Name(home, backend.service));
    for (const smi::SplitMatchRef& match : split.matches) {
      Refer(http_groups_, Name(home, match.name), part.members.http_groups, used_http_groups_);
    }
  }

  template <class T>
  void AddUnused(const std::vector<T>& objects, const std::unordered_set<std::size_t>& used, Places Members::*kind) {
    for (std::size_t i = 0; i < objects.size(); ++i) {
      if (used.count(i) != 0) continue;
      Part& part = parts_[Own(objects[i].head)];
      (part.members.*kind).push_back(i);
      part.facts.namespaces.insert(objects[i].head.key.namespace_name);
    }
  }

  void AddRest() {
    AddUnused(set_.bindings, used_bindings_, &Members::bindings);
    AddUnused(set_.http_groups, used_http_groups_, &Members::http_groups);
    AddUnused(set_.tcp_routes, used_tcp_routes_, &Members::tcp_routes);
    AddUnused(set_.udp_routes, used_udp_routes_, &Members::udp_routes);
    if (set_.unreadable.empty()) return;
    Places& all = parts_["unreadable"].members.unreadable;
    all.resize(set_.unreadable.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
  }

  static void Normalise(Members& members) {
    for (Places* places : {&members.targets, &members.bindings, &members.http_groups, &members.tcp_routes,
                           &members.udp_routes, &members.splits}) {
      std::sort(places->begin(), places->end());
      places->erase(std::unique(places->begin(), places->end()), places->end());
    }
  }

  // Findings belong to every part that has an object of that name; those of unreadable objects to theirs.
  void AddFindings(std::vector<Part>& parts) const {
    if (set_.findings.empty()) return;
    std::map<smi::ObjectKey, Places> by_object;
    for (std::size_t i = 0; i < set_.findings.size(); ++i) by_object[set_.findings[i].object].push_back(i);
    for (Part& part : parts) {
      Places& places = part.members.findings;
      const auto add = [&](const smi::ObjectKey& key) {
        const auto it = by_object.find(key);
        if (it != by_object.end()) places.insert(places.end(), it->second.begin(), it->second.end());
      };
      for (const smi::Head* head : HeadsOf(set_, part.members)) add(head->key);
      for (const std::size_t i : part.members.unreadable) add(set_.unreadable[i]);
      std::sort(places.begin(), places.end());
      places.erase(std::unique(places.begin(), places.end()), places.end());
    }
  }

  const smi::DocumentSet& set_;
  const smi::ClusterFacts& facts_;
  const smi::FactsIndex index_;
  const bool joins_splits_;
  const std::unordered_map<std::string, Places> bindings_;
  const std::unordered_map<std::string, Places> http_groups_;
  const std::unordered_map<std::string, Places> tcp_routes_;
  const std::unordered_map<std::string, Places> udp_routes_;
  std::unordered_set<std::size_t> used_bindings_;
  std::unordered_set<std::size_t> used_http_groups_;
  std::unordered_set<std::size_t> used_tcp_routes_;
  std::unordered_set<std::size_t> used_udp_routes_;
  std::unordered_set<std::string> destinations_;  // Accounts that targets lead to.
  Groups groups_;
  std::map<std::string, Part> parts_;
};

template <class T>
std::vector<T> Pick(const std::vector<T>& from, const Places& places) {
  std::vector<T> out;
  out.reserve(places.size());
  for (const std::size_t place : places) out.push_back(from[place]);
  return out;
}

bool Same(const smi::Head& a, const smi::Head& b) {
  return a.key == b.key && a.version == b.version && a.pointer == b.pointer && a.spec_pointer == b.spec_pointer &&
         a.created == b.created && a.uid == b.uid && a.labels == b.labels && a.annotations == b.annotations;
}

bool Same(const smi::TrafficTarget& a, const smi::TrafficTarget& b) {
  return Same(a.head, b.head) && a.destination == b.destination && a.destination_port == b.destination_port &&
         a.rules == b.rules && a.sources == b.sources;
}

bool Same(const smi::IdentityBinding& a, const smi::IdentityBinding& b) {
  return Same(a.head, b.head) && a.pod_labels == b.pod_labels && a.has_pod_labels == b.has_pod_labels &&
         a.service_account == b.service_account && a.spiffe_ids == b.spiffe_ids;
}

bool Same(const smi::HttpRouteGroup& a, const smi::HttpRouteGroup& b) {
  return Same(a.head, b.head) && a.matches == b.matches;
}

bool Same(const smi::PortRoute& a, const smi::PortRoute& b) {
  return Same(a.head, b.head) && a.name == b.name && a.ports == b.ports;
}

bool Same(const smi::TrafficSplit& a, const smi::TrafficSplit& b) {
  return Same(a.head, b.head) && a.service == b.service && a.valid_service == b.valid_service &&
         a.backends == b.backends && a.matches == b.matches;
}

bool Same(const smi::Finding& a, const smi::Finding& b) {
  return a.object == b.object && a.diagnostic == b.diagnostic;
}

bool Same(const smi::ObjectKey& a, const smi::ObjectKey& b) {
  return a == b;
}

template <class T>
bool SameAll(const std::vector<T>& kept, const std::vector<T>& from, const Places& places) {
  if (kept.size() != places.size()) return false;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!Same(kept[i], from[places[i]])) return false;
  }
  return true;
}

}  // namespace

std::vector<Part> Partition(const smi::DocumentSet& set, const smi::ClusterFacts& facts, bool joins_splits) {
  return Partitioner(set, facts, joins_splits).Run();
}

smi::DocumentSet Extract(const smi::DocumentSet& set, const Members& members) {
  smi::DocumentSet out;
  out.targets = Pick(set.targets, members.targets);
  out.bindings = Pick(set.bindings, members.bindings);
  out.http_groups = Pick(set.http_groups, members.http_groups);
  out.tcp_routes = Pick(set.tcp_routes, members.tcp_routes);
  out.udp_routes = Pick(set.udp_routes, members.udp_routes);
  out.splits = Pick(set.splits, members.splits);
  out.findings = Pick(set.findings, members.findings);
  out.unreadable = Pick(set.unreadable, members.unreadable);
  return out;
}

Members Union(const std::vector<const Members*>& parts) {
  Members out;
  for (Places Members::*kind : {&Members::targets, &Members::bindings, &Members::http_groups, &Members::tcp_routes,
                                &Members::udp_routes, &Members::splits, &Members::findings, &Members::unreadable}) {
    Places& all = out.*kind;
    for (const Members* part : parts) all.insert(all.end(), (part->*kind).begin(), (part->*kind).end());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
  }
  return out;
}

bool SameDocuments(const smi::DocumentSet& kept, const smi::DocumentSet& set, const Members& members) {
  return SameAll(kept.targets, set.targets, members.targets) &&
         SameAll(kept.bindings, set.bindings, members.bindings) &&
         SameAll(kept.http_groups, set.http_groups, members.http_groups) &&
         SameAll(kept.tcp_routes, set.tcp_routes, members.tcp_routes) &&
         SameAll(kept.udp_routes, set.udp_routes, members.udp_routes) &&
         SameAll(kept.splits, set.splits, members.splits) && SameAll(kept.findings, set.findings, members.findings) &&
         SameAll(kept.unreadable, set.unreadable, members.unreadable);
}

std::vector<const smi::Head*> HeadsOf(const smi::DocumentSet& set, const Members& members) {
  std::vector<const smi::Head*> heads;
  const auto add = [&heads](const auto& objects, const Places& places) {
    for (const std::size_t place : places) heads.push_back(&objects[place].head);
  };
  add(set.targets, members.targets);
  add(set.bindings, members.bindings);
  add(set.http_groups, members.http_groups);
  add(set.tcp_routes, members.tcp_routes);
  add(set.udp_routes, members.udp_routes);
  add(set.splits, members.splits);
  return heads;
}

}  // namespace meshplay::translate
