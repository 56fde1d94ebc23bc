#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/common/attempt.h"
#include "adapters/common/plan_objects.h"

namespace meshplay::common {

/// A named set of objects of one owner on one cluster: what "apply these" and "delete what I applied" mean. The set's
/// inventory is a ConfigMap that lists its objects (and keeps what the caller wants to find again); it is gone when the
/// set is empty. One rule for deleting: what the last inventory lists minus what is wanted now, and only what still
/// carries the owner's label; never CustomResourceDefinitions, Namespaces or volume claims.
struct SetName {
  std::string set;    ///< "smi", "custom", "sample"
  std::string owner;  ///< A label value.
  std::string mesh_type;
  std::string name_space;  ///< Where a new inventory is kept.
  std::string field_manager;
};

struct SetInventory {
  bool exists = false;
  std::string name_space;
  std::vector<kube::ObjectRef> objects;
  std::string note;  ///< The caller's own text, at most 512 KiB.
};

/// Finds the inventory of a set wherever it is kept. Errors: those of the client.
Result<SetInventory> ReadInventory(kube::Client& client, const SetName& name, const kube::Call& call);

struct SetChange {
  std::vector<PlannedObject> applies;  ///< In order.
  std::vector<PlannedObject> deletes;  ///< In order: the reverse of the order in which they were applied.
};

struct SetWish {
  std::vector<nlohmann::json> objects;  ///< In the order in which they are to be applied.
  bool prune = false;                   ///< Delete what the inventory lists and `objects` does not.
  bool adopt = false;
  std::vector<kube::ObjectRef> forget;  ///< Without `prune`: these of the inventory go, everything else stays.
  std::string note;
  /// With `prune`: where objects of the set are looked for, by the labels of their owner and this one, when somebody
  /// has deleted the inventory. None: what only that listed stays.
  std::vector<kube::Gvk> kinds = {};
  std::string label = {};
  /// Told ahead of the write of `change.applies[next]`, of those that are written; may wait.
  std::function<void(const SetChange& change, std::size_t next)> before_write = {};
  bool force = false;  ///< What others have written into objects of the owner is taken back without being asked.
};

/// Labels the objects with their owner and finds out what would change. Errors: those of PlanObjects.
Result<SetChange> PlanSet(Attempt& attempt, const SetName& name, const SetWish& wish);

/// Does it: refuses before the first write when any object has a problem (conflicts, another owner, admission); then
/// writes the inventory of old and new, the objects, the deletions, and the inventory of what is left. Objects that are
/// already as wanted are not written. Errors: those of the objects; those of Attempt.
Status ApplySet(Attempt& attempt, const SetName& name, const SetWish& wish, const SetChange& change);

/// Orders objects the way a cluster needs them: namespaces, definitions, identities, configuration, services,
/// workloads, the rest, webhooks.
void SortForApply(std::vector<nlohmann::json>& objects);

/// The objects of a set that are stored and still carry the owner's label, in the inventory's order.
Result<std::vector<nlohmann::json>> StoredObjects(kube::Client& client, const SetInventory& inventory,
                                                  const std::string& owner, const kube::Call& call);

}  // namespace meshplay::common
