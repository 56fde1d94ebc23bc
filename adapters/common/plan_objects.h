#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::common {

namespace pb = meshplay::adapter::v1;

/// What one object would become.
struct PlannedObject {
  kube::ObjectRef ref;
  pb::ChangeAction action = pb::CHANGE_ACTION_NOOP;
  nlohmann::json desired;  ///< As it will be sent; null for a deletion.
  nlohmann::json before;   ///< As stored now, without what the server itself keeps; null when absent.
  nlohmann::json after;    ///< As it would be stored; null for a deletion.
  std::vector<pb::FieldConflict> conflicts;
  std::optional<Error> problem;  ///< Why applying it would fail.
  std::string reason;
  std::string uid, resource_version;  ///< Of the stored object.
};

struct PlanRules {
  std::string field_manager;
  bool force = false;
  /// Not empty: an object of another owner (or of nobody) is a problem, OBJECT_OWNED.
  std::string owner;
  /// With `owner`: take objects over that carry no owner at all.
  bool adopt = false;
  /// Objects that will be there before: their namespaces and kinds need no dry run to be believed.
  std::vector<nlohmann::json> earlier;
};

/// Finds out by reading and by server-side dry run what applying `objects` would do, in their order. An object whose
/// namespace or kind comes earlier in the same list counts as created without a dry run.
/// Errors: those of the client, when nothing can be said at all (TARGET_UNREACHABLE, TARGET_FORBIDDEN, CANCELLED, ...);
/// faults of single objects are their `problem`.
Result<std::vector<PlannedObject>> PlanObjects(kube::Client& client, const std::vector<nlohmann::json>& objects,
                                               const PlanRules& rules, const kube::Call& call);

/// A deletion of an object that is stored.
PlannedObject PlanDeletion(const nlohmann::json& stored, std::string reason);

/// An object without what the server itself keeps: managedFields, resourceVersion, uid, generation, creation time,
/// status.
nlohmann::json WithoutServerFields(nlohmann::json object);

pb::PlannedChange ToPlannedChange(const PlannedObject& planned);

/// Puts changes into a plan, what they were computed against, and conflicts as diagnostics.
void AddChanges(pb::Plan& plan, const std::vector<PlannedObject>& planned);

/// The steps an APPLY will go through, all PENDING.
void AddSteps(pb::Plan& plan, const std::vector<sdk::TaskContext::StepPlan>& steps);

/// The digest over the content: operation, parameters, and what would change. Not over what is random in a dry run.
std::string DigestOf(const pb::Plan& plan, const std::string& operation_type, const nlohmann::json& parameters);

/// What an INSPECT of these changes says: COMPLETE when none is left to make, NONE when all are, PARTIAL in between.
pb::Inspection InspectionOf(const std::vector<PlannedObject>& applies, const std::vector<PlannedObject>& deletes);

/// The first problem, with every problem's object as a violation; OK when there is none.
Status FirstProblem(const std::vector<PlannedObject>& planned);

}  // namespace meshplay::common
