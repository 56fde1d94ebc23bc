#include "server/store/sqlite/unit.h"

namespace meshplay::store::sqlite {
namespace {

/// A text filter that is exact, or a prefix when it ends in `mark`. The plus keeps a prefix off the index of the
/// column: most events have the same few prefixes, and walking by seq needs no sorting.
void Prefix(Where& where, const char* column, const std::string& wanted, char mark) {
  if (wanted.empty() || wanted.back() != mark) {
    where.Equal(column, wanted);
    return;
  }
  std::string beyond = wanted;
  ++beyond.back();
  where.And((std::string("+") + column + " >= ?").c_str(), wanted);
  where.And((std::string("+") + column + " < ?").c_str(), beyond);
}

/// Deletes from the oldest row on while rows are older than parameter 2, at most parameter 1 less one of them, and
/// never the newest, so that seqs go on from it.
std::string DeleteOld(const std::string& table) {
  return "WITH head AS (SELECT seq, time_unix_ms FROM " + table + " ORDER BY seq LIMIT ?1) DELETE FROM " + table +
         " WHERE seq < coalesce((SELECT min(seq) FROM head WHERE time_unix_ms >= ?2), (SELECT max(seq) FROM head))";
}

}  // namespace

Result<std::vector<EventRecord>> SqliteUnit::ListEvents(const EventQuery& query) {
  MP_CHECK(internal::CheckLimit(query.limit));
  Where where;
  where.And("seq > ?", static_cast<std::int64_t>(query.after_seq)).Equal("tenant", query.tenant);
  Prefix(where, "subject", query.subject, '/');
  Prefix(where, "kind", query.kind, '.');
  return Rows<EventRecord>(Select<EventRecord>() + where.text() + " ORDER BY seq LIMIT ?", where.With(query.limit));
}

Result<EventHorizon> SqliteUnit::Horizon() {
  static const std::string kOldest = "SELECT min(seq) FROM event";
  static const std::string kNewest = "SELECT max(seq) FROM event";
  MP_TRY(const std::optional<std::int64_t> oldest, Number(kOldest, {}));
  MP_TRY(const std::optional<std::int64_t> newest, Number(kNewest, {}));
  MP_TRY(const std::optional<std::string> epoch, FindMeta(std::string(internal::kEpochKey)));
  EventHorizon horizon;
  horizon.oldest = static_cast<std::uint64_t>(oldest.value_or(0));
  horizon.newest = static_cast<std::uint64_t>(newest.value_or(0));
  if (epoch) horizon.epoch = std::strtoull(epoch->c_str(), nullptr, 10);
  return horizon;
}

Result<std::vector<AuditRecord>> SqliteUnit::ListAudit(const AuditQuery& query) {
  MP_CHECK(internal::CheckLimit(query.limit));
  Where where;
  where.And("seq > ?", static_cast<std::int64_t>(query.after_seq))
      .Equal("tenant", query.tenant)
      .Equal("principal", query.principal)
      .Equal("action", query.action);
  return Rows<AuditRecord>(Select<AuditRecord>() + where.text() + " ORDER BY seq LIMIT ?", where.With(query.limit));
}

Result<std::uint64_t> SqliteUnit::AddEvent(const EventRecord& event) {
  static const std::string kNext = "SELECT coalesce(max(seq), 0) + 1 FROM event";
  MP_TRY(const std::optional<std::int64_t> next, Number(kNext, {}));
  EventRecord row = event;
  row.seq = static_cast<std::uint64_t>(next.value_or(1));
  MP_CHECK(Store(Insert<EventRecord>(), row));
  newest_event_ = row.seq;
  return row.seq;
}

Status SqliteUnit::AddAudit(const AuditRecord& audit) {
  static const std::string kLast = Select<AuditRecord>() + " ORDER BY seq DESC LIMIT 1";
  MP_TRY(const std::optional<AuditRecord> last, First<AuditRecord>(kLast, {}));
  AuditRecord row = audit;
  row.seq = last ? last->seq + 1 : 1;
  row.hash_hex = internal::AuditHash(last ? last->hash_hex : "", row);
  return Store(Insert<AuditRecord>(), row);
}

Result<std::uint64_t> SqliteUnit::DeleteExpired(UnixMs events_before, UnixMs operations_before, UnixMs audit_before,
                                                UnixMs now, std::uint32_t limit) {
  MP_CHECK(internal::CheckLimit(limit));
  static const std::string kEvents = DeleteOld("event");
  static const std::string kAudit = DeleteOld("audit");
  static const std::string kOperations =
      "DELETE FROM operation WHERE id IN (SELECT id FROM operation WHERE state >= 8 AND updated_unix_ms < ?1"
      " AND NOT EXISTS (SELECT 1 FROM target WHERE quarantined_by = operation.id)"
      " ORDER BY updated_unix_ms, id LIMIT ?2)";
  static const std::string kKeys =
      "DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency WHERE expires_unix_ms <= ?1"
      " ORDER BY expires_unix_ms, tenant, principal, idempotency_key LIMIT ?2)";
  const std::int64_t most = limit;
  MP_TRY(const std::uint64_t events, Change(kEvents, {most + 1, events_before}));
  MP_TRY(const std::uint64_t audit, Change(kAudit, {most + 1, audit_before}));
  MP_TRY(const std::uint64_t operations, Change(kOperations, {operations_before, most}));
  MP_TRY(const std::uint64_t keys, Change(kKeys, {now, most}));
  return events + audit + operations + keys;
}

}  // namespace meshplay::store::sqlite
