#include "adapters/common/object_set.h"

#include <algorithm>
#include <map>
#include <set>

#include "adapters/common/ownership.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace meshplay::common {
namespace {

using nlohmann::json;

constexpr char kSetLabel[] = "meshplay.dev/set";
constexpr std::size_t kMaxNote = 512 * 1024;

const kube::Gvk& ConfigMap() {
  static const kube::Gvk kGvk{"", "v1", "ConfigMap"};
  return kGvk;
}

std::string InventoryName(const SetName& name) {
  return "meshplay-" + name.set + "-" + Sha256Hex(name.mesh_type + "/" + name.set + "/" + name.owner).substr(0, 10);
}

json ToJson(const kube::ObjectRef& ref) {
  return {
      {"apiVersion", ref.gvk.ApiVersion()}, {"kind", ref.gvk.kind}, {"namespace", ref.name_space}, {"name", ref.name}};
}

json InventoryObject(const SetName& name, const std::string& name_space, const std::vector<kube::ObjectRef>& refs,
                     const std::string& note) {
  json list = json::array();
  for (const kube::ObjectRef& ref : refs) list.push_back(ToJson(ref));
  json object = {{"apiVersion", "v1"},
                 {"kind", "ConfigMap"},
                 {"metadata", {{"name", InventoryName(name)}, {"namespace", name_space}}},
                 {"data", {{"objects", DumpJson(list)}, {"note", note}}}};
  SetOwnership(object, name.owner, name.mesh_type);
  object["metadata"]["labels"][kSetLabel] = name.set;
  return object;
}

bool NeverPruned(const kube::Gvk& gvk) {
  return gvk.kind == "CustomResourceDefinition" || (gvk.group.empty() && gvk.kind == "Namespace") ||
         (gvk.group.empty() && gvk.kind == "PersistentVolumeClaim");
}

/// Two versions of one kind name the same object.
std::string Identity(const kube::ObjectRef& ref) {
  return ref.gvk.group + "/" + ref.gvk.kind + "/" + ref.name_space + "/" + ref.name;
}

int Rank(const json& object) {
  static const std::map<std::string, int> kRanks = {{"Namespace", 0},
                                                    {"CustomResourceDefinition", 1},
                                                    {"ServiceAccount", 2},
                                                    {"Role", 3},
                                                    {"ClusterRole", 3},
                                                    {"RoleBinding", 4},
                                                    {"ClusterRoleBinding", 4},
                                                    {"Secret", 5},
                                                    {"ConfigMap", 5},
                                                    {"Service", 6},
                                                    {"Deployment", 7},
                                                    {"StatefulSet", 7},
                                                    {"DaemonSet", 7},
                                                    {"Pod", 7},
                                                    {"Job", 7},
                                                    {"CronJob", 7},
                                                    {"MutatingWebhookConfiguration", 10},
                                                    {"ValidatingWebhookConfiguration", 10},
                                                    {"APIService", 10}};
  const auto found = kRanks.find(kube::GvkOf(object).kind);
  return found == kRanks.end() ? 8 : found->second;
}

/// The objects of a set whose inventory is not there, by their labels.
Result<std::vector<kube::ObjectRef>> FindByLabels(Attempt& attempt, const SetName& name, const SetWish& wish) {
  std::vector<kube::ObjectRef> refs;
  std::set<std::string> known;
  for (const kube::Gvk& gvk : wish.kinds) {
    const auto found = attempt.kube().List(gvk, {"", OwnerSelector(name.owner, name.mesh_type) + "," + wish.label, ""},
                                           attempt.call());
    if (!found && found.error().reason() == "KIND_UNKNOWN") continue;
    if (!found) return Error(found.error()).Doing("list " + gvk.kind);
    for (const json& object : found->items) {
      kube::ObjectRef ref{gvk, kube::NamespaceOf(object), kube::NameOf(object)};
      if (known.insert(Identity(ref)).second) refs.push_back(std::move(ref));
    }
  }
  return refs;
}

/// Writes the inventory, or removes it when there is nothing left to list.
Status KeepInventory(Attempt& attempt, const SetName& name, const SetInventory& before,
                     const std::vector<kube::ObjectRef>& refs, const std::string& note) {
  const std::string name_space = before.exists ? before.name_space : name.name_space;
  if (refs.empty()) {
    MP_CHECK(attempt.Delete({ConfigMap(), name_space, InventoryName(name)}));
    return {};
  }
  MP_CHECK(attempt.Apply(InventoryObject(name, name_space, refs, note), name.field_manager, true));
  return {};
}

}  // namespace

void SortForApply(std::vector<json>& objects) {
  std::stable_sort(objects.begin(), objects.end(), [](const json& a, const json& b) { return Rank(a) < Rank(b); });
}

Result<SetInventory> ReadInventory(kube::Client& client, const SetName& name, const kube::Call& call) {
  const std::string selector =
      std::string(kSetLabel) + "=" + name.set + "," + OwnerSelector(name.owner, name.mesh_type);
  MP_TRY(const kube::ObjectList found, client.List(ConfigMap(), {"", selector, ""}, call));
  SetInventory inventory;
  for (const json& object : found.items) {
    if (kube::NameOf(object) != InventoryName(name) || kube::IsBeingDeleted(object)) continue;
    inventory.exists = true;
    inventory.name_space = kube::NamespaceOf(object);
    inventory.note = kube::TextAt(object, "/data/note");
    const auto list = ParseJson(kube::TextAt(object, "/data/objects"));
    for (const json& entry : list && list->is_array() ? *list : json::array()) {
      inventory.objects.push_back({kube::MakeGvk(kube::TextAt(entry, "/apiVersion"), kube::TextAt(entry, "/kind")),
                                   kube::TextAt(entry, "/namespace"), kube::TextAt(entry, "/name")});
    }
    break;
  }
  return inventory;
}

Result<std::vector<json>> StoredObjects(kube::Client& client, const SetInventory& inventory, const std::string& owner,
                                        const kube::Call& call) {
  std::vector<json> stored;
  for (const kube::ObjectRef& ref : inventory.objects) {
    MP_TRY(auto found, client.Find(ref, call));
    if (found && OwnerOf(*found) == owner) stored.push_back(std::move(*found));
  }
  return stored;
}

Result<SetChange> PlanSet(Attempt& attempt, const SetName& name, const SetWish& wish) {
  SetChange change;
  std::vector<json> objects = wish.objects;
  for (json& object : objects) SetOwnership(object, name.owner, name.mesh_type);
  PlanRules rules;
  rules.field_manager = name.field_manager;
  rules.force = wish.force || attempt.force_conflicts();
  rules.owner = name.owner;
  rules.adopt = wish.adopt;
  MP_TRY(change.applies, PlanObjects(attempt.kube(), objects, rules, attempt.call()));
  if (!wish.prune && wish.forget.empty()) return change;
  std::set<std::string> wanted, forgotten;
  for (const PlannedObject& one : change.applies) wanted.insert(Identity(one.ref));
  for (const kube::ObjectRef& ref : wish.forget) forgotten.insert(Identity(ref));
  MP_TRY(SetInventory inventory, ReadInventory(attempt.kube(), name, attempt.call()));
  if (!inventory.exists && wish.prune) {
    MP_TRY(inventory.objects, FindByLabels(attempt, name, wish));
  }
  std::reverse(inventory.objects.begin(), inventory.objects.end());
  MP_TRY(const std::vector<json> stored, StoredObjects(attempt.kube(), inventory, name.owner, attempt.call()));
  for (const json& object : stored) {
    const kube::ObjectRef ref = kube::RefOf(object);
    if (wanted.count(Identity(ref)) != 0 || NeverPruned(ref.gvk)) continue;
    if (!wish.prune && forgotten.count(Identity(ref)) == 0) continue;
    change.deletes.push_back(PlanDeletion(object, "no longer part of the set of " + name.owner));
  }
  return change;
}

Status ApplySet(Attempt& attempt, const SetName& name, const SetWish& wish, const SetChange& change) {
  MP_CHECK(FirstProblem(change.applies));
  if (wish.note.size() > kMaxNote) {
    return Error(ErrorCode::kResourceExhausted, "SET_TOO_LARGE", "the documents of one owner are at most 512 KiB");
  }
  MP_TRY(const SetInventory before, ReadInventory(attempt.kube(), name, attempt.call()));
  std::set<std::string> wanted, deleted;
  std::vector<kube::ObjectRef> refs;
  for (const PlannedObject& one : change.applies) {
    if (wanted.insert(Identity(one.ref)).second) refs.push_back(one.ref);
  }
  for (const PlannedObject& one : change.deletes) deleted.insert(Identity(one.ref));
  // Everything that may exist at any moment from now on is listed before it exists: a crash leaves nothing unknown.
  std::vector<kube::ObjectRef> all = refs, kept = refs;
  for (const kube::ObjectRef& ref : before.objects) {
    if (wanted.count(Identity(ref)) != 0) continue;
    all.push_back(ref);
    if (!wish.prune && deleted.count(Identity(ref)) == 0) kept.push_back(ref);
  }
  if (!before.exists) {
    for (const PlannedObject& one : change.deletes) all.push_back(one.ref);
  }
  if (all.empty() && !before.exists) return {};
  const bool same_list = before.exists && all == before.objects && wish.note == before.note;
  if (!same_list && !all.empty()) {
    // A namespace that the set itself brings has to be there before the inventory can be.
    for (const PlannedObject& one : change.applies) {
      const bool home = one.ref.gvk.kind == "Namespace" && one.ref.name == name.name_space;
      if (home && one.action != pb::CHANGE_ACTION_NOOP) MP_CHECK(attempt.Apply(one.desired, name.field_manager));
    }
    MP_CHECK(KeepInventory(attempt, name, before, all, wish.note));
  }
  for (std::size_t i = 0; i < change.applies.size(); ++i) {
    const PlannedObject& one = change.applies[i];
    if (one.action == pb::CHANGE_ACTION_NOOP) continue;
    if (wish.before_write) wish.before_write(change, i);
    MP_CHECK(attempt.Apply(one.desired, name.field_manager, wish.force));
    if (one.ref.gvk.kind == "CustomResourceDefinition") attempt.kube().DropDiscovery();
  }
  for (const PlannedObject& one : change.deletes) MP_CHECK(attempt.Delete(one.ref, one.uid));
  if (kept != all || (kept.empty() && before.exists)) MP_CHECK(KeepInventory(attempt, name, before, kept, wish.note));
  return {};
}

}  // namespace meshplay::common
