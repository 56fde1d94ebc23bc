#include <algorithm>

#include "libs/base/log.h"
#include "server/engine/events.h"
#include "server/engine/internal/core.h"
#include "server/store/operation_states.h"

namespace meshplay::engine::internal {
namespace {

using S = store::OperationState;

constexpr std::uint32_t kFirstLook = 1'000;
constexpr std::uint32_t kWholeQueue = 10'000;
constexpr std::uint32_t kPriorities = 3;

void Earlier(std::optional<BootTime>& wake, BootTime moment) {
  if (!wake || moment < *wake) wake = moment;
}

}  // namespace

/// 256 in all, of which PLAN, DETECT and CONFORMANCE have their own quarter; 4 a cluster; as many as the adapter takes.
bool Core::HasRoom(const Slots& slots, const store::OperationRecord& operation, const SessionView& session) const {
  const std::uint32_t own = std::max<std::uint32_t>(1, options_.max_running / 4);
  const bool changes = TakesLock(operation.kind);
  if (changes && slots.changing + own >= std::max(options_.max_running, own + 1)) return false;
  if (!changes && slots.reading >= own) return false;
  const auto in_cluster = slots.by_cluster.find(operation.cluster_id);
  if (in_cluster != slots.by_cluster.end() && in_cluster->second >= options_.max_running_per_cluster) return false;
  const auto at_adapter = slots.by_adapter.find(session.adapter_id);
  return at_adapter == slots.by_adapter.end() || at_adapter->second < session.max_concurrent_tasks;
}

Result<TaskOffer> Core::MakeOffer(Unit& unit, const store::OperationRecord& operation,
                                  const store::AttemptRecord& attempt) {
  TaskOffer offer;
  offer.operation_id = operation.id;
  offer.attempt = attempt.number;
  offer.fence = attempt.fence;
  offer.kind = attempt.kind;
  offer.operation_type = operation.type;
  offer.idempotency_key = operation.idempotency_key;
  offer.cluster_id = operation.cluster_id;
  offer.cluster_uid = operation.cluster_uid;
  offer.mesh_type = operation.mesh_type;
  offer.mesh_key = operation.mesh_key;
  offer.namespace_name = operation.namespace_name;
  offer.control_plane_namespace = operation.control_plane_namespace;
  offer.revision = operation.revision;
  offer.parameters_json = operation.parameters_json;
  offer.options_json = operation.options_json;
  offer.secret_names = operation.traits.required_secrets;
  const UnixMs left = operation.deadline_unix_ms - unit.now();
  offer.time_budget = std::chrono::milliseconds(std::max<UnixMs>(1, left));
  if (attempt.kind == TaskKind::kInspect) offer.time_budget = kInspectionBudget;
  offer.principal = operation.principal;
  offer.tenant = operation.tenant;
  offer.reason = operation.reason;
  MP_TRY(const auto attempts, unit.tx.ListAttempts(operation.id));
  for (const store::AttemptRecord& earlier : attempts) {
    if (!earlier.checkpoint.empty()) offer.checkpoint = earlier.checkpoint;
  }
  return offer;
}

Status Core::Offer(Unit& unit, const std::string& operation_id, const SessionView& session) {
  MP_TRY(auto found, unit.tx.FindOperation("", operation_id));
  if (!found || found->state != S::kQueued || found->not_before_unix_ms > unit.now()) return {};
  store::OperationRecord& operation = *found;
  for (const std::string& scope : {"target/" + operation.target_id, "type/" + operation.type}) {
    MP_TRY(const auto hold, unit.tx.FindHold(scope));
    if (hold) return {};
  }
  MP_TRY(const auto serving, unit.tx.FindTarget("", ServingTargetId(operation)));
  if (!serving || serving->adapter_id != session.adapter_id) return {};
  std::uint64_t fence = 0;
  if (TakesLock(operation.kind)) {
    if (const Status free = CheckNotQuarantined(unit.tx, operation); !free) {
      return free.error().reason() == "TARGET_QUARANTINED" ? Status() : free;
    }
    MP_CHECK(unit.tx.Lock(operation.target_id, operation.id));
    MP_TRY(fence, unit.NextFence(operation));
  }
  store::AttemptRecord attempt;
  attempt.operation_id = operation.id;
  attempt.number = operation.last_attempt + 1;
  attempt.kind = operation.kind;
  attempt.fence = fence;
  attempt.adapter_id = session.adapter_id;
  attempt.instance_id = session.instance_id;
  attempt.session_id = session.session_id;
  attempt.step_timeout = options_.default_step_timeout;
  attempt.started_unix_ms = unit.now();
  operation.last_attempt = attempt.number;
  ++operation.attempts;
  operation.adapter_id = session.adapter_id;
  MP_TRY(TaskOffer offer, MakeOffer(unit, operation, attempt));
  MP_CHECK(unit.tx.PutAttempt(attempt));
  MP_CHECK(unit.Move(operation, S::kDispatching, Trigger::kDispatch, &attempt, {{"fence", fence}}));
  Watch watch = MakeWatch(operation, attempt);
  watch.offer_until = clock_.NowBoot() + options_.offer_timeout;
  watch.lease_until = clock_.NowBoot() + options_.lease_ttl;
  unit.AfterCommit([watch](SessionBook& book) {
    Watch live = watch;
    // Closed while the commit ran: nobody will answer.
    if (!book.FindSession(live.session_id)) live.session_id.clear();
    book.Put(live);
  });
  unit.Send(session.session_id, std::move(offer));
  return {};
}

bool Core::DispatchQueued() {
  const std::vector<SessionView> sessions = book_.Sessions();
  const bool live = std::any_of(sessions.begin(), sessions.end(), [](const SessionView& s) { return !s.draining; });
  if (!live || counts_.at(static_cast<std::size_t>(S::kQueued)).load() <= 0) return false;

  // By priority, then adapter; the order inside is the order of the queue.
  std::array<std::map<std::string, std::vector<store::OperationRecord>>, kPriorities> queues;
  const Status read = store_.Read([&](store::Reader& reader) -> Status {
    const Slots slots = book_.CountSlots();
    std::map<std::string, std::string> adapters;
    for (const std::uint32_t limit : {kFirstLook, kWholeQueue}) {
      for (auto& queue : queues) queue.clear();
      MP_TRY(auto due, reader.ListDispatchable(Now(), limit));
      const bool all = due.size() < limit;
      bool any = false;
      for (store::OperationRecord& operation : due) {
        const std::string target_id = ServingTargetId(operation);
        auto adapter = adapters.find(target_id);
        if (adapter == adapters.end()) {
          MP_TRY(const auto target, reader.FindTarget("", target_id));
          adapter = adapters.emplace(target_id, target ? target->adapter_id : std::string()).first;
        }
        const auto session = ReadySession(adapter->second);
        if (!session || !HasRoom(slots, operation, *session)) continue;
        any = true;
        queues.at(std::min(operation.priority, kPriorities - 1))[adapter->second].push_back(std::move(operation));
      }
      // A long queue of one silent adapter must not hide the work of the others.
      if (all || any) break;
    }
    return {};
  });
  if (!read) return false;

  bool worked = false;
  for (auto& queue : queues) {
    std::map<std::string, std::size_t> next;
    std::string cursor = last_adapter_;
    while (!queue.empty()) {
      auto turn = queue.upper_bound(cursor);
      if (turn == queue.end()) turn = queue.begin();
      cursor = turn->first;
      std::size_t& index = next[turn->first];
      if (index >= turn->second.size()) {
        queue.erase(turn);
        continue;
      }
      const store::OperationRecord& operation = turn->second.at(index++);
      const auto session = ReadySession(cursor);
      if (!session || !HasRoom(book_.CountSlots(), operation, *session)) continue;
      const Status offered = Run("dispatch", [&](Unit& unit) { return Offer(unit, operation.id, *session); });
      if (offered) {
        if (!book_.Find(operation.id)) continue;
        worked = true;
        last_adapter_ = cursor;
      } else if (offered.error().reason() != "TARGET_LOCKED") {
        LogWarning("an operation could not be offered",
                   {{log_key::kOperationId, operation.id}, {log_key::kError, offered.error().ToString()}});
      }
    }
  }
  return worked;
}

Status Core::OfferInspection(Unit& unit, const std::string& operation_id, const SessionView& session) {
  MP_TRY(auto found, unit.tx.FindOperation("", operation_id));
  if (!found || found->state != S::kInspecting || found->not_before_unix_ms > unit.now()) return {};
  store::OperationRecord& operation = *found;
  MP_TRY(auto last, unit.tx.FindAttempt(operation.id, operation.last_attempt));
  if (last && last->ended_unix_ms == 0) {
    if (last->kind == TaskKind::kInspect) return {};
    MP_CHECK(unit.EndAttempt(*last, "LOST"));
    MP_CHECK(unit.Event(operation, &*last, event_kind::kAttemptLost, {{"cause", "deadline"}}));
  }
  MP_CHECK(unit.tx.Lock(operation.target_id, operation.id));
  MP_TRY(const std::uint64_t fence, unit.NextFence(operation));
  store::AttemptRecord attempt;
  attempt.operation_id = operation.id;
  attempt.number = operation.last_attempt + 1;
  attempt.kind = TaskKind::kInspect;
  attempt.fence = fence;
  attempt.adapter_id = session.adapter_id;
  attempt.instance_id = session.instance_id;
  attempt.session_id = session.session_id;
  attempt.step_timeout = options_.default_step_timeout;
  attempt.started_unix_ms = unit.now();
  operation.last_attempt = attempt.number;
  operation.adapter_id = session.adapter_id;
  MP_TRY(TaskOffer offer, MakeOffer(unit, operation, attempt));
  MP_CHECK(unit.tx.PutAttempt(attempt));
  MP_CHECK(unit.Move(operation, S::kInspecting, Trigger::kUpdate, &attempt));
  Watch watch = MakeWatch(operation, attempt);
  watch.offer_until = clock_.NowBoot() + options_.offer_timeout;
  watch.lease_until = clock_.NowBoot() + options_.lease_ttl;
  unit.AfterCommit([watch](SessionBook& book) {
    Watch live = watch;
    if (!book.FindSession(live.session_id)) live.session_id.clear();
    book.Put(live);
  });
  unit.Send(session.session_id, std::move(offer));
  return {};
}

bool Core::DispatchInspections(std::optional<BootTime>& wake) {
  if (counts_.at(static_cast<std::size_t>(S::kInspecting)).load() <= 0) return false;
  struct Waiting {
    store::OperationRecord operation;
    std::string adapter_id;
  };
  std::vector<Waiting> waiting;
  const Status read = store_.Read([&](store::Reader& reader) -> Status {
    MP_TRY(auto active, reader.ListActiveOperations());
    for (store::OperationRecord& operation : active) {
      if (operation.state != S::kInspecting) continue;
      MP_TRY(const auto target, reader.FindTarget("", ServingTargetId(operation)));
      waiting.push_back({std::move(operation), target ? target->adapter_id : std::string()});
    }
    return {};
  });
  if (!read) return false;
  bool worked = false;
  for (const Waiting& item : waiting) {
    const UnixMs now = Now();
    const auto at = [&](UnixMs moment) {
      return clock_.NowBoot() + std::chrono::milliseconds(std::max<UnixMs>(1, moment - now));
    };
    const UnixMs until =
        std::max(item.operation.deadline_unix_ms, item.operation.not_before_unix_ms + kInspectionBudget.count());
    Earlier(wake, at(until));
    const auto watch = book_.Find(item.operation.id);
    if (watch && watch->kind == TaskKind::kInspect) continue;
    if (item.operation.not_before_unix_ms > now) {
      Earlier(wake, at(item.operation.not_before_unix_ms));
      continue;
    }
    const auto session = ReadySession(item.adapter_id);
    if (!session) continue;
    const Slots slots = book_.CountSlots();
    const auto used = slots.by_adapter.find(session->adapter_id);
    const std::uint32_t own = watch && watch->adapter_id == session->adapter_id ? 1 : 0;
    if (used != slots.by_adapter.end() && used->second - own >= session->max_concurrent_tasks) continue;
    const Status offered =
        Run("inspect", [&](Unit& unit) { return OfferInspection(unit, item.operation.id, *session); });
    if (offered) {
      worked = true;
    } else {
      LogWarning("an inspection could not be offered",
                 {{log_key::kOperationId, item.operation.id}, {log_key::kError, offered.error().ToString()}});
      Earlier(wake, clock_.NowBoot() + std::chrono::seconds(1));
    }
  }
  return worked;
}

}  // namespace meshplay::engine::internal
