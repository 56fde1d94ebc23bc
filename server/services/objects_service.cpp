#include "server/services/convert_inventory.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"

namespace meshplay::services {
namespace {

Result<v1::ListObjectsResponse> ListObjects(const Core& core, const CallContext& context,
                                            const v1::ListObjectsRequest& request) {
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<v1::ListObjectsResponse>(core, [&](store::Reader& reader) -> Result<v1::ListObjectsResponse> {
    v1::ListObjectsResponse response;
    MP_TRY(*response.mutable_sync_token(), SyncTokenAt(reader));
    store::ObjectQuery query;
    query.tenant = context.caller.tenant;
    query.cluster_id = request.cluster();
    query.mesh_id = request.mesh();
    query.kind = request.kind();
    query.namespace_name = request.namespace_();
    query.name_contains = request.q();
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      query.after_id = after;
      query.limit = limit;
      return reader.ListObjects(query);
    };
    const auto key = [](const store::ObjectRecord& row) { return row.id; };
    MP_TRY(const Rows<store::ObjectRecord> rows, CollectPage<store::ObjectRecord>(page, fetch, key));
    for (const store::ObjectRecord& row : rows.rows) *response.add_objects() = ToObject(row);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::InventoryObject> GetObject(const Core& core, const CallContext& context,
                                      const v1::GetObjectRequest& request) {
  return ReadFrom<v1::InventoryObject>(core, [&](store::Reader& reader) -> Result<v1::InventoryObject> {
    MP_TRY(const std::optional<store::ObjectRecord> row, reader.FindObject(context.caller.tenant, request.id()));
    if (!row) return NotFound("OBJECT_UNKNOWN", "there is no such object in the inventory");
    return ToObject(*row);
  });
}

}  // namespace

void AddObjects(MethodTable& table) {
  table.Add("Objects.ListObjects", ListObjects);
  table.Add("Objects.GetObject", GetObject);
}

}  // namespace meshplay::services
