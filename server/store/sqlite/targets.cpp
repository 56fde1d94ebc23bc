#include "server/store/sqlite/unit.h"

namespace meshplay::store::sqlite {
namespace {

/// Targets with the holder of their lock as the column behind the record's.
std::string SelectTarget() {
  std::string sql = Select<TargetRecord>();
  sql.insert(sql.rfind(" FROM "),
             ", coalesce((SELECT operation_id FROM target_lock WHERE target_lock.target_id = target.id), '')");
  return sql;
}

void ReadHolder(TargetRecord& row, Loader& loader) {
  loader("locked_by", row.locked_by);
}

}  // namespace

Result<std::optional<TargetRecord>> SqliteUnit::FindTarget(const std::string& tenant, const std::string& id) {
  static const std::string kSql = SelectTarget() + " WHERE id = ?1 AND ?2 IN ('', tenant)";
  MP_TRY(std::vector<TargetRecord> rows, Rows<TargetRecord>(kSql, {id, tenant}, ReadHolder));
  return rows.empty() ? std::optional<TargetRecord>() : std::optional(std::move(rows.front()));
}

Result<std::vector<TargetRecord>> SqliteUnit::ListTargets(const std::string& tenant, const std::string& cluster_id,
                                                          const std::string& after_id, std::uint32_t limit) {
  MP_CHECK(internal::CheckLimit(limit));
  Where where;
  where.And("id > ?", after_id).Equal("tenant", tenant).Equal("cluster_id", cluster_id);
  return Rows<TargetRecord>(SelectTarget() + where.text() + " ORDER BY id LIMIT ?", where.With(limit), ReadHolder);
}

Result<std::optional<HoldRecord>> SqliteUnit::FindHold(const std::string& scope) {
  static const std::string kSql = Select<HoldRecord>() + " WHERE scope = ?";
  return First<HoldRecord>(kSql, {scope});
}

Result<std::vector<HoldRecord>> SqliteUnit::ListHolds() {
  static const std::string kSql = Select<HoldRecord>() + " ORDER BY scope";
  return Rows<HoldRecord>(kSql, {});
}

Status SqliteUnit::PutTarget(const TargetRecord& target) {
  return Put(target);
}

Status SqliteUnit::Lock(const std::string& target_id, const std::string& operation_id) {
  MP_TRY(const std::optional<TargetRecord> target, FindTarget("", target_id));
  if (!target) return internal::RowUnknown("target");
  static const std::string kHolder =
      "SELECT operation_id FROM target_lock WHERE tenant = ?1 AND cluster_uid = ?2 AND operation_id <> ?3"
      " AND (target_id = ?4 OR mesh_type = '*' OR ?5 = '*') ORDER BY target_id LIMIT 1";
  MP_TRY(const std::optional<std::string> holder,
         Text(kHolder, {target->tenant, target->cluster_uid, operation_id, target_id, target->mesh_type}));
  if (holder) return internal::TargetLocked(*holder);
  static const std::string kInsert =
      "INSERT INTO target_lock (target_id, operation_id, tenant, cluster_uid, mesh_type) VALUES (?, ?, ?, ?, ?)"
      " ON CONFLICT (target_id) DO NOTHING";
  return Run(kInsert, {target_id, operation_id, target->tenant, target->cluster_uid, target->mesh_type});
}

Status SqliteUnit::Unlock(const std::string& target_id, const std::string& operation_id) {
  static const std::string kSql = "DELETE FROM target_lock WHERE target_id = ? AND operation_id = ?";
  return Run(kSql, {target_id, operation_id});
}

Status SqliteUnit::PutHold(const HoldRecord& hold) {
  return Put(hold);
}

Status SqliteUnit::DeleteHold(const std::string& scope) {
  static const std::string kSql = "DELETE FROM hold WHERE scope = ?";
  return Run(kSql, {scope});
}

}  // namespace meshplay::store::sqlite
