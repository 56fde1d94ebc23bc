#include <algorithm>

#include "server/store/internal/memory_unit.h"
#include "server/store/internal/rules.h"
#include "server/store/operation_states.h"

namespace meshplay::store::internal {
namespace {

template <class Row>
std::uint64_t NextKey(const Table<std::uint64_t, Row>& table) {
  return table.rows().empty() ? 1 : table.rows().rbegin()->first + 1;
}

template <class Row>
std::uint64_t NextArrival(const Table<std::pair<std::string, std::uint64_t>, Row>& table,
                          const std::string& operation_id) {
  const auto after = table.rows().upper_bound({operation_id, UINT64_MAX});
  if (after == table.rows().begin()) return 1;
  const auto last = std::prev(after);
  return last->first.first == operation_id ? last->first.second + 1 : 1;
}

/// Erases rows from the oldest on while they are older than `before`; never the newest, so that seqs go on.
template <class Row>
std::uint64_t EraseOld(Table<std::uint64_t, Row>& table, UnixMs before, std::uint32_t limit) {
  std::uint64_t count = 0;
  while (count < limit && table.rows().size() > 1 && table.rows().begin()->second.time_unix_ms < before) {
    table.Erase(table.rows().begin()->first);
    ++count;
  }
  return count;
}

}  // namespace

Status MemoryUnit::RequireOperation(const std::string& id) const {
  if (t_.operations.Find(id) == nullptr) return RowUnknown("operation");
  return {};
}

Status MemoryUnit::InsertOperation(const OperationRecord& operation) {
  if (t_.operations.Find(operation.id) != nullptr) return RowExists("operation");
  OperationRecord row = operation;
  row.version = 1;
  t_.operations.Put(row.id, row);
  return {};
}

Status MemoryUnit::UpdateOperation(OperationRecord& operation) {
  const OperationRecord* stored = t_.operations.Find(operation.id);
  if (stored == nullptr) return RowUnknown("operation");
  MP_CHECK(CheckUpdate(*stored, operation));
  ++operation.version;
  t_.operations.Put(operation.id, operation);
  return {};
}

Status MemoryUnit::PutAttempt(const AttemptRecord& attempt) {
  MP_CHECK(RequireOperation(attempt.operation_id));
  t_.attempts.Put({attempt.operation_id, attempt.number}, attempt);
  return {};
}

Status MemoryUnit::PutSteps(const std::string& operation_id, std::uint32_t attempt,
                            const std::vector<StepRecord>& steps) {
  if (steps.empty()) return {};
  MP_CHECK(RequireOperation(operation_id));
  for (const StepRecord& step : steps) {
    t_.steps.Put({operation_id, attempt, step.index}, StepRow{operation_id, attempt, step});
  }
  return {};
}

Status MemoryUnit::AddOutcomes(const std::string& operation_id, std::uint32_t attempt,
                               const std::vector<ObjectOutcomeRecord>& outcomes) {
  if (outcomes.empty()) return {};
  MP_CHECK(RequireOperation(operation_id));
  for (const ObjectOutcomeRecord& outcome : outcomes) {
    t_.outcomes.Put({operation_id, NextArrival(t_.outcomes, operation_id)}, OutcomeRow{operation_id, attempt, outcome});
  }
  return {};
}

Status MemoryUnit::AddDiagnostics(const std::string& operation_id, std::uint32_t attempt,
                                  const std::vector<DiagnosticRecord>& diagnostics) {
  if (diagnostics.empty()) return {};
  MP_CHECK(RequireOperation(operation_id));
  for (const DiagnosticRecord& diagnostic : diagnostics) {
    t_.diagnostics.Put({operation_id, NextArrival(t_.diagnostics, operation_id)},
                       DiagnosticRow{operation_id, attempt, diagnostic});
  }
  return {};
}

Status MemoryUnit::PutPlan(const PlanRecord& plan) {
  MP_CHECK(RequireOperation(plan.operation_id));
  t_.plans.Put(plan.operation_id, plan);
  return {};
}

Status MemoryUnit::PutIdempotency(const IdempotencyRecord& record) {
  t_.idempotency.Put({record.tenant, record.principal, record.key}, record);
  return {};
}

Status MemoryUnit::PutTarget(const TargetRecord& target) {
  TargetRecord row = target;
  row.locked_by.clear();
  t_.targets.Put(row.id, row);
  return {};
}

Status MemoryUnit::Lock(const std::string& target_id, const std::string& operation_id) {
  const TargetRecord* target = t_.targets.Find(target_id);
  if (target == nullptr) return RowUnknown("target");
  if (const std::string* holder = Blocker(*target, false, operation_id)) return TargetLocked(*holder);
  t_.locks.Put(target_id, operation_id);
  return {};
}

Status MemoryUnit::Unlock(const std::string& target_id, const std::string& operation_id) {
  const std::string* holder = t_.locks.Find(target_id);
  if (holder != nullptr && *holder == operation_id) t_.locks.Erase(target_id);
  return {};
}

Status MemoryUnit::PutHold(const HoldRecord& hold) {
  t_.holds.Put(hold.scope, hold);
  return {};
}

Status MemoryUnit::DeleteHold(const std::string& scope) {
  t_.holds.Erase(scope);
  return {};
}

Result<std::uint64_t> MemoryUnit::AddEvent(const EventRecord& event) {
  EventRecord row = event;
  row.seq = NextKey(t_.events);
  t_.events.Put(row.seq, row);
  return row.seq;
}

Status MemoryUnit::AddAudit(const AuditRecord& audit) {
  AuditRecord row = audit;
  row.seq = NextKey(t_.audit);
  row.hash_hex = AuditHash(t_.audit.rows().empty() ? "" : t_.audit.rows().rbegin()->second.hash_hex, row);
  t_.audit.Put(row.seq, row);
  return {};
}

Status MemoryUnit::PutAdapter(const AdapterRecord& adapter) {
  t_.adapters.Put(adapter.id, adapter);
  return {};
}

Status MemoryUnit::PutCluster(const ClusterRecord& cluster) {
  t_.clusters.Put({cluster.id, cluster.tenant}, cluster);
  return {};
}

Status MemoryUnit::DeleteCluster(const std::string& tenant, const std::string& id) {
  const auto of_cluster = [&](const auto& row) { return row.tenant == tenant && row.cluster_id == id; };
  t_.objects.EraseIf(of_cluster);
  t_.meshes.EraseIf(of_cluster);
  for (const auto& [target_id, target] : t_.targets.rows()) {
    if (!of_cluster(target)) continue;
    t_.locks.Erase(target_id);
    t_.holds.Erase("target/" + target_id);
  }
  t_.targets.EraseIf(of_cluster);
  t_.clusters.Erase({id, tenant});
  return {};
}

Status MemoryUnit::PutClaim(const ClaimRecord& claim) {
  t_.claims.Put({claim.adapter_id, claim.cluster_uid}, claim);
  return {};
}

Status MemoryUnit::DeleteClaim(const std::string& adapter_id, const std::string& cluster_uid) {
  t_.claims.Erase({adapter_id, cluster_uid});
  return {};
}

Status MemoryUnit::PutMesh(const MeshRecord& mesh) {
  t_.meshes.Put(mesh.id, mesh);
  return {};
}

Status MemoryUnit::DeleteMesh(const std::string& id) {
  t_.meshes.Erase(id);
  return {};
}

Status MemoryUnit::AddMeshHistory(const MeshHistoryRecord& record) {
  MeshHistoryRecord row = record;
  row.seq = NextKey(t_.mesh_history);
  t_.mesh_history.Put(row.seq, row);
  return {};
}

Status MemoryUnit::PutObject(const ObjectRecord& object) {
  t_.objects.Put(object.id, object);
  return {};
}

Status MemoryUnit::DeleteObject(const std::string& id) {
  t_.objects.Erase(id);
  return {};
}

Result<std::vector<ObjectRecord>> MemoryUnit::SweepObjects(
    const std::string& adapter_id, const std::string& cluster_uid,
    const std::vector<std::pair<std::string, std::string>>& kinds, std::uint64_t keep_epoch,
    const std::string& body_with) {
  std::vector<ObjectRecord> swept;
  for (const auto& [id, row] : t_.objects.rows()) {
    if (row.adapter_id == adapter_id && row.cluster_uid == cluster_uid && row.epoch != keep_epoch &&
        std::find(kinds.begin(), kinds.end(), std::pair(row.api_version, row.kind)) != kinds.end()) {
      swept.push_back(row);
      const bool wanted = !body_with.empty() && row.body_json.find(body_with) != std::string::npos;
      if (!wanted) swept.back().body_json.clear();
    }
  }
  for (const ObjectRecord& row : swept) t_.objects.Erase(row.id);
  return swept;
}

Status MemoryUnit::MarkObjectsStale(const std::string& adapter_id, const std::string& cluster_uid, bool stale) {
  std::vector<ObjectRecord> changed;
  for (const auto& [id, row] : t_.objects.rows()) {
    if ((adapter_id.empty() || row.adapter_id == adapter_id) &&
        (cluster_uid.empty() || row.cluster_uid == cluster_uid) && row.stale != stale) {
      changed.push_back(row);
      changed.back().stale = stale;
    }
  }
  for (const ObjectRecord& row : changed) t_.objects.Put(row.id, row);
  return {};
}

Status MemoryUnit::PutBookmark(const BookmarkRecord& bookmark) {
  t_.bookmarks.Put({bookmark.adapter_id, bookmark.cluster_uid, bookmark.kinds_key}, bookmark);
  return {};
}

Status MemoryUnit::DeleteBookmarks(const std::string& adapter_id) {
  t_.bookmarks.EraseIf([&](const BookmarkRecord& row) { return row.adapter_id == adapter_id; });
  return {};
}

Status MemoryUnit::PutEnrollmentToken(const EnrollmentTokenRecord& token) {
  t_.enrollment_tokens.Put(token.id, token);
  return {};
}

Status MemoryUnit::DeleteEnrollmentToken(const std::string& id) {
  t_.enrollment_tokens.Erase(id);
  return {};
}

Status MemoryUnit::PutApiToken(const ApiTokenRecord& token) {
  t_.api_tokens.Put(token.id, token);
  return {};
}

Status MemoryUnit::DeleteApiToken(const std::string& id) {
  t_.api_tokens.Erase(id);
  return {};
}

Status MemoryUnit::PutSecret(const SecretRecord& secret) {
  t_.secrets.Put({secret.name, secret.tenant, secret.version}, secret);
  return {};
}

Status MemoryUnit::DeleteSecret(const std::string& tenant, const std::string& name) {
  t_.secrets.EraseIf([&](const SecretRecord& row) { return row.tenant == tenant && row.name == name; });
  return {};
}

Status MemoryUnit::PutMeta(const std::string& key, const std::string& value) {
  t_.meta.Put(key, value);
  return {};
}

Result<std::uint64_t> MemoryUnit::DeleteExpired(UnixMs events_before, UnixMs operations_before, UnixMs audit_before,
                                                UnixMs now, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::uint64_t count = EraseOld(t_.events, events_before, limit) + EraseOld(t_.audit, audit_before, limit);

  std::vector<std::pair<UnixMs, std::string>> operations;
  for (const auto& [id, row] : t_.operations.rows()) {
    if (!IsFinal(row.state) || row.updated_unix_ms >= operations_before) continue;
    const bool quarantines = std::any_of(t_.targets.rows().begin(), t_.targets.rows().end(),
                                         [&](const auto& target) { return target.second.quarantined_by == row.id; });
    if (!quarantines) operations.emplace_back(row.updated_unix_ms, id);
  }
  std::sort(operations.begin(), operations.end());
  if (operations.size() > limit) operations.resize(limit);
  for (const auto& [updated, id] : operations) {
    const auto of_operation = [&](const auto& row) { return row.operation_id == id; };
    t_.attempts.EraseIf(of_operation);
    t_.steps.EraseIf(of_operation);
    t_.outcomes.EraseIf(of_operation);
    t_.diagnostics.EraseIf(of_operation);
    t_.plans.Erase(id);
    t_.conformance_cases.EraseIf(of_operation);
    t_.conformance_runs.Erase(id);
    t_.operations.Erase(id);
  }

  std::vector<std::pair<UnixMs, Text3>> keys;
  for (const auto& [key, row] : t_.idempotency.rows()) {
    if (row.expires_unix_ms <= now) keys.emplace_back(row.expires_unix_ms, key);
  }
  std::sort(keys.begin(), keys.end());
  if (keys.size() > limit) keys.resize(limit);
  for (const auto& [expires, key] : keys) t_.idempotency.Erase(key);
  return count + operations.size() + keys.size();
}

}  // namespace meshplay::store::internal
