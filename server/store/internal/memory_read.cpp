#include <algorithm>

#include "server/store/internal/memory_unit.h"
#include "server/store/internal/rules.h"
#include "server/store/operation_states.h"

namespace meshplay::store::internal {
namespace {

bool Any(const std::string& wanted, const std::string& value) {
  return wanted.empty() || wanted == value;
}

bool MatchesPrefix(const std::string& wanted, const std::string& value, char mark) {
  if (!wanted.empty() && wanted.back() == mark) return value.starts_with(wanted);
  return Any(wanted, value);
}

bool Matches(const OperationQuery& q, const OperationRecord& o) {
  return Any(q.tenant, o.tenant) && Any(q.type, o.type) && Any(q.cluster_id, o.cluster_id) &&
         Any(q.mesh_id, o.mesh_id) && Any(q.target_id, o.target_id) && Any(q.principal, o.principal) &&
         (q.kind == TaskKind::kUnspecified || q.kind == o.kind) && (q.before_id.empty() || o.id < q.before_id) &&
         (q.states.empty() || std::find(q.states.begin(), q.states.end(), o.state) != q.states.end());
}

bool IsPast(UnixMs moment, UnixMs now) {
  return moment != 0 && moment <= now;
}

bool IsTimedOut(const OperationRecord& o, UnixMs now) {
  if (IsFinal(o.state)) return false;
  if (IsPast(o.deadline_unix_ms, now)) return true;
  if (o.state == OperationState::kBackoff) return o.not_before_unix_ms <= now;
  return o.state == OperationState::kQueued && IsPast(o.queue_deadline_unix_ms, now);
}

template <class Row>
void Trim(std::vector<Row>& rows, std::uint32_t limit) {
  if (rows.size() > limit) rows.erase(rows.begin() + limit, rows.end());
}

}  // namespace

const std::string* MemoryUnit::Blocker(const TargetRecord& target, bool whole_cluster,
                                       const std::string& operation_id) const {
  for (const auto& [id, holder] : t_.locks.rows()) {
    if (holder == operation_id) continue;
    if (id == target.id) return &holder;
    const TargetRecord* other = t_.targets.Find(id);
    if (other == nullptr || other->tenant != target.tenant || other->cluster_uid != target.cluster_uid) continue;
    if (whole_cluster || target.mesh_type == "*" || other->mesh_type == "*") return &holder;
  }
  return nullptr;
}

TargetRecord MemoryUnit::WithLock(TargetRecord target) const {
  const std::string* holder = t_.locks.Find(target.id);
  target.locked_by = holder == nullptr ? "" : *holder;
  return target;
}

Result<std::optional<OperationRecord>> MemoryUnit::FindOperation(const std::string& tenant, const std::string& id) {
  const OperationRecord* row = t_.operations.Find(id);
  if (row == nullptr || !Any(tenant, row->tenant)) return std::optional<OperationRecord>();
  return std::optional(*row);
}

Result<std::vector<OperationRecord>> MemoryUnit::ListOperations(const OperationQuery& query) {
  MP_CHECK(CheckLimit(query.limit));
  std::vector<OperationRecord> found;
  const auto& rows = t_.operations.rows();
  for (auto it = rows.rbegin(); it != rows.rend() && found.size() < query.limit; ++it) {
    if (Matches(query, it->second)) found.push_back(it->second);
  }
  return found;
}

Result<std::vector<OperationRecord>> MemoryUnit::ListActiveOperations() {
  std::vector<OperationRecord> found;
  for (const auto& [id, row] : t_.operations.rows()) {
    if (IsActive(row.state)) found.push_back(row);
  }
  return found;
}

Result<std::vector<OperationRecord>> MemoryUnit::ListDispatchable(UnixMs now, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<OperationRecord> found;
  for (const auto& [id, row] : t_.operations.rows()) {
    if (row.state != OperationState::kQueued || row.not_before_unix_ms > now || IsTimedOut(row, now)) continue;
    if (t_.holds.Find("type/" + row.type) != nullptr || t_.holds.Find("target/" + row.target_id) != nullptr) continue;
    const TargetRecord* target = t_.targets.Find(row.target_id);
    if (target != nullptr && TakesLock(row.kind)) {
      if (!target->quarantined_by.empty() || Blocker(*target, row.traits.cluster_wide, row.id) != nullptr) continue;
    }
    found.push_back(row);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.priority < b.priority; });
  Trim(found, limit);
  return found;
}

Result<std::vector<OperationRecord>> MemoryUnit::ListTimedOut(UnixMs now, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<OperationRecord> found;
  for (const auto& [id, row] : t_.operations.rows()) {
    if (found.size() < limit && IsTimedOut(row, now)) found.push_back(row);
  }
  return found;
}

Result<std::optional<UnixMs>> MemoryUnit::NextTimer(UnixMs now) {
  std::optional<UnixMs> next;
  const auto consider = [&](UnixMs moment) {
    if (moment > now && (!next || moment < *next)) next = moment;
  };
  for (const auto& [id, row] : t_.operations.rows()) {
    if (IsFinal(row.state)) continue;
    consider(row.deadline_unix_ms);
    if (row.state == OperationState::kQueued) consider(row.queue_deadline_unix_ms);
    if (row.state == OperationState::kQueued || row.state == OperationState::kBackoff) {
      consider(row.not_before_unix_ms);
    }
  }
  return next;
}

Result<std::vector<std::pair<OperationState, std::uint64_t>>> MemoryUnit::CountOperations() {
  std::map<OperationState, std::uint64_t> counts;
  for (const auto& [id, row] : t_.operations.rows()) ++counts[row.state];
  return std::vector<std::pair<OperationState, std::uint64_t>>(counts.begin(), counts.end());
}

Result<std::optional<AttemptRecord>> MemoryUnit::FindAttempt(const std::string& operation_id, std::uint32_t number) {
  return t_.attempts.Get({operation_id, number});
}

Result<std::vector<AttemptRecord>> MemoryUnit::ListAttempts(const std::string& operation_id) {
  std::vector<AttemptRecord> found;
  for (const auto& [key, row] : t_.attempts.rows()) {
    if (key.first == operation_id) found.push_back(row);
  }
  return found;
}

Result<std::vector<StepRecord>> MemoryUnit::ListSteps(const std::string& operation_id, std::uint32_t attempt) {
  std::vector<StepRecord> found;
  for (const auto& [key, row] : t_.steps.rows()) {
    if (row.operation_id == operation_id && row.attempt == attempt) found.push_back(row.step);
  }
  return found;
}

Result<std::vector<std::pair<std::uint32_t, ObjectOutcomeRecord>>> MemoryUnit::ListOutcomes(
    const std::string& operation_id, std::uint32_t offset, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<std::pair<std::uint32_t, ObjectOutcomeRecord>> found;
  std::uint32_t seen = 0;
  for (const auto& [key, row] : t_.outcomes.rows()) {
    if (row.operation_id == operation_id && seen++ >= offset) found.emplace_back(row.attempt, row.outcome);
  }
  Trim(found, limit);
  return found;
}

Result<std::vector<DiagnosticRecord>> MemoryUnit::ListDiagnostics(const std::string& operation_id, std::uint32_t offset,
                                                                  std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<DiagnosticRecord> found;
  std::uint32_t seen = 0;
  for (const auto& [key, row] : t_.diagnostics.rows()) {
    if (row.operation_id == operation_id && seen++ >= offset) found.push_back(row.diagnostic);
  }
  Trim(found, limit);
  return found;
}

Result<std::optional<PlanRecord>> MemoryUnit::FindPlanOfOperation(const std::string& operation_id) {
  return t_.plans.Get(operation_id);
}

Result<std::optional<PlanRecord>> MemoryUnit::FindPlan(const std::string& digest) {
  std::optional<PlanRecord> newest;
  for (const auto& [operation_id, row] : t_.plans.rows()) {
    if (row.digest == digest) newest = row;
  }
  return newest;
}

Result<std::optional<IdempotencyRecord>> MemoryUnit::FindIdempotency(const std::string& tenant,
                                                                     const std::string& principal,
                                                                     const std::string& key) {
  return t_.idempotency.Get({tenant, principal, key});
}

Result<std::optional<TargetRecord>> MemoryUnit::FindTarget(const std::string& tenant, const std::string& id) {
  const TargetRecord* row = t_.targets.Find(id);
  if (row == nullptr || !Any(tenant, row->tenant)) return std::optional<TargetRecord>();
  return std::optional(WithLock(*row));
}

Result<std::vector<TargetRecord>> MemoryUnit::ListTargets(const std::string& tenant, const std::string& cluster_id,
                                                          const std::string& after_id, std::uint32_t limit) {
  MP_CHECK(CheckLimit(limit));
  std::vector<TargetRecord> found;
  for (const auto& [id, row] : t_.targets.rows()) {
    if (found.size() < limit && id > after_id && Any(tenant, row.tenant) && Any(cluster_id, row.cluster_id)) {
      found.push_back(WithLock(row));
    }
  }
  return found;
}

Result<std::optional<HoldRecord>> MemoryUnit::FindHold(const std::string& scope) {
  return t_.holds.Get(scope);
}

Result<std::vector<HoldRecord>> MemoryUnit::ListHolds() {
  std::vector<HoldRecord> found;
  for (const auto& [scope, row] : t_.holds.rows()) found.push_back(row);
  return found;
}

Result<std::vector<EventRecord>> MemoryUnit::ListEvents(const EventQuery& query) {
  MP_CHECK(CheckLimit(query.limit));
  std::vector<EventRecord> found;
  const auto& rows = t_.events.rows();
  for (auto it = rows.upper_bound(query.after_seq); it != rows.end() && found.size() < query.limit; ++it) {
    const EventRecord& row = it->second;
    if (Any(query.tenant, row.tenant) && MatchesPrefix(query.subject, row.subject, '/') &&
        MatchesPrefix(query.kind, row.kind, '.')) {
      found.push_back(row);
    }
  }
  return found;
}

Result<EventHorizon> MemoryUnit::Horizon() {
  EventHorizon horizon;
  if (!t_.events.rows().empty()) {
    horizon.oldest = t_.events.rows().begin()->first;
    horizon.newest = t_.events.rows().rbegin()->first;
  }
  if (const std::string* epoch = t_.meta.Find(std::string(kEpochKey))) horizon.epoch = std::stoull(*epoch);
  return horizon;
}

Result<std::vector<AuditRecord>> MemoryUnit::ListAudit(const AuditQuery& query) {
  MP_CHECK(CheckLimit(query.limit));
  std::vector<AuditRecord> found;
  const auto& rows = t_.audit.rows();
  for (auto it = rows.upper_bound(query.after_seq); it != rows.end() && found.size() < query.limit; ++it) {
    const AuditRecord& row = it->second;
    if (Any(query.tenant, row.tenant) && Any(query.principal, row.principal) && Any(query.action, row.action)) {
      found.push_back(row);
    }
  }
  return found;
}

}  // namespace meshplay::store::internal
