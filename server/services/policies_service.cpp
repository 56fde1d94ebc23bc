#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "server/policy/diff.h"
#include "server/policy/policies.h"
#include "server/services/convert_policy.h"
#include "server/services/internal/filter.h"
#include "server/services/internal/fingerprint.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"
#include "server/services/internal/policy_plan.h"
#include "server/services/internal/submit.h"

namespace meshplay::services {
namespace {

constexpr std::uint32_t kMostMeshes = 10'000;

Result<v1::Policy> Show(store::Reader& reader, const store::PolicyRecord& row, bool documents) {
  MP_TRY(store::PolicyRevisionRecord revision, policy::GetRevisionRow(reader, row.uid, row.revision));
  if (!documents) revision.documents.clear();
  MP_TRY(const auto meshes, reader.ListPolicyMeshes(row.uid, "", kMostMeshes));
  std::map<std::string, std::uint32_t> counts;
  for (const store::PolicyMeshRecord& mesh : meshes) ++counts[policy::AsOf(row, mesh).state];
  return ToPolicy(row, revision, counts);
}

/// A policy that was just changed; after an orphaning deletion its last form, without revision or meshes.
Result<v1::Policy> ShowChanged(const Core& core, const store::PolicyRecord& row) {
  return ReadFrom<v1::Policy>(core, [&row](store::Reader& reader) -> Result<v1::Policy> {
    MP_TRY(const auto revision, reader.FindPolicyRevision(row.uid, row.revision));
    if (!revision) return ToPolicy(row, store::PolicyRevisionRecord(), {});
    return Show(reader, row, true);
  });
}

Result<v1::Policy> ShowChanged(const Core& core, const Result<store::PolicyRecord>& row) {
  if (!row) return row.error();
  return ShowChanged(core, *row);
}

store::AuditRecord Audit(const Core& core, const CallContext& context, const char* method, const std::string& id,
                         const nlohmann::json& detail = nlohmann::json::object()) {
  return AuditOf(core, context, std::string("Policies.") + method, "policy/" + id, "allowed", detail);
}

Result<store::PolicyRecord> RowOf(const Core& core, const CallContext& context, const std::string& id) {
  return ReadFrom<store::PolicyRecord>(
      core, [&](store::Reader& reader) { return policy::GetPolicyRow(reader, context.caller.tenant, id); });
}

/// The version that the caller saw: "*" stands for the one of now.
Result<std::uint64_t> VersionOf(const Core& core, const CallContext& context, const std::string& id,
                                const std::string& etag) {
  MP_TRY(const store::PolicyRecord row, RowOf(core, context, id));
  MP_CHECK(CheckEtag(etag, row.version));
  return row.version;
}

std::string FieldOf(const store::PolicyRecord& row, std::string_view field) {
  if (field == "id") return row.id;
  if (field == "display_name") return row.display_name;
  if (field == "rollout_state") return row.rollout_state;
  const bool value = field == "paused" ? row.paused : row.deleting;
  return value ? "true" : "false";
}

Result<v1::ListPoliciesResponse> ListPolicies(const Core& core, const CallContext& context,
                                              const v1::ListPoliciesRequest& request) {
  using Response = v1::ListPoliciesResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  MP_TRY(const Filter filter,
         Filter::Parse(request.filter(), {"id", "display_name", "paused", "deleting", "rollout_state"}));
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    Response response;
    MP_TRY(*response.mutable_sync_token(), SyncTokenAt(reader));
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListPolicies(context.caller.tenant, after, limit);
    };
    const auto key = [](const store::PolicyRecord& row) { return row.id; };
    const auto keep = [&filter](const store::PolicyRecord& row) {
      return filter.Matches([&row](std::string_view field) { return FieldOf(row, field); });
    };
    MP_TRY(const Rows<store::PolicyRecord> rows, CollectPage<store::PolicyRecord>(page, fetch, key, keep));
    for (const store::PolicyRecord& row : rows.rows) {
      MP_TRY(*response.add_policies(), Show(reader, row, false));
    }
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::Policy> GetPolicy(const Core& core, const CallContext& context, const v1::GetPolicyRequest& request) {
  return ReadFrom<v1::Policy>(core, [&](store::Reader& reader) -> Result<v1::Policy> {
    MP_TRY(const store::PolicyRecord row, policy::GetPolicyRow(reader, context.caller.tenant, request.id()));
    return Show(reader, row, true);
  });
}

Result<v1::Policy> CreatePolicy(const Core& core, const CallContext& context, const v1::CreatePolicyRequest& request) {
  MP_CHECK(CheckIdempotencyKey(request.request_id()));
  MP_TRY(policy::Spec spec, ToSpec(request.spec()));
  const policy::PolicyChange change{request.display_name(), LabelsJson(request.labels()), std::move(spec),
                                    request.note()};
  const store::AuditRecord audit = Audit(core, context, "CreatePolicy", request.id(), {{"note", request.note()}});
  MP_TRY(const auto made, core.deps.policies.Create(audit, request.id(), change, request.paused(), request.request_id(),
                                                    RequestFingerprint(request, {"request_id"})));
  MP_TRY(v1::Policy shown, ShowChanged(core, made.first));
  shown.set_replayed(made.second);
  return shown;
}

Result<v1::Policy> UpdatePolicy(const Core& core, const CallContext& context, const v1::UpdatePolicyRequest& request) {
  MP_TRY(const std::uint64_t version, VersionOf(core, context, request.id(), request.etag()));
  MP_TRY(policy::Spec spec, ToSpec(request.spec()));
  const policy::PolicyChange change{request.display_name(), LabelsJson(request.labels()), std::move(spec),
                                    request.note()};
  const store::AuditRecord audit = Audit(core, context, "UpdatePolicy", request.id(), {{"note", request.note()}});
  return ShowChanged(core, core.deps.policies.Update(audit, request.id(), version, change));
}

Result<v1::Policy> DeletePolicy(const Core& core, const CallContext& context, const v1::DeletePolicyRequest& request) {
  MP_TRY(const std::uint64_t version, VersionOf(core, context, request.id(), request.etag()));
  const store::AuditRecord audit = Audit(core, context, "DeletePolicy", request.id(), {{"orphan", request.orphan()}});
  return ShowChanged(core, core.deps.policies.Delete(audit, request.id(), version, request.orphan()));
}

/// Whether a mesh cannot be looked at: it is marked so, or nothing of it is known.
Result<bool> IsStale(store::Reader& reader, const store::PolicyMeshRecord& row) {
  MP_TRY(const auto mesh, reader.FindMesh(row.tenant, row.mesh_id));
  return !mesh || mesh->stale;
}

Result<v1::ListPolicyMeshesResponse> ListPolicyMeshes(const Core& core, const CallContext& context,
                                                      const v1::ListPolicyPartsRequest& request) {
  using Response = v1::ListPolicyMeshesResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    Response response;
    MP_TRY(*response.mutable_sync_token(), SyncTokenAt(reader));
    MP_TRY(const store::PolicyRecord policy, policy::GetPolicyRow(reader, context.caller.tenant, request.id()));
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListPolicyMeshes(policy.uid, after, limit);
    };
    const auto key = [](const store::PolicyMeshRecord& row) { return row.mesh_id; };
    MP_TRY(const Rows<store::PolicyMeshRecord> rows, CollectPage<store::PolicyMeshRecord>(page, fetch, key));
    for (const store::PolicyMeshRecord& row : rows.rows) {
      MP_TRY(const auto report, reader.FindPolicyReport(row.policy_uid, row.mesh_id));
      MP_TRY(const bool stale, IsStale(reader, row));
      *response.add_meshes() =
          ToPolicyMesh(policy, policy::AsOf(policy, row), report.value_or(store::PolicyReportRecord()), stale);
    }
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::ListPolicyRevisionsResponse> ListPolicyRevisions(const Core& core, const CallContext& context,
                                                            const v1::ListPolicyPartsRequest& request) {
  using Response = v1::ListPolicyRevisionsResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    MP_TRY(const store::PolicyRecord policy, policy::GetPolicyRow(reader, context.caller.tenant, request.id()));
    const auto fetch = [&](const std::string& after,
                           std::uint32_t limit) -> Result<std::vector<store::PolicyRevisionRecord>> {
      MP_TRY(const std::uint64_t before, NumberOf(after));
      return reader.ListPolicyRevisions(policy.uid, static_cast<std::uint32_t>(before), limit);
    };
    const auto key = [](const store::PolicyRevisionRecord& row) { return std::to_string(row.number); };
    MP_TRY(const Rows<store::PolicyRevisionRecord> rows, CollectPage<store::PolicyRevisionRecord>(page, fetch, key));
    Response response;
    for (const store::PolicyRevisionRecord& row : rows.rows) *response.add_revisions() = ToPolicyRevision(row);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::PolicyRevision> GetPolicyRevision(const Core& core, const CallContext& context,
                                             const v1::GetPolicyRevisionRequest& request) {
  return ReadFrom<v1::PolicyRevision>(core, [&](store::Reader& reader) -> Result<v1::PolicyRevision> {
    MP_TRY(const store::PolicyRecord policy, policy::GetPolicyRow(reader, context.caller.tenant, request.id()));
    MP_TRY(const auto revision, policy::GetRevisionRow(reader, policy.uid, request.number()));
    return ToPolicyRevision(revision);
  });
}

/// The changes of the last plan of a mesh; an empty text when there is none.
Result<std::string> PlannedChanges(store::Reader& reader, const store::PolicyMeshRecord& row) {
  if (row.plan_operation_id.empty()) return std::string();
  MP_TRY(const auto plan, reader.FindPlanOfOperation(row.plan_operation_id));
  return plan ? PlannedChangesOf(plan->body_json) : std::string();
}

Result<v1::PolicyDiff> DiffPolicy(const Core& core, const CallContext& context, const v1::DiffPolicyRequest& request) {
  return ReadFrom<v1::PolicyDiff>(core, [&](store::Reader& reader) -> Result<v1::PolicyDiff> {
    MP_TRY(const store::PolicyRecord policy, policy::GetPolicyRow(reader, context.caller.tenant, request.id()));
    const std::uint32_t to = request.to() != 0 ? request.to() : policy.revision;
    const std::uint32_t from = request.from() != 0 ? request.from() : std::max<std::uint32_t>(1, to - 1);
    MP_TRY(const auto older, policy::GetRevisionRow(reader, policy.uid, from));
    MP_TRY(const auto newer, policy::GetRevisionRow(reader, policy.uid, to));
    const policy::Spec before = policy::SpecFrom(older.spec_json, older.documents);
    const policy::Spec after = policy::SpecFrom(newer.spec_json, newer.documents);
    v1::PolicyDiff diff;
    diff.set_from(from);
    diff.set_to(to);
    for (const policy::DocumentChange& change : policy::DiffDocuments(before, after)) {
      *diff.add_documents() = ToDocumentChange(change);
    }
    diff.set_settings_patch_json(CanonicalJson(policy::DiffSettings(before, after)));
    MP_TRY(const auto meshes, reader.ListPolicyMeshes(policy.uid, "", kMaximumPageSize));
    for (const store::PolicyMeshRecord& row : meshes) {
      MP_TRY(const std::string changes, PlannedChanges(reader, row));
      if (changes.empty()) continue;
      v1::PolicyMeshDiff& shown = *diff.add_meshes();
      shown.set_mesh(row.mesh_id);
      shown.set_cluster(row.cluster_id);
      shown.set_plan_operation_id(row.plan_operation_id);
      shown.set_changes_json(changes);
    }
    return diff;
  });
}

Result<v1::Policy> PausePolicy(const Core& core, const CallContext& context, const v1::PausePolicyRequest& request) {
  const store::AuditRecord audit = Audit(core, context, "PausePolicy", request.id(), {{"reason", request.reason()}});
  return ShowChanged(core, core.deps.policies.Pause(audit, request.id(), request.reason()));
}

Result<v1::Policy> ResumePolicy(const Core& core, const CallContext& context, const v1::GetPolicyRequest& request) {
  return ShowChanged(core, core.deps.policies.Resume(Audit(core, context, "ResumePolicy", request.id()), request.id()));
}

Result<v1::Policy> AbortPolicyRollout(const Core& core, const CallContext& context,
                                      const v1::PausePolicyRequest& request) {
  const store::AuditRecord audit =
      Audit(core, context, "AbortPolicyRollout", request.id(), {{"reason", request.reason()}});
  return ShowChanged(core, core.deps.policies.Abort(audit, request.id(), request.reason()));
}

Result<v1::Policy> RollbackPolicy(const Core& core, const CallContext& context,
                                  const v1::RollbackPolicyRequest& request) {
  std::optional<std::uint64_t> version;
  if (!request.etag().empty()) {
    MP_TRY(version, VersionOf(core, context, request.id(), request.etag()));
  }
  const store::AuditRecord audit =
      Audit(core, context, "RollbackPolicy", request.id(), {{"revision", request.revision()}});
  return ShowChanged(core,
                     core.deps.policies.Rollback(audit, request.id(), version, request.revision(), request.note()));
}

}  // namespace

void AddPolicies(MethodTable& table) {
  table.Add("Policies.ListPolicies", ListPolicies);
  table.Add("Policies.GetPolicy", GetPolicy);
  table.Add("Policies.CreatePolicy", CreatePolicy);
  table.Add("Policies.UpdatePolicy", UpdatePolicy);
  table.Add("Policies.DeletePolicy", DeletePolicy);
  table.Add("Policies.ListPolicyMeshes", ListPolicyMeshes);
  table.Add("Policies.ListPolicyRevisions", ListPolicyRevisions);
  table.Add("Policies.GetPolicyRevision", GetPolicyRevision);
  table.Add("Policies.PlanPolicy", PlanPolicy);
  table.Add("Policies.DiffPolicy", DiffPolicy);
  table.Add("Policies.PausePolicy", PausePolicy);
  table.Add("Policies.ResumePolicy", ResumePolicy);
  table.Add("Policies.AbortPolicyRollout", AbortPolicyRollout);
  table.Add("Policies.RollbackPolicy", RollbackPolicy);
}

}  // namespace meshplay::services
