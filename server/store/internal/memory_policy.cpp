#include "server/store/internal/memory_unit.h"
#include "server/store/internal/rules.h"

namespace meshplay::store::internal {
namespace {

bool Any(const std::string& wanted, const std::string& value) {
  return wanted.empty() || wanted == value;
}

}  // namespace

Result<std::optional<PolicyRecord>> MemoryUnit::FindPolicy(const std::string& tenant, const std::string& id) {
  std::optional<PolicyRecord> found;
  for (const auto& [uid, row] : t_.policies.rows()) {
    if (row.id == id && Any(tenant, row.tenant) && (!found || row.tenant < found->tenant)) found = row;
  }
  return found;
}

Result<std::vector<PolicyRecord>> MemoryUnit::ListPolicies(const std::string& tenant, const std::string& after_id,
                                                           std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::map<Text2, const PolicyRecord*> sorted;
  for (const auto& [uid, row] : t_.policies.rows()) {
    if (row.id > after_id && Any(tenant, row.tenant)) sorted[{row.id, row.tenant}] = &row;
  }
  std::vector<PolicyRecord> found;
  for (const auto& [key, row] : sorted) {
    if (found.size() < limit) found.push_back(*row);
  }
  return found;
}

Result<std::optional<PolicyRevisionRecord>> MemoryUnit::FindPolicyRevision(const std::string& policy_uid,
                                                                           std::uint32_t number) {
  return t_.policy_revisions.Get({policy_uid, number});
}

Result<std::vector<PolicyRevisionRecord>> MemoryUnit::ListPolicyRevisions(const std::string& policy_uid,
                                                                          std::uint32_t before, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<PolicyRevisionRecord> found;
  const auto& rows = t_.policy_revisions.rows();
  for (auto it = rows.rbegin(); it != rows.rend() && found.size() < limit; ++it) {
    if (it->second.policy_uid != policy_uid || (before != 0 && it->second.number >= before)) continue;
    found.push_back(it->second);
    found.back().documents.clear();
  }
  return found;
}

Result<std::optional<PolicyMeshRecord>> MemoryUnit::FindPolicyMesh(const std::string& policy_uid,
                                                                   const std::string& mesh_id) {
  return t_.policy_meshes.Get({policy_uid, mesh_id});
}

Result<std::vector<PolicyMeshRecord>> MemoryUnit::ListPolicyMeshes(const std::string& policy_uid,
                                                                   const std::string& after_mesh_id,
                                                                   std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<PolicyMeshRecord> found;
  const auto& rows = t_.policy_meshes.rows();
  for (auto it = rows.upper_bound({policy_uid, after_mesh_id}); it != rows.end() && found.size() < limit; ++it) {
    if (it->first.first != policy_uid) break;
    found.push_back(it->second);
  }
  return found;
}

Result<std::optional<PolicyReportRecord>> MemoryUnit::FindPolicyReport(const std::string& policy_uid,
                                                                       const std::string& mesh_id) {
  return t_.policy_reports.Get({policy_uid, mesh_id});
}

Result<std::optional<EnvironmentRecord>> MemoryUnit::FindEnvironment(const std::string& tenant, const std::string& id) {
  const auto& rows = t_.environments.rows();
  for (auto it = rows.lower_bound({id, ""}); it != rows.end() && it->first.first == id; ++it) {
    if (Any(tenant, it->second.tenant)) return std::optional(it->second);
  }
  return std::optional<EnvironmentRecord>();
}

Result<std::vector<EnvironmentRecord>> MemoryUnit::ListEnvironments(const std::string& tenant,
                                                                    const std::string& after_id, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<EnvironmentRecord> found;
  for (const auto& [key, row] : t_.environments.rows()) {
    if (found.size() < limit && row.id > after_id && Any(tenant, row.tenant)) found.push_back(row);
  }
  return found;
}

Status MemoryUnit::PutPolicy(const PolicyRecord& policy) {
  for (const auto& [uid, row] : t_.policies.rows()) {
    if (uid != policy.uid && row.id == policy.id && row.tenant == policy.tenant) return RowExists("policy");
  }
  t_.policies.Put(policy.uid, policy);
  return {};
}

Status MemoryUnit::DeletePolicy(const std::string& uid) {
  const auto of_policy = [&](const auto& row) { return row.policy_uid == uid; };
  t_.policy_revisions.EraseIf(of_policy);
  t_.policy_meshes.EraseIf(of_policy);
  t_.policy_reports.EraseIf(of_policy);
  t_.policies.Erase(uid);
  return {};
}

Status MemoryUnit::AddPolicyRevision(const PolicyRevisionRecord& revision) {
  if (t_.policies.Find(revision.policy_uid) == nullptr) return RowUnknown("policy");
  if (t_.policy_revisions.Find({revision.policy_uid, revision.number}) != nullptr) return RowExists("policy revision");
  t_.policy_revisions.Put({revision.policy_uid, revision.number}, revision);
  return {};
}

Status MemoryUnit::DeletePolicyRevision(const std::string& policy_uid, std::uint32_t number) {
  t_.policy_revisions.Erase({policy_uid, number});
  return {};
}

Status MemoryUnit::PutPolicyMesh(const PolicyMeshRecord& mesh) {
  if (t_.policies.Find(mesh.policy_uid) == nullptr) return RowUnknown("policy");
  t_.policy_meshes.Put({mesh.policy_uid, mesh.mesh_id}, mesh);
  return {};
}

Status MemoryUnit::PutPolicyReport(const PolicyReportRecord& report) {
  if (t_.policies.Find(report.policy_uid) == nullptr) return RowUnknown("policy");
  t_.policy_reports.Put({report.policy_uid, report.mesh_id}, report);
  return {};
}

Status MemoryUnit::DeletePolicyMesh(const std::string& policy_uid, const std::string& mesh_id) {
  t_.policy_meshes.Erase({policy_uid, mesh_id});
  t_.policy_reports.Erase({policy_uid, mesh_id});
  return {};
}

Status MemoryUnit::PutEnvironment(const EnvironmentRecord& environment) {
  t_.environments.Put({environment.id, environment.tenant}, environment);
  return {};
}

Status MemoryUnit::DeleteEnvironment(const std::string& tenant, const std::string& id) {
  t_.environments.Erase({id, tenant});
  return {};
}

}  // namespace meshplay::store::internal
