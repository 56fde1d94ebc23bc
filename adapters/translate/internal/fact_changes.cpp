#include "adapters/translate/internal/fact_changes.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "adapters/translate/drafts.h"

namespace meshplay::translate {
namespace {

using nlohmann::json;

std::string Name(const std::string& namespace_name, const std::string& name) {
  return namespace_name + "/" + name;
}

std::string KeyOf(const smi::Service& service) {
  return Name(service.namespace_name, service.name);
}

std::string KeyOf(const smi::Workload& workload) {
  return workload.kind + "/" + Name(workload.namespace_name, workload.name);
}

template <class T>
struct Compared {
  bool mixed_up = false;  ///< Two of one name, or another order: nothing can be told apart.
  std::vector<const T*> before;
  std::vector<const T*> after;
};

template <class T>
Compared<T> Compare(const std::vector<T>& before, const std::vector<T>& after) {
  Compared<T> out;
  if (before == after) return out;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (!places.emplace(KeyOf(before[i]), i).second) out.mixed_up = true;
  }
  std::vector<bool> stayed(before.size(), false);
  std::unordered_set<std::string> seen;
  std::size_t next = 0;
  for (const T& now : after) {
    const std::string key = KeyOf(now);
    if (!seen.insert(key).second) out.mixed_up = true;
    const auto it = places.find(key);
    if (it == places.end()) {
      out.after.push_back(&now);
      continue;
    }
    if (it->second < next) out.mixed_up = true;
    next = it->second;
    stayed[it->second] = true;
    if (before[it->second] == now) continue;
    out.before.push_back(&before[it->second]);
    out.after.push_back(&now);
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (!stayed[i]) out.before.push_back(&before[i]);
  }
  return out;
}

/// Walks from Services and workloads to all that emitters could reach from them: a Service leads to the pods it
/// selects, a workload to its account, to the pods that its own selector takes, and each of these back.
class Walk {
 public:
  Walk(const smi::ClusterFacts& facts, FactChanges& changes) : found_(changes.names), namesakes_(changes.namesakes) {
    for (const smi::Service& service : facts.services) {
      Add(services_, service.namespace_name, service.selector, service);
      by_name_[service.name].push_back(&service);
    }
    for (const smi::Workload& workload : facts.workloads) {
      Add(selecting_, workload.namespace_name, workload.selector, workload);
      by_account_[Name(workload.namespace_name, workload.service_account)].push_back(&workload);
      for (const auto& [key, value] : workload.labels) {
        labelled_[Pair(workload.namespace_name, key, value)].push_back(&workload);
      }
    }
  }

  void From(const smi::Service& service) {
    Reach(service);
    Finish();
  }

  void From(const smi::Workload& workload) {
    Reach(workload);
    Finish();
  }

 private:
  template <class T>
  using Index = std::unordered_map<std::string, std::vector<const T*>>;

  static std::string Pair(const std::string& namespace_name, const std::string& key, const std::string& value) {
    return namespace_name + "/" + key + "=" + value;
  }

  // By the first pair of the selector: whatever it selects carries that pair.
  template <class T>
  static void Add(Index<T>& index, const std::string& namespace_name, const smi::Labels& selector, const T& object) {
    if (selector.empty()) return;
    index[Pair(namespace_name, selector.begin()->first, selector.begin()->second)].push_back(&object);
  }

  void Reach(const smi::Workload& workload) {
    if (seen_workloads_.insert(&workload).second) open_.push_back(&workload);
  }

  // A mesh without namespaces takes Services of one name for one, and a caller without pods for the Service that is
  // called like its account.
  void Reach(const smi::Service& service) {
    if (!seen_services_.insert(&service).second) return;
    found_.services.insert(KeyOf(service));
    namesakes_.insert(service.name);
    Selected(service.namespace_name, service.selector);
    for (const smi::Service* namesake : by_name_[service.name]) Reach(*namesake);
  }

  void Selected(const std::string& namespace_name, const smi::Labels& selector) {
    if (selector.empty()) return;
    const auto it = labelled_.find(Pair(namespace_name, selector.begin()->first, selector.begin()->second));
    if (it == labelled_.end()) return;
    for (const smi::Workload* workload : it->second) {
      if (smi::Selects(selector, workload->labels)) Reach(*workload);
    }
  }

  void Finish() {
    while (!open_.empty()) {
      const smi::Workload& workload = *open_.back();
      open_.pop_back();
      const std::string account = Name(workload.namespace_name, workload.service_account);
      if (seen_accounts_.insert(account).second) {
        found_.accounts.insert(account);
        for (const smi::Workload* other : by_account_[account]) Reach(*other);
      }
      Selected(workload.namespace_name, workload.selector);
      for (const auto& [key, value] : workload.labels) {
        const std::string pair = Pair(workload.namespace_name, key, value);
        if (const auto it = selecting_.find(pair); it != selecting_.end()) {
          for (const smi::Workload* other : it->second) {
            if (smi::Selects(other->selector, workload.labels)) Reach(*other);
          }
        }
        if (const auto it = services_.find(pair); it != services_.end()) {
          for (const smi::Service* service : it->second) {
            if (smi::Selects(service->selector, workload.labels)) Reach(*service);
          }
        }
      }
    }
  }

  FactNames& found_;
  std::set<std::string>& namesakes_;
  Index<smi::Service> services_;
  Index<smi::Service> by_name_;
  Index<smi::Workload> selecting_;
  Index<smi::Workload> labelled_;
  Index<smi::Workload> by_account_;
  std::unordered_set<const smi::Service*> seen_services_;
  std::unordered_set<const smi::Workload*> seen_workloads_;
  std::unordered_set<std::string> seen_accounts_;
  std::vector<const smi::Workload*> open_;
};

void CompareGraph(const smi::ClusterFacts& before, const smi::ClusterFacts& after, FactChanges& changes) {
  const Compared<smi::Service> services = Compare(before.services, after.services);
  const Compared<smi::Workload> workloads = Compare(before.workloads, after.workloads);
  if (services.mixed_up || workloads.mixed_up) {
    changes.everything = true;
    return;
  }
  const bool moved =
      !services.before.empty() || !services.after.empty() || !workloads.before.empty() || !workloads.after.empty();
  if (!moved) return;
  Walk then(before, changes);
  for (const smi::Service* service : services.before) then.From(*service);
  for (const smi::Workload* workload : workloads.before) then.From(*workload);
  Walk now(after, changes);
  for (const smi::Service* service : services.after) now.From(*service);
  for (const smi::Workload* workload : workloads.after) now.From(*workload);
}

template <class T, class Add>
void ForDifferent(const std::set<T>& a, const std::set<T>& b, Add add) {
  std::vector<T> different;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(different));
  for (const T& value : different) add(value);
}

std::string TextAt(const json& object, const char* key) {
  const auto it = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

smi::ObjectKey KeyOf(const json& object) {
  smi::ObjectKey key{TextAt(object, "apiVersion"), TextAt(object, "kind"), "", ""};
  if (!object.is_object() || !object.contains("metadata")) return key;
  key.namespace_name = TextAt(object["metadata"], "namespace");
  key.name = TextAt(object["metadata"], "name");
  return key;
}

bool SameRevision(const json& a, const json& b) {
  if (!a.is_object() || !b.is_object() || !a.contains("metadata") || !b.contains("metadata")) return false;
  const std::string uid = TextAt(a["metadata"], "uid");
  const std::string revision = TextAt(a["metadata"], "resourceVersion");
  return !uid.empty() && !revision.empty() && uid == TextAt(b["metadata"], "uid") &&
         revision == TextAt(b["metadata"], "resourceVersion");
}

// What the API server counts and controllers report is nothing that a translation depends on.
json WithoutBookkeeping(const json& object) {
  json out = object;
  if (!out.is_object()) return out;
  out.erase("status");
  const auto metadata = out.find("metadata");
  if (metadata == out.end() || !metadata->is_object()) return out;
  for (const char* key : {"resourceVersion", "managedFields", "generation"}) metadata->erase(key);
  return out;
}

// False when the object does not name all of them.
bool AddSources(const json& object, std::set<std::string>& to) {
  if (!object.is_object() || !object.contains("metadata") || !object["metadata"].is_object()) return true;
  const json& metadata = object["metadata"];
  if (!metadata.contains("annotations")) return true;
  const std::string listed = TextAt(metadata["annotations"], kSourcesAnnotation);
  for (std::size_t at = 0; at < listed.size();) {
    const std::size_t end = std::min(listed.find(',', at), listed.size());
    to.insert(listed.substr(at, end - at));
    at = end + 1;
  }
  return TextAt(metadata["annotations"], kSourcesOmittedAnnotation).empty();
}

bool AnyOf(const std::set<std::string>& a, const std::set<std::string>& b) {
  const std::set<std::string>& few = a.size() < b.size() ? a : b;
  const std::set<std::string>& many = a.size() < b.size() ? b : a;
  return std::any_of(few.begin(), few.end(), [&](const std::string& name) { return many.count(name) != 0; });
}

}  // namespace

void FactMemory::CompareExisting(const std::vector<json>& existing, const std::string& owner,
                                 const std::optional<std::set<std::string>>& own_kinds, FactChanges& changes) {
  const auto changed = [&](const smi::ObjectKey& key, const json* before, const json* after) {
    const bool ours =
        !owner.empty() && (before == nullptr || IsOurs(*before, owner)) && (after == nullptr || IsOurs(*after, owner));
    if (!ours) {
      // What somebody else's object means for a mesh, only the emitter knows.
      changes.everything = true;
      return;
    }
    if (own_kinds.has_value() && own_kinds->count(key.kind) == 0) return;
    changes.own.insert(key);
    for (const json* object : {before, after}) {
      if (object != nullptr && !AddSources(*object, changes.own_sources)) changes.everything = true;
    }
  };
  std::map<smi::ObjectKey, json> kept;
  for (const json& object : existing) {
    const smi::ObjectKey key = KeyOf(object);
    const auto before = existing_.find(key);
    if (before == existing_.end()) {
      if (!kept.emplace(key, object).second) changes.everything = true;
      changed(key, nullptr, &object);
      continue;
    }
    if (!SameRevision(before->second, object)) {
      if (WithoutBookkeeping(before->second) != WithoutBookkeeping(object)) changed(key, &before->second, &object);
      before->second = object;
    }
    kept.insert(existing_.extract(before));
  }
  for (const auto& [key, object] : existing_) changed(key, &object, nullptr);
  existing_ = std::move(kept);
}

FactChanges FactMemory::Update(const smi::ClusterFacts& facts, const std::string& owner,
                               const std::optional<std::set<std::string>>& own_kinds) {
  FactChanges changes;
  changes.everything = !known_ || facts.mesh_version != facts_.mesh_version ||
                       facts.trust_domain != facts_.trust_domain || facts.cluster_domain != facts_.cluster_domain ||
                       facts.served_versions != facts_.served_versions || facts.api_fields != facts_.api_fields;
  if (!changes.everything) {
    ForDifferent(facts.namespaces, facts_.namespaces,
                 [&](const std::string& name) { changes.names.namespaces.insert(name); });
    ForDifferent(std::set(facts.namespace_labels.begin(), facts.namespace_labels.end()),
                 std::set(facts_.namespace_labels.begin(), facts_.namespace_labels.end()),
                 [&](const auto& labels) { changes.names.namespaces.insert(labels.first); });
    ForDifferent(facts.service_accounts, facts_.service_accounts,
                 [&](const auto& account) { changes.names.accounts.insert(Name(account.first, account.second)); });
    CompareGraph(facts_, facts, changes);
  }
  CompareExisting(facts.existing, owner, own_kinds, changes);
  if (facts_.services != facts.services) facts_.services = facts.services;
  if (facts_.workloads != facts.workloads) facts_.workloads = facts.workloads;
  facts_.service_accounts = facts.service_accounts;
  facts_.namespaces = facts.namespaces;
  facts_.namespace_labels = facts.namespace_labels;
  facts_.served_versions = facts.served_versions;
  facts_.api_fields = facts.api_fields;
  facts_.mesh_version = facts.mesh_version;
  facts_.trust_domain = facts.trust_domain;
  facts_.cluster_domain = facts.cluster_domain;
  known_ = true;
  return changes;
}

bool Touches(const FactChanges& changes, const FactNames& names) {
  const auto is_namesake = [&](const std::string& account) {
    return changes.namesakes.count(account.substr(account.find('/') + 1)) != 0;
  };
  return changes.everything || std::any_of(names.accounts.begin(), names.accounts.end(), is_namesake) ||
         AnyOf(changes.names.accounts, names.accounts) || AnyOf(changes.names.services, names.services) ||
         AnyOf(changes.names.namespaces, names.namespaces);
}

}  // namespace meshplay::translate
