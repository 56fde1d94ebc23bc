#include <algorithm>

#include "server/store/internal/memory_unit.h"
#include "server/store/internal/rules.h"

namespace meshplay::store::internal {
namespace {

bool Any(const std::string& wanted, const std::string& value) {
  return wanted.empty() || wanted == value;
}

template <class Row>
std::optional<Row> OfTenant(const Row* row, const std::string& tenant) {
  if (row == nullptr || !Any(tenant, row->tenant)) return std::nullopt;
  return *row;
}

/// The first `limit` rows of a table keyed by id that match, after `after_id`.
template <class Row, class Predicate>
Result<std::vector<Row>> Page(const Table<std::string, Row>& table, const std::string& tenant,
                              const std::string& after_id, std::uint32_t limit, Predicate matches) {
  MP_CHECK(CheckLimit(limit));
  std::vector<Row> found;
  const auto& rows = table.rows();
  for (auto it = rows.upper_bound(after_id); it != rows.end() && found.size() < limit; ++it) {
    if (Any(tenant, it->second.tenant) && matches(it->second)) found.push_back(it->second);
  }
  return found;
}

}  // namespace

Result<std::optional<AdapterRecord>> MemoryUnit::FindAdapter(const std::string& tenant, const std::string& id) {
  return OfTenant(t_.adapters.Find(id), tenant);
}

Result<std::vector<AdapterRecord>> MemoryUnit::ListAdapters(const std::string& tenant, const std::string& mesh_type,
                                                            const std::string& after_id, std::uint32_t limit) {
  return Page(t_.adapters, tenant, after_id, limit,
              [&](const AdapterRecord& row) { return Any(mesh_type, row.mesh_type); });
}

Result<std::optional<ClusterRecord>> MemoryUnit::FindCluster(const std::string& tenant, const std::string& id) {
  const auto& rows = t_.clusters.rows();
  for (auto it = rows.lower_bound({id, ""}); it != rows.end() && it->first.first == id; ++it) {
    if (Any(tenant, it->second.tenant)) return std::optional(it->second);
  }
  return std::optional<ClusterRecord>();
}

Result<std::optional<ClusterRecord>> MemoryUnit::FindClusterByUid(const std::string& tenant, const std::string& uid) {
  for (const auto& [key, row] : t_.clusters.rows()) {
    if (row.uid == uid && Any(tenant, row.tenant)) return std::optional(row);
  }
  return std::optional<ClusterRecord>();
}

Result<std::vector<ClusterRecord>> MemoryUnit::ListClusters(const std::string& tenant, const std::string& after_id,
                                                            std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<ClusterRecord> found;
  for (const auto& [key, row] : t_.clusters.rows()) {
    if (found.size() < limit && row.id > after_id && Any(tenant, row.tenant)) found.push_back(row);
  }
  return found;
}

Result<std::vector<ClaimRecord>> MemoryUnit::ListClaims(const std::string& tenant, const std::string& adapter_id,
                                                        const std::string& cluster_uid, const std::string& mesh_type) {
  std::vector<ClaimRecord> found;
  for (const auto& [key, row] : t_.claims.rows()) {
    if (Any(tenant, row.tenant) && Any(adapter_id, row.adapter_id) && Any(cluster_uid, row.cluster_uid) &&
        Any(mesh_type, row.mesh_type)) {
      found.push_back(row);
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.since_unix_ms < b.since_unix_ms; });
  return found;
}

Result<std::optional<MeshRecord>> MemoryUnit::FindMesh(const std::string& tenant, const std::string& id) {
  return OfTenant(t_.meshes.Find(id), tenant);
}

Result<std::vector<MeshRecord>> MemoryUnit::ListMeshes(const std::string& tenant, const std::string& cluster_id,
                                                       const std::string& mesh_type, const std::string& after_id,
                                                       std::uint32_t limit) {
  return Page(t_.meshes, tenant, after_id, limit,
              [&](const MeshRecord& row) { return Any(cluster_id, row.cluster_id) && Any(mesh_type, row.mesh_type); });
}

Result<std::vector<MeshHistoryRecord>> MemoryUnit::ListMeshHistory(const std::string& mesh_id, std::uint64_t before_seq,
                                                                   std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<MeshHistoryRecord> found;
  const auto& rows = t_.mesh_history.rows();
  for (auto it = rows.rbegin(); it != rows.rend() && found.size() < limit; ++it) {
    if (it->second.mesh_id == mesh_id && (before_seq == 0 || it->first < before_seq)) found.push_back(it->second);
  }
  return found;
}

Result<std::optional<ObjectRecord>> MemoryUnit::FindObject(const std::string& tenant, const std::string& id) {
  return OfTenant(t_.objects.Find(id), tenant);
}

Result<std::vector<ObjectRecord>> MemoryUnit::ListObjects(const ObjectQuery& query) {
  auto found = Page(t_.objects, query.tenant, query.after_id, query.limit, [&](const ObjectRecord& row) {
    return Any(query.cluster_id, row.cluster_id) && Any(query.mesh_id, row.mesh_id) && Any(query.kind, row.kind) &&
           Any(query.namespace_name, row.namespace_name) && Any(query.facts_kind, row.facts_kind) &&
           row.name.find(query.name_contains) != std::string::npos;
  });
  if (found) {
    for (ObjectRecord& row : *found) row.body_json.clear();
  }
  return found;
}

Result<std::optional<BookmarkRecord>> MemoryUnit::FindBookmark(const std::string& adapter_id,
                                                               const std::string& cluster_uid,
                                                               const std::string& kinds_key) {
  return t_.bookmarks.Get({adapter_id, cluster_uid, kinds_key});
}

Result<std::optional<EnrollmentTokenRecord>> MemoryUnit::FindEnrollmentToken(const std::string& id) {
  return t_.enrollment_tokens.Get(id);
}

Result<std::vector<EnrollmentTokenRecord>> MemoryUnit::ListEnrollmentTokens(const std::string& tenant,
                                                                            const std::string& after_id,
                                                                            std::uint32_t limit) {
  return Page(t_.enrollment_tokens, tenant, after_id, limit, [](const auto&) { return true; });
}

Result<std::optional<ApiTokenRecord>> MemoryUnit::FindApiToken(const std::string& id) {
  return t_.api_tokens.Get(id);
}

Result<std::vector<ApiTokenRecord>> MemoryUnit::ListApiTokens(const std::string& tenant, const std::string& after_id,
                                                              std::uint32_t limit) {
  return Page(t_.api_tokens, tenant, after_id, limit, [](const auto&) { return true; });
}

Result<std::optional<SecretRecord>> MemoryUnit::FindSecret(const std::string& tenant, const std::string& name) {
  std::optional<SecretRecord> newest;
  for (const auto& [key, row] : t_.secrets.rows()) {
    if (row.name == name && row.tenant == tenant) newest = row;
  }
  return newest;
}

Result<std::vector<SecretRecord>> MemoryUnit::ListSecrets(const std::string& tenant, const std::string& after_name,
                                                          std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<SecretRecord> found;
  for (const auto& [key, row] : t_.secrets.rows()) {
    if (row.name <= after_name || row.tenant != tenant) continue;
    if (!found.empty() && found.back().name == row.name) found.pop_back();
    if (found.size() == limit) break;
    found.push_back(row);
    found.back().sealed.clear();
  }
  return found;
}

Result<std::optional<std::string>> MemoryUnit::FindMeta(const std::string& key) {
  return t_.meta.Get(key);
}

}  // namespace meshplay::store::internal
