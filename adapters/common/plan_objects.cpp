#include "adapters/common/plan_objects.h"

#include "adapters/common/convert.h"
#include "adapters/common/ownership.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace meshplay::common {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBody = 32 * 1024;

/// What an earlier object of the same list makes possible.
struct Expected {
  std::set<std::string> namespaces;
  std::set<std::pair<std::string, std::string>> kinds;  // (group, kind)

  void Note(const json& object) {
    const kube::Gvk gvk = kube::GvkOf(object);
    if (gvk.group.empty() && gvk.kind == "Namespace") namespaces.insert(kube::NameOf(object));
    if (gvk.kind == "CustomResourceDefinition") {
      kinds.emplace(kube::TextAt(object, "/spec/group"), kube::TextAt(object, "/spec/names/kind"));
    }
  }
  bool Covers(const kube::ObjectRef& ref) const {
    return namespaces.count(ref.name_space) != 0 || kinds.count({ref.gvk.group, ref.gvk.kind}) != 0;
  }
};

bool EndsEverything(const Error& error) {
  static const std::set<std::string> kReasons = {"TARGET_UNREACHABLE",     "TARGET_TIMEOUT", "TARGET_THROTTLED",
                                                 "TARGET_UNAUTHENTICATED", "CANCELLED",      "TARGET_ANSWER_INVALID"};
  return kReasons.count(error.reason()) != 0;
}

std::vector<pb::FieldConflict> ConflictsOf(const Error& error) {
  std::vector<pb::FieldConflict> conflicts;
  const auto at = [&error](const char* key) {
    const auto found = error.metadata().find(key);
    return found == error.metadata().end() ? std::string() : found->second;
  };
  std::string fields = at("fields");
  while (!fields.empty()) {
    const std::size_t comma = fields.find(',');
    std::string field = fields.substr(0, comma);
    fields = comma == std::string::npos ? "" : fields.substr(comma + 1);
    const std::size_t start = field.find_first_not_of(' ');
    if (start == std::string::npos) continue;
    pb::FieldConflict& conflict = conflicts.emplace_back();
    conflict.set_pointer(field.substr(start));
    conflict.set_manager(at("managers"));
  }
  return conflicts;
}

std::optional<Error> OwnershipProblem(const kube::ObjectRef& ref, const json& stored, const PlanRules& rules) {
  if (rules.owner.empty()) return std::nullopt;
  const std::string owner = OwnerOf(stored);
  if (owner == rules.owner || (owner.empty() && rules.adopt)) return std::nullopt;
  const std::string whose = owner.empty() ? "is not managed by Meshplay" : "belongs to the owner " + owner;
  return Aborted("OBJECT_OWNED", ref.ToString() + " exists already and " + whose).WithMetadata("owner", owner);
}

json Masked(json object) {
  if (object.is_object() && kube::GvkOf(object).kind == "Secret") {
    for (const char* key : {"data", "stringData"}) {
      if (!object.contains(key) || !object[key].is_object()) continue;
      for (auto& [name, value] : object[key].items()) value = "***";
    }
  }
  return object;
}

Status PlanOne(kube::Client& client, const Expected& expected, const PlanRules& rules, const kube::Call& call,
               PlannedObject& out) {
  const auto stored = client.Find(out.ref, call);
  if (!stored) {
    if (EndsEverything(stored.error()) || stored.error().reason() == "TARGET_FORBIDDEN") return stored.error();
    out.problem = stored.error();
    return {};
  }
  if (*stored) {
    out.before = WithoutServerFields(**stored);
    out.uid = kube::UidOf(**stored);
    out.resource_version = kube::ResourceVersionOf(**stored);
    out.problem = OwnershipProblem(out.ref, **stored, rules);
    if (out.problem) {
      out.action = pb::CHANGE_ACTION_UPDATE;
      return {};
    }
  }
  kube::ApplyOptions options;
  options.field_manager = rules.field_manager;
  options.force = rules.force;
  options.dry_run = true;
  const auto would = client.Apply(out.desired, options, call);
  out.action = *stored ? pb::CHANGE_ACTION_UPDATE : pb::CHANGE_ACTION_CREATE;
  out.after = out.desired;
  if (!would) {
    const Error& error = would.error();
    if (EndsEverything(error)) return error;
    const bool comes =
        (error.reason() == "OBJECT_NOT_FOUND" || error.reason() == "KIND_UNKNOWN") && expected.Covers(out.ref);
    if (comes) return {};
    out.problem = error;
    if (error.reason() == "FIELD_CONFLICT") out.conflicts = ConflictsOf(error);
    return {};
  }
  if (!*stored) return {};
  out.after = WithoutServerFields(would->object);
  if (out.after == out.before) out.action = pb::CHANGE_ACTION_NOOP;
  const bool adopts = out.action != pb::CHANGE_ACTION_NOOP && !rules.owner.empty() && OwnerOf(**stored).empty();
  if (adopts) out.action = pb::CHANGE_ACTION_ADOPT;
  return {};
}

}  // namespace

json WithoutServerFields(json object) {
  if (!object.is_object()) return object;
  object.erase("status");
  if (object.contains("metadata") && object["metadata"].is_object()) {
    for (const char* key : {"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"}) {
      object["metadata"].erase(key);
    }
  }
  return object;
}

Result<std::vector<PlannedObject>> PlanObjects(kube::Client& client, const std::vector<json>& objects,
                                               const PlanRules& rules, const kube::Call& call) {
  std::vector<PlannedObject> planned;
  Expected expected;
  for (const json& object : rules.earlier) expected.Note(object);
  for (const json& object : objects) {
    PlannedObject& one = planned.emplace_back();
    one.ref = kube::RefOf(object);
    one.desired = object;
    MP_CHECK(PlanOne(client, expected, rules, call, one));
    expected.Note(object);
  }
  return planned;
}

PlannedObject PlanDeletion(const json& stored, std::string reason) {
  PlannedObject planned;
  planned.ref = kube::RefOf(stored);
  planned.action = pb::CHANGE_ACTION_DELETE;
  planned.before = WithoutServerFields(stored);
  planned.reason = std::move(reason);
  planned.uid = kube::UidOf(stored);
  planned.resource_version = kube::ResourceVersionOf(stored);
  return planned;
}

pb::PlannedChange ToPlannedChange(const PlannedObject& planned) {
  pb::PlannedChange change;
  *change.mutable_object() = ToKey(planned.ref);
  change.set_action(planned.action);
  change.set_reason(planned.problem ? planned.problem->message() : planned.reason);
  for (const pb::FieldConflict& conflict : planned.conflicts) *change.add_conflicts() = conflict;
  if (planned.action == pb::CHANGE_ACTION_NOOP) return change;
  const std::string before = planned.before.is_null() ? "" : DumpJson(Masked(planned.before));
  const std::string after = planned.after.is_null() ? "" : DumpJson(Masked(planned.after));
  const bool small = before.size() <= kMaxBody && after.size() <= kMaxBody;
  if (small && planned.ref.gvk.kind != "CustomResourceDefinition") {
    change.set_before_json(before);
    change.set_after_json(after);
  } else {
    change.set_bodies_omitted(true);
  }
  if (!before.empty() && !after.empty()) {
    const std::string patch = DumpJson(json::diff(Masked(planned.before), Masked(planned.after)));
    if (patch.size() <= kMaxBody) change.set_json_patch(patch);
  }
  return change;
}

void AddChanges(pb::Plan& plan, const std::vector<PlannedObject>& planned) {
  for (const PlannedObject& one : planned) {
    *plan.add_changes() = ToPlannedChange(one);
    if (!one.uid.empty()) {
      pb::ObjectBasis& basis = *plan.add_basis();
      *basis.mutable_object() = ToKey(one.ref);
      basis.set_uid(one.uid);
      basis.set_resource_version(one.resource_version);
      basis.set_digest(Sha256Hex(CanonicalJson(one.before)).substr(0, 32));
    }
    if (!one.problem) continue;
    pb::Diagnostic diagnostic =
        MakeDiagnostic(pb::SEVERITY_ERROR, one.problem->reason(), one.ref.ToString() + ": " + one.problem->message(),
                       one.problem->remediation());
    *diagnostic.mutable_object() = ToKey(one.ref);
    *plan.add_diagnostics() = std::move(diagnostic);
  }
}

void AddSteps(pb::Plan& plan, const std::vector<sdk::TaskContext::StepPlan>& steps) {
  for (const auto& step : steps) {
    pb::Step& out = *plan.add_steps();
    out.set_index(static_cast<std::uint32_t>(plan.steps_size()));
    out.set_name(step.name);
    out.set_title(step.title);
    out.set_state(pb::STEP_STATE_PENDING);
  }
}

std::string DigestOf(const pb::Plan& plan, const std::string& operation_type, const json& parameters) {
  json content = {{"operation", operation_type}, {"parameters", parameters}, {"changes", json::array()}};
  for (const pb::PlannedChange& change : plan.changes()) {
    if (change.action() == pb::CHANGE_ACTION_NOOP) continue;
    const pb::ObjectKey& key = change.object();
    json entry = {key.api_version(), key.kind(), key.namespace_(), key.name(), static_cast<int>(change.action())};
    entry.push_back(change.json_patch());
    // What a dry run says of a new object holds random parts (addresses); what will be sent does not.
    if (change.action() == pb::CHANGE_ACTION_CREATE) entry.push_back(change.after_json());
    content["changes"].push_back(std::move(entry));
  }
  return Sha256Hex(CanonicalJson(content));
}

pb::Inspection InspectionOf(const std::vector<PlannedObject>& applies, const std::vector<PlannedObject>& deletes) {
  pb::Inspection inspection;
  std::size_t left = deletes.size();
  for (const PlannedObject& one : applies) {
    const bool done = one.action == pb::CHANGE_ACTION_NOOP && !one.problem;
    if (!done) ++left;
    pb::ObjectOutcome& outcome = *inspection.add_objects();
    *outcome.mutable_object() = ToKey(one.ref);
    outcome.set_action(one.action);
    outcome.set_ok(done);
    outcome.set_uid(one.uid);
    outcome.set_resource_version(one.resource_version);
  }
  for (const PlannedObject& one : deletes) {
    pb::ObjectOutcome& outcome = *inspection.add_objects();
    *outcome.mutable_object() = ToKey(one.ref);
    outcome.set_action(pb::CHANGE_ACTION_DELETE);
    outcome.set_uid(one.uid);
  }
  const std::size_t total = applies.size() + deletes.size();
  inspection.set_effect(left == 0 ? pb::EFFECT_COMPLETE : left == total ? pb::EFFECT_NONE : pb::EFFECT_PARTIAL);
  return inspection;
}

Status FirstProblem(const std::vector<PlannedObject>& planned) {
  const Error* first = nullptr;
  std::vector<Violation> violations;
  for (const PlannedObject& one : planned) {
    if (!one.problem) continue;
    if (first == nullptr) first = &*one.problem;
    if (violations.size() < 100) violations.push_back({one.ref.ToString(), one.problem->message()});
  }
  if (first == nullptr) return {};
  Error error = *first;
  const std::string where = violations.front().pointer;
  return std::move(error).Doing(where).WithViolations(std::move(violations));
}

}  // namespace meshplay::common
