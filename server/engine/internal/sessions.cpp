#include <algorithm>

#include "libs/base/log.h"
#include "server/engine/events.h"
#include "server/engine/internal/core.h"
#include "server/store/operation_states.h"

namespace meshplay::engine::internal {
namespace {

using S = store::OperationState;

constexpr std::size_t kRememberedOrphans = 10'000;
constexpr std::uint32_t kTargetPage = 1'000;

bool IsActive(S state) {
  return state == S::kDispatching || state == S::kRunning || state == S::kCancelling || state == S::kInspecting;
}

}  // namespace

/// The directive for one attempt that a Hello lists.
Result<TaskDirective> Core::Answer(Unit& unit, const SessionHello& hello, const TaskSnapshot& snapshot) {
  TaskDirective directive{snapshot.operation_id, snapshot.attempt, Directive::kAbandon, 0};
  MP_TRY(const auto found, unit.tx.FindOperation("", snapshot.operation_id));
  if (!found) {
    MP_CHECK(RecordOrphan(unit, hello.adapter_id, snapshot));
    return directive;
  }
  MP_TRY(auto attempt, unit.tx.FindAttempt(snapshot.operation_id, snapshot.attempt));
  if (!attempt || attempt->fence != snapshot.fence || attempt->adapter_id != hello.adapter_id) return directive;
  if (attempt->phase == AttemptPhase::kFinished) {
    directive.directive = Directive::kForget;
    return directive;
  }
  store::OperationRecord operation = *found;
  const bool newest = operation.last_attempt == snapshot.attempt && IsActive(operation.state);
  const bool has_result = snapshot.phase == AttemptPhase::kFinished;
  if (!newest || attempt->ended_unix_ms != 0) {
    // Its result cannot be undone by a directive; it is wanted, as decision or as evidence.
    if (!has_result || !attempt->late_result_json.empty()) return directive;
    attempt->session_id = hello.session_id;
    MP_CHECK(unit.tx.PutAttempt(*attempt));
    directive.directive = Directive::kContinue;
    directive.resend_from_seq = attempt->last_seq + 1;
    return directive;
  }
  attempt->session_id = hello.session_id;
  attempt->instance_id = hello.instance_id;
  MP_CHECK(unit.tx.PutAttempt(*attempt));
  Reported reported{operation, attempt, true, false};
  if (attempt->phase == AttemptPhase::kUnspecified) MP_CHECK(Accept(unit, reported));
  unit.AfterCommit([id = operation.id, number = attempt->number, session = hello.session_id](SessionBook& book) {
    book.Bind(id, number, session);
  });
  directive.directive = operation.state == S::kCancelling && !has_result ? Directive::kCancel : Directive::kContinue;
  directive.resend_from_seq = attempt->last_seq + 1;
  return directive;
}

/// Attempts that the store holds as running at this adapter and that its Hello does not list.
Status Core::SettleUnlisted(Unit& unit, const SessionHello& hello, std::vector<TaskDirective>& directives) {
  MP_TRY(const auto active, unit.tx.ListActiveOperations());
  for (store::OperationRecord operation : active) {
    if (operation.adapter_id != hello.adapter_id) continue;
    const bool listed = std::any_of(hello.tasks.begin(), hello.tasks.end(), [&](const TaskSnapshot& snapshot) {
      return snapshot.operation_id == operation.id && snapshot.attempt == operation.last_attempt;
    });
    if (listed) continue;
    MP_TRY(auto attempt, unit.tx.FindAttempt(operation.id, operation.last_attempt));
    if (!attempt || attempt->ended_unix_ms != 0 || attempt->adapter_id != hello.adapter_id) continue;
    directives.push_back({operation.id, attempt->number, Directive::kAssumeLost, 0});
    const bool new_process = attempt->instance_id != hello.instance_id;
    if (new_process && attempt->phase != AttemptPhase::kUnspecified) MP_CHECK(NoteCrash(unit, operation, *attempt));
    const bool replaced = !hello.replaces_instance_id.empty() && attempt->instance_id == hello.replaces_instance_id;
    const bool harmless = attempt->kind != TaskKind::kApply || attempt->phase < AttemptPhase::kMutating;
    if (!replaced && !harmless) continue;  // Its old process may still write until lease + step timeout are over.
    MP_CHECK(Lose(unit, operation, *attempt, replaced ? LostCause::kReplaced : LostCause::kNotListed));
  }
  return {};
}

Result<std::vector<TaskDirective>> Core::SessionOpened(const SessionHello& hello, std::shared_ptr<AdapterLink> link) {
  std::vector<TaskDirective> directives;
  const Status done = Run("session_opened", [&](Unit& unit) -> Status {
    directives.clear();
    // First in the list: what follows binds attempts to the session.
    unit.AfterCommit([&](SessionBook& book) { book.Open(hello, link, clock_.NowBoot()); });
    for (const TaskSnapshot& snapshot : hello.tasks) {
      MP_TRY(const TaskDirective directive, Answer(unit, hello, snapshot));
      directives.push_back(directive);
    }
    return SettleUnlisted(unit, hello, directives);
  });
  if (!done) return done.error();
  return directives;
}

void Core::SessionClosed(const std::string& session_id) {
  if (!book_.Close(session_id)) return;
  // Offers without a reply go back to the queue in the scheduler's pass; accepted attempts keep their lease.
  if (poke_) poke_();
}

Status Core::HandleGoodbye(const std::string& session_id, const std::vector<std::string>& unstarted_operation_ids) {
  const auto session = book_.FindSession(session_id);
  if (!session) return FailedPrecondition("SESSION_UNKNOWN", "the session is not open");
  book_.SetDraining(session_id);
  return Run("goodbye", [&](Unit& unit) -> Status {
    for (const std::string& id : unstarted_operation_ids) {
      MP_TRY(auto operation, unit.tx.FindOperation("", id));
      if (!operation || !IsActive(operation->state)) continue;
      MP_TRY(auto attempt, unit.tx.FindAttempt(id, operation->last_attempt));
      if (!attempt || attempt->ended_unix_ms != 0 || attempt->session_id != session_id) continue;
      if (attempt->phase >= AttemptPhase::kReading) continue;  // It did start.
      if (attempt->kind != TaskKind::kInspect && operation->attempts > 0) --operation->attempts;
      MP_CHECK(Lose(unit, *operation, *attempt, LostCause::kSessionGone));
    }
    return {};
  });
}

Status Core::ReportOrphan(const std::string& session_id, const TaskSnapshot& task) {
  const auto session = book_.FindSession(session_id);
  if (!session) return FailedPrecondition("SESSION_UNKNOWN", "the session is not open");
  return Run("orphan", [&](Unit& unit) { return RecordOrphan(unit, session->adapter_id, task); });
}

/// The store forgot an attempt (a restored backup). Its target is not known either, so every target of the adapter gets
/// a higher fence than the orphan has, and is held when the orphan may have been writing.
Status Core::RecordOrphan(Unit& unit, const std::string& adapter_id, const TaskSnapshot& task) {
  {
    const std::lock_guard lock(crashes_mutex_);
    if (orphans_.size() >= kRememberedOrphans) orphans_.clear();
    if (!orphans_.insert(adapter_id + "/" + task.operation_id + "/" + std::to_string(task.attempt)).second) return {};
  }
  LogWarning("an adapter reports an attempt that is not on record",
             {{log_key::kAdapterId, adapter_id}, {log_key::kOperationId, task.operation_id}});
  MP_TRY(const auto adapter, unit.tx.FindAdapter("", adapter_id));
  const std::string tenant = adapter ? adapter->tenant : std::string();
  MP_CHECK(unit.PlainEvent(tenant, "adapter/" + adapter_id, event_kind::kOrphan,
                           {{"adapter_id", adapter_id},
                            {"operation_id", task.operation_id},
                            {"attempt", task.attempt},
                            {"fence", task.fence},
                            {"phase", store::AttemptPhaseName(task.phase)}}));
  if (task.fence == 0) return {};
  const bool may_write = task.phase >= AttemptPhase::kMutating && task.phase < AttemptPhase::kFinished;
  std::string after;
  for (;;) {
    MP_TRY(const auto targets, unit.tx.ListTargets(tenant, "", after, kTargetPage));
    for (store::TargetRecord target : targets) {
      after = target.id;
      if (target.adapter_id != adapter_id) continue;
      if (target.fence <= task.fence) {
        target.fence = task.fence + 1;
        target.updated_unix_ms = unit.now();
        ++target.version;
        MP_CHECK(unit.tx.PutTarget(target));
      }
      if (!may_write) continue;
      MP_CHECK(unit.Hold(tenant, "target/" + target.id, "ORPHAN_ATTEMPT",
                         "an attempt that is not on record was changing a target of this adapter"));
    }
    if (targets.size() < kTargetPage) return {};
  }
}

}  // namespace meshplay::engine::internal
