#include <set>

#include "server/services/convert_inventory.h"
#include "server/services/internal/filter.h"
#include "server/services/internal/fingerprint.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"
#include "server/services/internal/submit.h"

namespace meshplay::services {
namespace {

constexpr std::size_t kMaximumFacts = 20'000;

/// The mesh with what its workloads and certificates say, each Kubernetes object counted once.
Result<v1::Mesh> Show(store::Reader& reader, const store::MeshRecord& row) {
  v1::Mesh mesh = ToMesh(row);
  std::set<std::string> seen;
  for (const char* kind : {"workload", "certificate"}) {
    store::ObjectQuery query;
    query.tenant = row.tenant;
    query.mesh_id = row.id;
    query.facts_kind = kind;
    query.limit = kMaximumPageSize;
    for (std::size_t scanned = 0; scanned < kMaximumFacts; scanned += query.limit) {
      MP_TRY(const std::vector<store::ObjectRecord> objects, reader.ListObjects(query));
      for (const store::ObjectRecord& object : objects) {
        if (object.uid.empty() || seen.insert(object.uid).second) AddFacts(object, mesh);
      }
      if (objects.size() < query.limit) break;
      query.after_id = objects.back().id;
    }
  }
  return mesh;
}

std::string FieldOf(const store::MeshRecord& row, std::string_view field) {
  if (field == "cluster") return row.cluster_id;
  if (field == "mesh_type") return row.mesh_type;
  if (field == "health") return row.health;
  if (field == "revision") return row.revision;
  if (field == "version") return row.mesh_version;
  if (field == "managed") return row.managed ? "true" : "false";
  return row.stale ? "true" : "false";
}

Result<v1::ListMeshesResponse> ListMeshes(const Core& core, const CallContext& context,
                                          const v1::ListMeshesRequest& request) {
  MP_TRY(const Page page, ReadPage(core, context, request));
  MP_TRY(const Filter filter, Filter::Parse(request.filter(), {"cluster", "mesh_type", "health", "revision", "version",
                                                               "managed", "stale"}));
  const std::string cluster = request.cluster().empty() ? filter.Fixed("cluster") : request.cluster();
  return ReadFrom<v1::ListMeshesResponse>(core, [&](store::Reader& reader) -> Result<v1::ListMeshesResponse> {
    v1::ListMeshesResponse response;
    MP_TRY(*response.mutable_sync_token(), SyncTokenAt(reader));
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListMeshes(context.caller.tenant, cluster, filter.Fixed("mesh_type"), after, limit);
    };
    const auto keep = [&filter](const store::MeshRecord& row) {
      return filter.Matches([&row](std::string_view field) { return FieldOf(row, field); });
    };
    const auto key = [](const store::MeshRecord& row) { return row.id; };
    MP_TRY(const Rows<store::MeshRecord> rows, CollectPage<store::MeshRecord>(page, fetch, key, keep));
    for (const store::MeshRecord& row : rows.rows) {
      MP_TRY(*response.add_meshes(), Show(reader, row));
    }
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::Mesh> GetMesh(const Core& core, const CallContext& context, const v1::GetMeshRequest& request) {
  return ReadFrom<v1::Mesh>(core, [&](store::Reader& reader) -> Result<v1::Mesh> {
    MP_TRY(const store::MeshRecord row, GetMeshRow(reader, context.caller.tenant, request.id()));
    return Show(reader, row);
  });
}

Result<v1::ListMeshHistoryResponse> ListMeshHistory(const Core& core, const CallContext& context,
                                                    const v1::ListMeshPartsRequest& request) {
  using Response = v1::ListMeshHistoryResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    // The history outlives the mesh: only an id that never was a mesh is unknown.
    MP_TRY(const std::vector<store::MeshHistoryRecord> newest, reader.ListMeshHistory(request.id(), 0, 1));
    if (newest.empty()) MP_CHECK(GetMeshRow(reader, context.caller.tenant, request.id()));
    const auto fetch = [&](const std::string& before,
                           std::uint32_t limit) -> Result<std::vector<store::MeshHistoryRecord>> {
      MP_TRY(const std::uint64_t seq, NumberOf(before));
      return reader.ListMeshHistory(request.id(), seq, limit);
    };
    const auto key = [](const store::MeshHistoryRecord& change) { return std::to_string(change.seq); };
    MP_TRY(const Rows<store::MeshHistoryRecord> rows, CollectPage<store::MeshHistoryRecord>(page, fetch, key));
    Response response;
    for (const store::MeshHistoryRecord& change : rows.rows) *response.add_changes() = ToMeshChange(change);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::ListMeshWorkloadsResponse> ListMeshWorkloads(const Core& core, const CallContext& context,
                                                        const v1::ListMeshPartsRequest& request) {
  using Response = v1::ListMeshWorkloadsResponse;
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    MP_TRY(const store::MeshRecord row, GetMeshRow(reader, context.caller.tenant, request.id()));
    store::ObjectQuery query;
    query.tenant = row.tenant;
    query.mesh_id = row.id;
    query.facts_kind = "workload";
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      query.after_id = after;
      query.limit = limit;
      return reader.ListObjects(query);
    };
    const auto key = [](const store::ObjectRecord& object) { return object.id; };
    MP_TRY(const Rows<store::ObjectRecord> rows, CollectPage<store::ObjectRecord>(page, fetch, key));
    Response response;
    for (const store::ObjectRecord& object : rows.rows) *response.add_workloads() = ToWorkload(object);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::Operation> ProbeMesh(const Core& core, const CallContext& context, const v1::ProbeMeshRequest& request) {
  MP_CHECK(CheckIdempotencyKey(request.request_id()));
  const std::string fingerprint = RequestFingerprint(request, {"request_id"});
  MP_TRY(const std::optional<store::OperationRecord> earlier,
         FindEarlier(core, context, request.request_id(), fingerprint));
  if (earlier) return AnswerEarlier(core, context, *earlier, std::chrono::milliseconds(0));
  store::MeshRecord mesh;
  const auto read = [&](store::Reader& reader) -> Result<store::ClusterRecord> {
    MP_TRY(mesh, GetMeshRow(reader, context.caller.tenant, request.id()));
    return GetClusterRow(reader, context.caller.tenant, mesh.cluster_id);
  };
  MP_TRY(const store::ClusterRecord cluster, ReadFrom<store::ClusterRecord>(core, read));
  return Probe(core, context, cluster, mesh.mesh_type, mesh, request.request_id(), fingerprint);
}

}  // namespace

void AddMeshes(MethodTable& table) {
  table.Add("Meshes.ListMeshes", ListMeshes);
  table.Add("Meshes.GetMesh", GetMesh);
  table.Add("Meshes.ListMeshHistory", ListMeshHistory);
  table.Add("Meshes.ListMeshWorkloads", ListMeshWorkloads);
  table.Add("Meshes.ProbeMesh", ProbeMesh);
}

}  // namespace meshplay::services
