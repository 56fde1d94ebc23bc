#include "server/store/operation_states.h"
#include "server/store/sqlite/unit.h"

namespace meshplay::store::sqlite {
namespace {

using internal::CheckLimit;

// State numbers of the texts below: 2 QUEUED, 3 DISPATCHING, 4 RUNNING, 5 CANCELLING, 6 BACKOFF, 7 INSPECTING,
// 8 and above final. Kinds: 3 APPLY, 4 INSPECT. records.h pins them.

/// Parameter 1 is now.
constexpr const char* kTimedOut =
    "state < 8 AND ((deadline_unix_ms <> 0 AND deadline_unix_ms <= ?1)"
    " OR (state = 6 AND not_before_unix_ms <= ?1)"
    " OR (state = 2 AND queue_deadline_unix_ms <> 0 AND queue_deadline_unix_ms <= ?1))";

/// Parameters: now, limit. The index gives the order, so that the look ends at the limit instead of sorting the queue.
constexpr const char* kDispatchable =
    " INDEXED BY operation_queue LEFT JOIN target ON target.id = operation.target_id"
    " WHERE state = 2 AND not_before_unix_ms <= ?1"
    " AND (deadline_unix_ms = 0 OR deadline_unix_ms > ?1)"
    " AND (queue_deadline_unix_ms = 0 OR queue_deadline_unix_ms > ?1)"
    " AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'type/' || operation.type)"
    " AND NOT EXISTS (SELECT 1 FROM hold WHERE scope = 'target/' || operation.target_id)"
    " AND (kind NOT IN (3, 4) OR target.id IS NULL OR (target.quarantined_by = '' AND NOT EXISTS ("
    "   SELECT 1 FROM target_lock WHERE target_lock.tenant = target.tenant"
    "    AND target_lock.cluster_uid = target.cluster_uid AND target_lock.operation_id <> operation.id"
    "    AND (target_lock.target_id = target.id OR operation.cluster_wide = 1 OR target.mesh_type = '*'"
    "         OR target_lock.mesh_type = '*'))))"
    " ORDER BY priority, operation.id LIMIT ?2";

constexpr const char* kNextTimer =
    "SELECT min(moment) FROM ("
    " SELECT min(deadline_unix_ms) AS moment FROM operation WHERE state < 8 AND deadline_unix_ms > ?1"
    " UNION ALL SELECT min(queue_deadline_unix_ms) FROM operation"
    "  WHERE state < 8 AND state = 2 AND queue_deadline_unix_ms > ?1"
    " UNION ALL SELECT min(not_before_unix_ms) FROM operation"
    "  WHERE state < 8 AND state IN (2, 6) AND not_before_unix_ms > ?1)";

}  // namespace

Result<std::optional<OperationRecord>> SqliteUnit::FindOperation(const std::string& tenant, const std::string& id) {
  static const std::string kSql = Select<OperationRecord>() + " WHERE id = ?1 AND ?2 IN ('', tenant)";
  return First<OperationRecord>(kSql, {id, tenant});
}

Result<std::vector<OperationRecord>> SqliteUnit::ListOperations(const OperationQuery& query) {
  MP_CHECK(CheckLimit(query.limit));
  std::vector<std::int64_t> states;
  for (const OperationState state : query.states) states.push_back(static_cast<std::int64_t>(state));
  Where where;
  where.Equal("tenant", query.tenant)
      .OneOf("state", states)
      .Equal("type", query.type)
      .Equal("cluster_id", query.cluster_id)
      .Equal("mesh_id", query.mesh_id)
      .Equal("target_id", query.target_id)
      .Equal("principal", query.principal);
  if (query.kind != TaskKind::kUnspecified) where.And("kind = ?", static_cast<std::int64_t>(query.kind));
  if (!query.before_id.empty()) where.And("id < ?", query.before_id);
  // Only ids are sorted: rows carry parameters and results of up to a megabyte.
  return Rows<OperationRecord>(Select<OperationRecord>() + " WHERE id IN (SELECT id FROM operation" + where.text() +
                                   " ORDER BY id DESC LIMIT ?) ORDER BY id DESC",
                               where.With(query.limit));
}

Result<std::vector<OperationRecord>> SqliteUnit::ListActiveOperations() {
  static const std::string kSql = Select<OperationRecord>() + " WHERE state IN (3, 4, 5, 7) ORDER BY id";
  return Rows<OperationRecord>(kSql, {});
}

Result<std::vector<OperationRecord>> SqliteUnit::ListDispatchable(UnixMs now, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  static const std::string kSql = Select<OperationRecord>() + kDispatchable;
  return Rows<OperationRecord>(kSql, {now, static_cast<std::int64_t>(limit)});
}

Result<std::vector<OperationRecord>> SqliteUnit::ListTimedOut(UnixMs now, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  static const std::string kSql = Select<OperationRecord>() + " WHERE id IN (SELECT id FROM operation WHERE " +
                                  kTimedOut + " ORDER BY id LIMIT ?2) ORDER BY id";
  return Rows<OperationRecord>(kSql, {now, static_cast<std::int64_t>(limit)});
}

Result<std::optional<UnixMs>> SqliteUnit::NextTimer(UnixMs now) {
  static const std::string kSql = kNextTimer;
  return Number(kSql, {now});
}

Result<std::vector<std::pair<OperationState, std::uint64_t>>> SqliteUnit::CountOperations() {
  using Counts = std::vector<std::pair<OperationState, std::uint64_t>>;
  return Guard([&]() -> Result<Counts> {
    Query query(connection_, "SELECT state, count(*) FROM operation GROUP BY state ORDER BY state");
    Counts counts;
    while (query.Step()) {
      counts.emplace_back(static_cast<OperationState>(query.statement().getColumn(0).getInt64()),
                          static_cast<std::uint64_t>(query.statement().getColumn(1).getInt64()));
    }
    return counts;
  });
}

Result<std::optional<AttemptRecord>> SqliteUnit::FindAttempt(const std::string& operation_id, std::uint32_t number) {
  static const std::string kSql = Select<AttemptRecord>() + " WHERE operation_id = ? AND number = ?";
  return First<AttemptRecord>(kSql, {operation_id, static_cast<std::int64_t>(number)});
}

Result<std::vector<AttemptRecord>> SqliteUnit::ListAttempts(const std::string& operation_id) {
  static const std::string kSql = Select<AttemptRecord>() + " WHERE operation_id = ? ORDER BY number";
  return Rows<AttemptRecord>(kSql, {operation_id});
}

Result<std::vector<StepRecord>> SqliteUnit::ListSteps(const std::string& operation_id, std::uint32_t attempt) {
  static const std::string kSql =
      Select<internal::StepRow>() + " WHERE operation_id = ? AND attempt = ? ORDER BY number";
  MP_TRY(std::vector<internal::StepRow> rows,
         Rows<internal::StepRow>(kSql, {operation_id, static_cast<std::int64_t>(attempt)}));
  std::vector<StepRecord> steps;
  for (internal::StepRow& row : rows) steps.push_back(std::move(row.step));
  return steps;
}

Result<std::vector<std::pair<std::uint32_t, ObjectOutcomeRecord>>> SqliteUnit::ListOutcomes(
    const std::string& operation_id, std::uint32_t offset, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  static const std::string kSql =
      Select<internal::OutcomeRow>() + " WHERE operation_id = ? ORDER BY arrival LIMIT ? OFFSET ?";
  MP_TRY(std::vector<internal::OutcomeRow> rows,
         Rows<internal::OutcomeRow>(
             kSql, {operation_id, static_cast<std::int64_t>(limit), static_cast<std::int64_t>(offset)}));
  std::vector<std::pair<std::uint32_t, ObjectOutcomeRecord>> outcomes;
  for (internal::OutcomeRow& row : rows) outcomes.emplace_back(row.attempt, std::move(row.outcome));
  return outcomes;
}

Result<std::vector<DiagnosticRecord>> SqliteUnit::ListDiagnostics(const std::string& operation_id, std::uint32_t offset,
                                                                  std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  static const std::string kSql =
      Select<internal::DiagnosticRow>() + " WHERE operation_id = ? ORDER BY arrival LIMIT ? OFFSET ?";
  MP_TRY(std::vector<internal::DiagnosticRow> rows,
         Rows<internal::DiagnosticRow>(
             kSql, {operation_id, static_cast<std::int64_t>(limit), static_cast<std::int64_t>(offset)}));
  std::vector<DiagnosticRecord> diagnostics;
  for (internal::DiagnosticRow& row : rows) diagnostics.push_back(std::move(row.diagnostic));
  return diagnostics;
}

Result<std::optional<PlanRecord>> SqliteUnit::FindPlanOfOperation(const std::string& operation_id) {
  static const std::string kSql = Select<PlanRecord>() + " WHERE operation_id = ?";
  return First<PlanRecord>(kSql, {operation_id});
}

Result<std::optional<PlanRecord>> SqliteUnit::FindPlan(const std::string& digest) {
  static const std::string kSql = Select<PlanRecord>() + " WHERE digest = ? ORDER BY operation_id DESC LIMIT 1";
  return First<PlanRecord>(kSql, {digest});
}

Result<std::optional<IdempotencyRecord>> SqliteUnit::FindIdempotency(const std::string& tenant,
                                                                     const std::string& principal,
                                                                     const std::string& key) {
  static const std::string kSql =
      Select<IdempotencyRecord>() + " WHERE tenant = ? AND principal = ? AND idempotency_key = ?";
  return First<IdempotencyRecord>(kSql, {tenant, principal, key});
}

Status SqliteUnit::InsertOperation(const OperationRecord& operation) {
  OperationRecord row = operation;
  row.version = 1;
  Status done = Store(Insert<OperationRecord>(), row);
  if (!done && done.error().reason() == "ROW_EXISTS") return internal::RowExists("operation");
  return done;
}

Status SqliteUnit::UpdateOperation(OperationRecord& operation) {
  MP_TRY(const std::optional<OperationRecord> stored, FindOperation("", operation.id));
  if (!stored) return internal::RowUnknown("operation");
  MP_CHECK(internal::CheckUpdate(*stored, operation));
  OperationRecord row = operation;
  ++row.version;
  static const std::string kSql = Update<OperationRecord>() + " WHERE id = ? AND version = ?";
  MP_CHECK(Guard([&]() -> Status {
    Query query(connection_, kSql);
    Binder binder{query};
    Columns(binder, row);
    query.Add(operation.id);
    query.Add(static_cast<std::int64_t>(operation.version));
    query.RunToEnd();
    return {};
  }));
  operation.version = row.version;
  return {};
}

Status SqliteUnit::PutAttempt(const AttemptRecord& attempt) {
  return Put(attempt);
}

Status SqliteUnit::PutSteps(const std::string& operation_id, std::uint32_t attempt,
                            const std::vector<StepRecord>& steps) {
  for (const StepRecord& step : steps) MP_CHECK(Put(internal::StepRow{operation_id, attempt, step}));
  return {};
}

Status SqliteUnit::AddOutcomes(const std::string& operation_id, std::uint32_t attempt,
                               const std::vector<ObjectOutcomeRecord>& outcomes) {
  for (const ObjectOutcomeRecord& outcome : outcomes) {
    MP_CHECK(Store(Insert<internal::OutcomeRow>(), internal::OutcomeRow{operation_id, attempt, outcome}));
  }
  return {};
}

Status SqliteUnit::AddDiagnostics(const std::string& operation_id, std::uint32_t attempt,
                                  const std::vector<DiagnosticRecord>& diagnostics) {
  for (const DiagnosticRecord& diagnostic : diagnostics) {
    MP_CHECK(Store(Insert<internal::DiagnosticRow>(), internal::DiagnosticRow{operation_id, attempt, diagnostic}));
  }
  return {};
}

Status SqliteUnit::PutPlan(const PlanRecord& plan) {
  return Put(plan);
}
Status SqliteUnit::PutIdempotency(const IdempotencyRecord& record) {
  return Put(record);
}

}  // namespace meshplay::store::sqlite
