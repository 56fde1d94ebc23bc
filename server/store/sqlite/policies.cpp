#include "server/store/sqlite/unit.h"

namespace meshplay::store::sqlite {

using internal::CheckLimit;

Result<std::optional<PolicyRecord>> SqliteUnit::FindPolicy(const std::string& tenant, const std::string& id) {
  static const std::string kSql =
      Select<PolicyRecord>() + " WHERE id = ?1 AND ?2 IN ('', tenant) ORDER BY tenant LIMIT 1";
  return First<PolicyRecord>(kSql, {id, tenant});
}

Result<std::vector<PolicyRecord>> SqliteUnit::ListPolicies(const std::string& tenant, const std::string& after_id,
                                                           std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  Where where;
  where.And("id > ?", after_id).Equal("tenant", tenant);
  return Rows<PolicyRecord>(Select<PolicyRecord>() + where.text() + " ORDER BY id, tenant LIMIT ?", where.With(limit));
}

Result<std::optional<PolicyRevisionRecord>> SqliteUnit::FindPolicyRevision(const std::string& policy_uid,
                                                                           std::uint32_t number) {
  static const std::string kSql = Select<PolicyRevisionRecord>() + " WHERE policy_uid = ? AND number = ?";
  return First<PolicyRevisionRecord>(kSql, {policy_uid, static_cast<std::int64_t>(number)});
}

Result<std::vector<PolicyRevisionRecord>> SqliteUnit::ListPolicyRevisions(const std::string& policy_uid,
                                                                          std::uint32_t before, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  static const std::string kSql = SelectWithout<PolicyRevisionRecord>("documents") +
                                  " WHERE policy_uid = ?1 AND (?2 = 0 OR number < ?2) ORDER BY number DESC LIMIT ?3";
  return Rows<PolicyRevisionRecord>(kSql,
                                    {policy_uid, static_cast<std::int64_t>(before), static_cast<std::int64_t>(limit)});
}

Result<std::optional<PolicyMeshRecord>> SqliteUnit::FindPolicyMesh(const std::string& policy_uid,
                                                                   const std::string& mesh_id) {
  static const std::string kSql = Select<PolicyMeshRecord>() + " WHERE policy_uid = ? AND mesh_id = ?";
  return First<PolicyMeshRecord>(kSql, {policy_uid, mesh_id});
}

Result<std::vector<PolicyMeshRecord>> SqliteUnit::ListPolicyMeshes(const std::string& policy_uid,
                                                                   const std::string& after_mesh_id,
                                                                   std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  static const std::string kSql =
      Select<PolicyMeshRecord>() + " WHERE policy_uid = ? AND mesh_id > ? ORDER BY mesh_id LIMIT ?";
  return Rows<PolicyMeshRecord>(kSql, {policy_uid, after_mesh_id, static_cast<std::int64_t>(limit)});
}

Result<std::optional<PolicyReportRecord>> SqliteUnit::FindPolicyReport(const std::string& policy_uid,
                                                                       const std::string& mesh_id) {
  static const std::string kSql = Select<PolicyReportRecord>() + " WHERE policy_uid = ? AND mesh_id = ?";
  return First<PolicyReportRecord>(kSql, {policy_uid, mesh_id});
}

Result<std::optional<EnvironmentRecord>> SqliteUnit::FindEnvironment(const std::string& tenant, const std::string& id) {
  static const std::string kSql =
      Select<EnvironmentRecord>() + " WHERE id = ?1 AND ?2 IN ('', tenant) ORDER BY tenant LIMIT 1";
  return First<EnvironmentRecord>(kSql, {id, tenant});
}

Result<std::vector<EnvironmentRecord>> SqliteUnit::ListEnvironments(const std::string& tenant,
                                                                    const std::string& after_id, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  Where where;
  where.And("id > ?", after_id).Equal("tenant", tenant);
  return Rows<EnvironmentRecord>(Select<EnvironmentRecord>() + where.text() + " ORDER BY id, tenant LIMIT ?",
                                 where.With(limit));
}

Status SqliteUnit::RequirePolicy(const std::string& uid) {
  static const std::string kSql = "SELECT 1 FROM policy WHERE uid = ?";
  MP_TRY(const std::optional<std::int64_t> found, Number(kSql, {uid}));
  if (!found) return internal::RowUnknown("policy");
  return {};
}

Status SqliteUnit::PutPolicy(const PolicyRecord& policy) {
  static const std::string kOther = "SELECT 1 FROM policy WHERE id = ? AND tenant = ? AND uid <> ?";
  MP_TRY(const std::optional<std::int64_t> other, Number(kOther, {policy.id, policy.tenant, policy.uid}));
  if (other) return internal::RowExists("policy");
  return Put(policy);
}

Status SqliteUnit::DeletePolicy(const std::string& uid) {
  static const std::string kSql = "DELETE FROM policy WHERE uid = ?";
  return Run(kSql, {uid});
}

Status SqliteUnit::AddPolicyRevision(const PolicyRevisionRecord& revision) {
  MP_CHECK(RequirePolicy(revision.policy_uid));
  static const std::string kSame = "SELECT 1 FROM policy_revision WHERE policy_uid = ? AND number = ?";
  MP_TRY(const std::optional<std::int64_t> same,
         Number(kSame, {revision.policy_uid, static_cast<std::int64_t>(revision.number)}));
  if (same) return internal::RowExists("policy revision");
  return Store(Insert<PolicyRevisionRecord>(), revision);
}

Status SqliteUnit::DeletePolicyRevision(const std::string& policy_uid, std::uint32_t number) {
  static const std::string kSql = "DELETE FROM policy_revision WHERE policy_uid = ? AND number = ?";
  return Run(kSql, {policy_uid, static_cast<std::int64_t>(number)});
}

Status SqliteUnit::PutPolicyMesh(const PolicyMeshRecord& mesh) {
  MP_CHECK(RequirePolicy(mesh.policy_uid));
  return Put(mesh);
}

Status SqliteUnit::PutPolicyReport(const PolicyReportRecord& report) {
  MP_CHECK(RequirePolicy(report.policy_uid));
  return Put(report);
}

Status SqliteUnit::DeletePolicyMesh(const std::string& policy_uid, const std::string& mesh_id) {
  static const std::string kMesh = "DELETE FROM policy_mesh WHERE policy_uid = ? AND mesh_id = ?";
  static const std::string kReport = "DELETE FROM policy_report WHERE policy_uid = ? AND mesh_id = ?";
  MP_CHECK(Run(kMesh, {policy_uid, mesh_id}));
  return Run(kReport, {policy_uid, mesh_id});
}

Status SqliteUnit::PutEnvironment(const EnvironmentRecord& environment) {
  return Put(environment);
}

Status SqliteUnit::DeleteEnvironment(const std::string& tenant, const std::string& id) {
  static const std::string kSql = "DELETE FROM environment WHERE tenant = ? AND id = ?";
  return Run(kSql, {tenant, id});
}

}  // namespace meshplay::store::sqlite
