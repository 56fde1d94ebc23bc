#include "server/services/convert_inventory.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"
#include "server/services/internal/submit.h"

namespace meshplay::services {
namespace {

Result<v1::Target> Show(store::Reader& reader, const store::TargetRecord& row) {
  MP_TRY(const std::optional<store::HoldRecord> hold, reader.FindHold("target/" + row.id));
  return ToTarget(row, hold);
}

Result<v1::ListTargetsResponse> ListTargets(const Core& core, const CallContext& context,
                                            const v1::ListTargetsRequest& request) {
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<v1::ListTargetsResponse>(core, [&](store::Reader& reader) -> Result<v1::ListTargetsResponse> {
    v1::ListTargetsResponse response;
    MP_TRY(*response.mutable_sync_token(), SyncTokenAt(reader));
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListTargets(context.caller.tenant, request.cluster(), after, limit);
    };
    const auto key = [](const store::TargetRecord& row) { return row.id; };
    MP_TRY(const Rows<store::TargetRecord> rows, CollectPage<store::TargetRecord>(page, fetch, key));
    for (const store::TargetRecord& row : rows.rows) {
      MP_TRY(*response.add_targets(), Show(reader, row));
    }
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::Target> ReadTarget(const Core& core, const CallContext& context, const std::string& id) {
  return ReadFrom<v1::Target>(core, [&](store::Reader& reader) -> Result<v1::Target> {
    MP_TRY(const std::optional<store::TargetRecord> row, reader.FindTarget(context.caller.tenant, id));
    if (!row) return NotFound("TARGET_UNKNOWN", "there is no such target");
    return Show(reader, *row);
  });
}

Result<v1::Target> GetTarget(const Core& core, const CallContext& context, const v1::GetTargetRequest& request) {
  return ReadTarget(core, context, request.id());
}

Result<v1::Target> ReleaseTarget(const Core& core, const CallContext& context,
                                 const v1::ReleaseTargetRequest& request) {
  MP_CHECK(core.deps.engine.ReleaseTarget(ActorOf(context), request.id()));
  return ReadTarget(core, context, request.id());
}

}  // namespace

void AddTargets(MethodTable& table) {
  table.Add("Targets.ListTargets", ListTargets);
  table.Add("Targets.GetTarget", GetTarget);
  table.Add("Targets.ReleaseTarget", ReleaseTarget);
}

}  // namespace meshplay::services
