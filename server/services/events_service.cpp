#include "server/services/convert_access.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"

namespace meshplay::services {
namespace {

Result<v1::ListEventsResponse> ListEvents(const Core& core, const CallContext& context,
                                          const v1::ListEventsRequest& request) {
  if (request.page_size() < 0 || request.page_size() > static_cast<std::int32_t>(kMaximumPageSize)) {
    return InvalidArgument("PAGE_SIZE_INVALID", "the page size is out of range")
        .WithViolation("/page_size", "must be 1 to 1000, or absent for 50");
  }
  std::pair<std::uint64_t, std::uint64_t> since{0, 0};
  if (!request.since().empty()) {
    MP_TRY(since, ParseSyncToken(request.since()));
  }
  return ReadFrom<v1::ListEventsResponse>(core, [&](store::Reader& reader) -> Result<v1::ListEventsResponse> {
    MP_TRY(const store::EventHorizon horizon, reader.Horizon());
    const bool lost = since.second + 1 < horizon.oldest || since.second > horizon.newest;
    if (!request.since().empty() && (since.first != horizon.epoch || lost)) {
      return Error(ErrorCode::kOutOfRange, "SYNC_TOKEN_EXPIRED", "the events after the sync token are not kept")
          .WithMetadata("oldest", SyncToken(horizon.epoch, horizon.oldest))
          .WithMetadata("newest", SyncToken(horizon.epoch, horizon.newest))
          .WithRemediation("Read the lists again and go on from their sync_token.");
    }
    store::EventQuery query;
    query.tenant = context.caller.tenant;
    query.after_seq = since.second;
    query.subject = request.subject();
    query.kind = request.kind();
    query.limit = request.page_size() == 0 ? kDefaultPageSize : static_cast<std::uint32_t>(request.page_size());
    MP_TRY(const std::vector<store::EventRecord> rows, reader.ListEvents(query));
    v1::ListEventsResponse response;
    for (const store::EventRecord& row : rows) *response.add_events() = ToEvent(row, horizon.epoch);
    // A short page has seen everything up to the newest event, whatever the filter hid.
    const std::uint64_t seen = rows.size() == query.limit ? rows.back().seq : horizon.newest;
    response.set_sync_token(SyncToken(horizon.epoch, seen));
    response.set_oldest(SyncToken(horizon.epoch, horizon.oldest));
    return response;
  });
}

Result<v1::ListAuditResponse> ListAudit(const Core& core, const CallContext& context,
                                        const v1::ListAuditRequest& request) {
  MP_TRY(const Page page, ReadPage(core, context, request));
  return ReadFrom<v1::ListAuditResponse>(core, [&](store::Reader& reader) -> Result<v1::ListAuditResponse> {
    store::AuditQuery query;
    query.tenant = context.caller.tenant;
    query.principal = request.principal();
    query.action = request.action();
    const auto fetch = [&](const std::string& after, std::uint32_t limit) -> Result<std::vector<store::AuditRecord>> {
      MP_TRY(query.after_seq, NumberOf(after));
      query.limit = limit;
      return reader.ListAudit(query);
    };
    const auto key = [](const store::AuditRecord& row) { return std::to_string(row.seq); };
    MP_TRY(const Rows<store::AuditRecord> rows, CollectPage<store::AuditRecord>(page, fetch, key));
    v1::ListAuditResponse response;
    for (const store::AuditRecord& row : rows.rows) *response.add_entries() = ToAuditEntry(row);
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

}  // namespace

void AddEvents(MethodTable& table) {
  table.Add("Events.ListEvents", ListEvents);
  table.AddStream("Events.WatchEvents");
  table.Add("Events.ListAudit", ListAudit);
}

}  // namespace meshplay::services
