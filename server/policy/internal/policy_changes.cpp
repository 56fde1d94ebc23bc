#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "server/policy/internal/changes.h"
#include "server/policy/internal/rows.h"
#include "server/policy/selection.h"

namespace meshplay::policy::internal {
namespace {

constexpr UnixMs kKeyRetentionMs = 72LL * 3'600'000;
constexpr std::uint32_t kMostMeshes = 10'000;
/// Owners of sets that are no policy's.
constexpr const char* kReserved[] = {"smi", "custom", "sample", "mtls", "controller"};

Error Stale() {
  return Aborted("ETAG_STALE", "the resource has changed since the given etag")
      .WithRemediation("Read it again and repeat the change with the new etag.");
}

Status CheckVersion(const store::PolicyRecord& policy, std::optional<std::uint64_t> version) {
  if (version && *version != policy.version) return Stale();
  return {};
}

Result<store::PolicyRecord> Changeable(store::Reader& reader, const ChangeContext& context, const std::string& id) {
  MP_TRY(store::PolicyRecord policy, GetPolicyRow(reader, context.audit.tenant, id));
  if (policy.deleting) return FailedPrecondition("POLICY_DELETING", "the policy is being deleted");
  return policy;
}

/// The oldest revisions go, but not those that a mesh still has.
Status DropOldRevisions(store::Transaction& unit, const ChangeContext& context, const store::PolicyRecord& policy) {
  if (policy.revision <= context.options.kept_revisions) return {};
  MP_TRY(const auto old,
         unit.ListPolicyRevisions(policy.uid, policy.revision - context.options.kept_revisions + 1, 100));
  MP_TRY(const auto meshes, unit.ListPolicyMeshes(policy.uid, "", kMostMeshes));
  for (const store::PolicyRevisionRecord& revision : old) {
    const bool in_force = std::any_of(meshes.begin(), meshes.end(), [&](const store::PolicyMeshRecord& mesh) {
      return mesh.applied_revision == revision.number;
    });
    if (!in_force) MP_CHECK(unit.DeletePolicyRevision(policy.uid, revision.number));
  }
  return {};
}

/// The next revision of a policy, which the caller then writes. The row of the policy must be in the store.
Status AddRevision(store::Transaction& unit, const ChangeContext& context, store::PolicyRecord& policy,
                   store::PolicyRevisionRecord revision) {
  policy.revision += 1;
  StartRollout(policy);
  revision.policy_uid = policy.uid;
  revision.tenant = policy.tenant;
  revision.number = policy.revision;
  revision.principal = context.audit.principal;
  revision.created_unix_ms = context.now;
  MP_CHECK(unit.AddPolicyRevision(revision));
  return DropOldRevisions(unit, context, policy);
}

store::PolicyRevisionRecord RevisionOf(const Spec& spec, const std::string& note) {
  store::PolicyRevisionRecord revision;
  revision.digest = DigestOf(spec);
  revision.spec_json = CanonicalJson(SettingsToJson(spec));
  revision.documents = spec.documents;
  revision.note = note;
  return revision;
}

/// The policy that an earlier call with this key made.
Result<std::optional<store::PolicyRecord>> FindEarlier(store::Reader& reader, const ChangeContext& context,
                                                       const std::string& key, const std::string& fingerprint) {
  using Found = std::optional<store::PolicyRecord>;
  if (key.empty()) return Found();
  MP_TRY(const auto row, reader.FindIdempotency(context.audit.tenant, context.audit.principal, key));
  if (!row || row->expires_unix_ms <= context.now) return Found();
  if (row->fingerprint != fingerprint) {
    return Error(ErrorCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED",
                 "the idempotency key was used for another request")
        .WithRemediation("Use a fresh key for each new request.");
  }
  return reader.FindPolicy(context.audit.tenant, row->operation_id);
}

Status CheckRoom(store::Reader& reader, const ChangeContext& context) {
  MP_TRY(const auto rows, reader.ListPolicies(context.audit.tenant, "", context.options.max_policies));
  if (rows.size() < context.options.max_policies) return {};
  return Error(ErrorCode::kResourceExhausted, "POLICY_LIMIT", "there are as many policies as allowed")
      .WithMetadata("limit", std::to_string(context.options.max_policies))
      .WithRemediation("Delete policies that are no longer needed, or put their documents into one.");
}

/// Failed meshes are tried again at once. Changes rows of meshes: only under the reconciler's `rows_mutex`.
Status RetryFailed(store::Transaction& unit, const store::PolicyRecord& policy, UnixMs now) {
  MP_TRY(const auto meshes, unit.ListPolicyMeshes(policy.uid, "", kMostMeshes));
  for (store::PolicyMeshRecord mesh : meshes) {
    if (mesh.failures == 0) continue;
    mesh.retry_unix_ms = now;
    mesh.state = policy.deleting ? "REMOVING" : "PENDING";
    mesh.reason.clear();
    mesh.message.clear();
    MP_CHECK(unit.PutPolicyMesh(mesh));
  }
  return {};
}

}  // namespace

Status CheckEnvironments(store::Reader& reader, const std::string& tenant, const Spec& spec) {
  const std::set<std::string> names = EnvironmentsOf(spec);
  for (const std::string& name : names) {
    const auto found = GetEnvironmentRow(reader, tenant, name);
    if (!found) return Error(found.error()).WithMetadata("environment", name);
  }
  return {};
}

Status CheckPolicyId(const std::string& id) {
  const bool reserved = std::find(std::begin(kReserved), std::end(kReserved), id) != std::end(kReserved);
  if (IsResourceName(id) && !reserved) return {};
  return InvalidArgument("POLICY_ID_INVALID", "the policy's id is not valid")
      .WithViolation("/id", reserved ? "is the owner of something else: choose another"
                                     : "must be lower-case letters, digits and dashes, at most 63, a letter first");
}

Result<std::pair<store::PolicyRecord, bool>> CreatePolicy(store::Transaction& unit, const ChangeContext& context,
                                                          const std::string& id, const PolicyChange& change,
                                                          bool paused, const std::string& key,
                                                          const std::string& fingerprint) {
  MP_TRY(const std::optional<store::PolicyRecord> earlier, FindEarlier(unit, context, key, fingerprint));
  if (earlier) return std::pair(*earlier, true);
  MP_TRY(const auto same, unit.FindPolicy(context.audit.tenant, id));
  if (same) return Error(ErrorCode::kAlreadyExists, "POLICY_EXISTS", "there is a policy with this id");
  MP_CHECK(CheckRoom(unit, context));
  MP_CHECK(CheckEnvironments(unit, context.audit.tenant, change.spec));
  store::PolicyRecord policy;
  policy.uid = NewUuidV7();
  policy.tenant = context.audit.tenant;
  policy.id = id;
  policy.display_name = change.display_name;
  policy.labels_json = change.labels_json;
  policy.paused = paused;
  policy.created_by = context.audit.principal;
  policy.created_unix_ms = context.now;
  policy.revision = 0;
  MP_CHECK(unit.PutPolicy(policy));
  MP_CHECK(AddRevision(unit, context, policy, RevisionOf(change.spec, change.note)));
  MP_CHECK(PutChanged(unit, policy, context.now));
  if (!key.empty()) {
    MP_CHECK(unit.PutIdempotency(
        {policy.tenant, context.audit.principal, key, fingerprint, policy.id, context.now + kKeyRetentionMs}));
  }
  MP_CHECK(unit.AddAudit(context.audit));
  MP_CHECK(AddPolicyEvent(unit, policy, event_kind::kCreated, nlohmann::json::object(), context.now));
  return std::pair(policy, false);
}

Result<store::PolicyRecord> UpdatePolicy(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                                         std::uint64_t version, const PolicyChange& change) {
  MP_TRY(store::PolicyRecord policy, Changeable(unit, context, id));
  MP_CHECK(CheckVersion(policy, version));
  MP_CHECK(CheckEnvironments(unit, policy.tenant, change.spec));
  MP_TRY(const store::PolicyRevisionRecord current, GetRevisionRow(unit, policy.uid, policy.revision));
  policy.display_name = change.display_name;
  policy.labels_json = change.labels_json;
  store::PolicyRevisionRecord next = RevisionOf(change.spec, change.note);
  if (next.digest != current.digest) MP_CHECK(AddRevision(unit, context, policy, std::move(next)));
  MP_CHECK(PutChanged(unit, policy, context.now));
  MP_CHECK(unit.AddAudit(context.audit));
  MP_CHECK(AddPolicyEvent(unit, policy, event_kind::kChanged, {{"principal", context.audit.principal}}, context.now));
  return policy;
}

Result<store::PolicyRecord> DeletePolicy(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                                         std::uint64_t version, bool orphan) {
  MP_TRY(store::PolicyRecord policy, GetPolicyRow(unit, context.audit.tenant, id));
  if (policy.deleting && !orphan) {
    MP_CHECK(RetryFailed(unit, policy, context.now));
    MP_CHECK(AddPolicyEvent(unit, policy, event_kind::kDeleting, nlohmann::json::object(), context.now));
    return policy;
  }
  MP_CHECK(CheckVersion(policy, version));
  policy.deleting = true;
  policy.deleted_by = context.audit.principal;
  MP_CHECK(PutChanged(unit, policy, context.now));
  MP_CHECK(unit.AddAudit(context.audit));
  if (!orphan) {
    MP_CHECK(AddPolicyEvent(unit, policy, event_kind::kDeleting, nlohmann::json::object(), context.now));
    return policy;
  }
  MP_CHECK(AddPolicyEvent(unit, policy, event_kind::kDeleted, {{"orphaned", true}}, context.now));
  MP_CHECK(unit.DeletePolicy(policy.uid));
  return policy;
}

Result<store::PolicyRecord> PausePolicy(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                                        const std::string& reason) {
  MP_TRY(store::PolicyRecord policy, Changeable(unit, context, id));
  policy.paused = true;
  policy.pause_reason = reason;
  MP_CHECK(PutChanged(unit, policy, context.now));
  MP_CHECK(unit.AddAudit(context.audit));
  MP_CHECK(AddPolicyEvent(unit, policy, event_kind::kPaused, {{"reason", reason}}, context.now));
  return policy;
}

Result<store::PolicyRecord> ResumePolicy(store::Transaction& unit, const ChangeContext& context,
                                         const std::string& id) {
  MP_TRY(store::PolicyRecord policy, Changeable(unit, context, id));
  policy.paused = false;
  policy.pause_reason.clear();
  if (policy.rollout_state == kAborted) {
    policy.rollout_state = kRolling;
    policy.rollout_settled_unix_ms = 0;
    policy.rollout_message.clear();
  }
  MP_CHECK(RetryFailed(unit, policy, context.now));
  MP_CHECK(PutChanged(unit, policy, context.now));
  MP_CHECK(unit.AddAudit(context.audit));
  MP_CHECK(AddPolicyEvent(unit, policy, event_kind::kResumed, nlohmann::json::object(), context.now));
  return policy;
}

Result<store::PolicyRecord> AbortRollout(store::Transaction& unit, const ChangeContext& context, const std::string& id,
                                         const std::string& reason) {
  MP_TRY(store::PolicyRecord policy, Changeable(unit, context, id));
  if (policy.rollout_state != kRolling) {
    return FailedPrecondition("ROLLOUT_NOT_RUNNING", "the policy's roll-out is over or aborted")
        .WithMetadata("state", policy.rollout_state);
  }
  policy.rollout_state = kAborted;
  policy.rollout_settled_unix_ms = 0;
  policy.rollout_message = reason.empty() ? "Aborted by " + context.audit.principal + "." : reason;
  MP_CHECK(PutChanged(unit, policy, context.now));
  MP_CHECK(unit.AddAudit(context.audit));
  MP_CHECK(AddPolicyEvent(unit, policy, event_kind::kChanged, {{"aborted", true}}, context.now));
  return policy;
}

Result<store::PolicyRecord> RollbackPolicy(store::Transaction& unit, const ChangeContext& context,
                                           const std::string& id, std::optional<std::uint64_t> version,
                                           std::uint32_t revision, const std::string& note) {
  MP_TRY(store::PolicyRecord policy, Changeable(unit, context, id));
  MP_CHECK(CheckVersion(policy, version));
  MP_TRY(store::PolicyRevisionRecord earlier, GetRevisionRow(unit, policy.uid, revision));
  MP_CHECK(CheckEnvironments(unit, policy.tenant, SpecFrom(earlier.spec_json, "")));
  earlier.restored_from = earlier.number;
  earlier.note = note;
  MP_CHECK(AddRevision(unit, context, policy, std::move(earlier)));
  MP_CHECK(PutChanged(unit, policy, context.now));
  MP_CHECK(unit.AddAudit(context.audit));
  MP_CHECK(AddPolicyEvent(unit, policy, event_kind::kChanged,
                          {{"principal", context.audit.principal}, {"restored_from", revision}}, context.now));
  return policy;
}

}  // namespace meshplay::policy::internal
