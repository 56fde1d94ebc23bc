#include <algorithm>
#include <iterator>

#include "server/store/sqlite/unit.h"

namespace meshplay::store::sqlite {

using internal::CheckLimit;

Result<std::optional<AdapterRecord>> SqliteUnit::FindAdapter(const std::string& tenant, const std::string& id) {
  static const std::string kSql = Select<AdapterRecord>() + " WHERE id = ?1 AND ?2 IN ('', tenant)";
  return First<AdapterRecord>(kSql, {id, tenant});
}

Result<std::vector<AdapterRecord>> SqliteUnit::ListAdapters(const std::string& tenant, const std::string& mesh_type,
                                                            const std::string& after_id, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  Where where;
  where.And("id > ?", after_id).Equal("tenant", tenant).Equal("mesh_type", mesh_type);
  return Rows<AdapterRecord>(Select<AdapterRecord>() + where.text() + " ORDER BY id LIMIT ?", where.With(limit));
}

Result<std::optional<ClusterRecord>> SqliteUnit::FindCluster(const std::string& tenant, const std::string& id) {
  static const std::string kSql =
      Select<ClusterRecord>() + " WHERE id = ?1 AND ?2 IN ('', tenant) ORDER BY tenant LIMIT 1";
  return First<ClusterRecord>(kSql, {id, tenant});
}

Result<std::optional<ClusterRecord>> SqliteUnit::FindClusterByUid(const std::string& tenant, const std::string& uid) {
  static const std::string kSql =
      Select<ClusterRecord>() + " WHERE uid = ?1 AND ?2 IN ('', tenant) ORDER BY id, tenant LIMIT 1";
  return First<ClusterRecord>(kSql, {uid, tenant});
}

Result<std::vector<ClusterRecord>> SqliteUnit::ListClusters(const std::string& tenant, const std::string& after_id,
                                                            std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  Where where;
  where.And("id > ?", after_id).Equal("tenant", tenant);
  return Rows<ClusterRecord>(Select<ClusterRecord>() + where.text() + " ORDER BY id, tenant LIMIT ?",
                             where.With(limit));
}

Result<std::vector<ClaimRecord>> SqliteUnit::ListClaims(const std::string& tenant, const std::string& adapter_id,
                                                        const std::string& cluster_uid, const std::string& mesh_type) {
  Where where;
  where.Equal("tenant", tenant)
      .Equal("adapter_id", adapter_id)
      .Equal("cluster_uid", cluster_uid)
      .Equal("mesh_type", mesh_type);
  return Rows<ClaimRecord>(
      Select<ClaimRecord>() + where.text() + " ORDER BY since_unix_ms, adapter_id, cluster_uid LIMIT ?",
      where.With(UINT32_MAX));
}

Result<std::optional<MeshRecord>> SqliteUnit::FindMesh(const std::string& tenant, const std::string& id) {
  static const std::string kSql = Select<MeshRecord>() + " WHERE id = ?1 AND ?2 IN ('', tenant)";
  return First<MeshRecord>(kSql, {id, tenant});
}

Result<std::vector<MeshRecord>> SqliteUnit::ListMeshes(const std::string& tenant, const std::string& cluster_id,
                                                       const std::string& mesh_type, const std::string& after_id,
                                                       std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  Where where;
  where.And("id > ?", after_id).Equal("tenant", tenant).Equal("cluster_id", cluster_id).Equal("mesh_type", mesh_type);
  return Rows<MeshRecord>(Select<MeshRecord>() + where.text() + " ORDER BY id LIMIT ?", where.With(limit));
}

Result<std::vector<MeshHistoryRecord>> SqliteUnit::ListMeshHistory(const std::string& mesh_id, std::uint64_t before_seq,
                                                                   std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  static const std::string kSql =
      Select<MeshHistoryRecord>() + " WHERE mesh_id = ?1 AND (?2 = 0 OR seq < ?2) ORDER BY seq DESC LIMIT ?3";
  return Rows<MeshHistoryRecord>(kSql,
                                 {mesh_id, static_cast<std::int64_t>(before_seq), static_cast<std::int64_t>(limit)});
}

Result<std::optional<ObjectRecord>> SqliteUnit::FindObject(const std::string& tenant, const std::string& id) {
  static const std::string kSql = Select<ObjectRecord>() + " WHERE id = ?1 AND ?2 IN ('', tenant)";
  return First<ObjectRecord>(kSql, {id, tenant});
}

Result<std::vector<ObjectRecord>> SqliteUnit::ListObjects(const ObjectQuery& query) {
  MP_CHECK(CheckLimit(query.limit));
  Where where;
  where.And("id > ?", query.after_id)
      .Equal("tenant", query.tenant)
      .Equal("cluster_id", query.cluster_id)
      .Equal("mesh_id", query.mesh_id)
      .Equal("kind", query.kind)
      .Equal("namespace_name", query.namespace_name)
      .Equal("facts_kind", query.facts_kind);
  if (!query.name_contains.empty()) where.And("instr(name, ?) > 0", query.name_contains);
  static const std::string kSelect = SelectWithout<ObjectRecord>("body_json");
  return Rows<ObjectRecord>(kSelect + where.text() + " ORDER BY id LIMIT ?", where.With(query.limit));
}

Result<std::optional<BookmarkRecord>> SqliteUnit::FindBookmark(const std::string& adapter_id,
                                                               const std::string& cluster_uid,
                                                               const std::string& kinds_key) {
  static const std::string kSql =
      Select<BookmarkRecord>() + " WHERE adapter_id = ? AND cluster_uid = ? AND kinds_key = ?";
  return First<BookmarkRecord>(kSql, {adapter_id, cluster_uid, kinds_key});
}

Status SqliteUnit::PutAdapter(const AdapterRecord& adapter) {
  return Put(adapter);
}
Status SqliteUnit::PutCluster(const ClusterRecord& cluster) {
  return Put(cluster);
}

Status SqliteUnit::DeleteCluster(const std::string& tenant, const std::string& id) {
  static const std::string kStatements[] = {
      "DELETE FROM object WHERE tenant = ? AND cluster_id = ?",
      "DELETE FROM mesh WHERE tenant = ? AND cluster_id = ?",
      "DELETE FROM hold WHERE scope IN (SELECT 'target/' || id FROM target WHERE tenant = ? AND cluster_id = ?)",
      "DELETE FROM target WHERE tenant = ? AND cluster_id = ?",  // with its locks
      "DELETE FROM cluster WHERE tenant = ? AND id = ?",
  };
  for (const std::string& sql : kStatements) MP_CHECK(Run(sql, {tenant, id}));
  return {};
}

Status SqliteUnit::PutClaim(const ClaimRecord& claim) {
  return Put(claim);
}

Status SqliteUnit::DeleteClaim(const std::string& adapter_id, const std::string& cluster_uid) {
  static const std::string kSql = "DELETE FROM claim WHERE adapter_id = ? AND cluster_uid = ?";
  return Run(kSql, {adapter_id, cluster_uid});
}

Status SqliteUnit::PutMesh(const MeshRecord& mesh) {
  return Put(mesh);
}

Status SqliteUnit::DeleteMesh(const std::string& id) {
  static const std::string kSql = "DELETE FROM mesh WHERE id = ?";
  return Run(kSql, {id});
}

Status SqliteUnit::AddMeshHistory(const MeshHistoryRecord& record) {
  static const std::string kNext = "SELECT coalesce(max(seq), 0) + 1 FROM mesh_history";
  MP_TRY(const std::optional<std::int64_t> next, Number(kNext, {}));
  MeshHistoryRecord row = record;
  row.seq = static_cast<std::uint64_t>(next.value_or(1));
  return Store(Insert<MeshHistoryRecord>(), row);
}

Status SqliteUnit::PutObject(const ObjectRecord& object) {
  return Put(object);
}

Status SqliteUnit::DeleteObject(const std::string& id) {
  static const std::string kSql = "DELETE FROM object WHERE id = ?";
  return Run(kSql, {id});
}

Result<std::vector<ObjectRecord>> SqliteUnit::SweepObjects(
    const std::string& adapter_id, const std::string& cluster_uid,
    const std::vector<std::pair<std::string, std::string>>& kinds, std::uint64_t keep_epoch,
    const std::string& body_with) {
  static const std::string kMatch =
      " WHERE adapter_id = ?1 AND cluster_uid = ?2 AND api_version = ?3 AND kind = ?4 AND epoch <> ?5";
  static const std::string kSelect =
      SelectWithout<ObjectRecord>("body_json") + kMatch + " AND (?6 = '' OR instr(body_json, ?6) = 0)";
  static const std::string kSelectWhole =
      Select<ObjectRecord>() + kMatch + " AND ?6 <> '' AND instr(body_json, ?6) > 0";
  static const std::string kDelete = "DELETE FROM object" + kMatch;
  std::vector<ObjectRecord> swept;
  for (const auto& [api_version, kind] : kinds) {
    const std::vector<Value> values = {adapter_id, cluster_uid, api_version, kind,
                                       static_cast<std::int64_t>(keep_epoch)};
    std::vector<Value> with_text = values;
    with_text.emplace_back(body_with);
    for (const std::string* select : {&kSelect, &kSelectWhole}) {
      MP_TRY(std::vector<ObjectRecord> rows, Rows<ObjectRecord>(*select, with_text));
      swept.insert(swept.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    }
    MP_CHECK(Run(kDelete, values));
  }
  std::sort(swept.begin(), swept.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return swept;
}

Status SqliteUnit::MarkObjectsStale(const std::string& adapter_id, const std::string& cluster_uid, bool stale) {
  static const std::string kSql =
      "UPDATE object SET stale = ?1 WHERE ?2 IN ('', adapter_id) AND ?3 IN ('', cluster_uid) AND stale <> ?1";
  static const std::string kStream =
      "UPDATE object SET stale = ?1 WHERE adapter_id = ?2 AND cluster_uid = ?3 AND stale <> ?1";
  const bool one_stream = !adapter_id.empty() && !cluster_uid.empty();
  return Run(one_stream ? kStream : kSql, {static_cast<std::int64_t>(stale), adapter_id, cluster_uid});
}

Status SqliteUnit::PutBookmark(const BookmarkRecord& bookmark) {
  return Put(bookmark);
}

Status SqliteUnit::DeleteBookmarks(const std::string& adapter_id) {
  static const std::string kSql = "DELETE FROM bookmark WHERE adapter_id = ?";
  return Run(kSql, {adapter_id});
}

}  // namespace meshplay::store::sqlite
