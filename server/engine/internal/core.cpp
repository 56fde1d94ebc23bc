#include "server/engine/internal/core.h"

#include <algorithm>
#include <string>

#include "libs/base/failpoint.h"
#include "libs/base/log.h"
#include "server/store/operation_states.h"

namespace meshplay::engine::internal {

Core::Core(store::Store& store, const Clock& clock, const EngineOptions& options, std::function<double()> random)
    : store_(store),
      clock_(clock),
      options_(options),
      random_(std::move(random)),
      book_(options.lease_ttl),
      wall_offset_ms_(clock.NowUnixMs() - clock.NowBoot().time_since_epoch().count()) {}

UnixMs Core::Now() const {
  return clock_.NowBoot().time_since_epoch().count() + wall_offset_ms_.load();
}

std::chrono::milliseconds Core::RetryDelay(const store::OperationRecord& operation, const Decision& decision) {
  if (decision.after) return std::clamp(*decision.after, std::chrono::milliseconds(0), options_.default_deadline);
  const std::lock_guard lock(random_mutex_);
  const std::uint32_t n = operation.last_attempt > 0 ? operation.last_attempt - 1 : 0;
  return Backoff(n, options_.backoff_base, options_.backoff_cap, random_());
}

Status Core::Run(std::string_view name, const std::function<Status(Unit&)>& work) {
  const std::string point = "engine." + std::string(name);
  Effects effects;
  MP_CHECK(Failpoint(point + ".before_commit"));
  MP_CHECK(store_.Write([&](store::Transaction& transaction) -> Status {
    effects = Effects();
    Unit unit(transaction, effects, Now());
    return work(unit);
  }));
  MP_CHECK(Failpoint(point + ".after_commit"));
  Apply(effects);
  return {};
}

void Core::Apply(const Effects& effects) {
  for (const auto& [from, to] : effects.moves) {
    if (from != store::OperationState::kUnspecified) --counts_.at(static_cast<std::size_t>(from));
    ++counts_.at(static_cast<std::size_t>(to));
  }
  for (const auto& change : effects.book) change(book_);
  for (const auto& [session_id, frame] : effects.frames) Send(session_id, frame);
  if (!effects.finished.empty()) {
    const std::lock_guard lock(waiters_mutex_);
    for (const std::string& id : effects.finished) {
      if (waiting_.contains(id)) finished_while_waiting_.insert(id);
    }
    finished_.notify_all();
  }
  if (poke_) poke_();
}

void Core::Send(const std::string& session_id, const Frame& frame) {
  const std::shared_ptr<AdapterLink> link = book_.Link(session_id);
  if (link == nullptr) return;
  static constexpr std::array kNames{"engine.send.offer", "engine.send.ack", "engine.send.cancel",
                                     "engine.send.directive"};
  if (!Failpoint(kNames.at(frame.index()))) return;
  std::visit([&](const auto& content) { link->Send(content); }, frame);
}

std::vector<std::pair<std::string, std::uint64_t>> Core::Counts() const {
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  for (std::size_t i = 1; i < counts_.size(); ++i) {
    const std::int64_t count = std::max<std::int64_t>(0, counts_.at(i).load());
    counts.emplace_back(store::OperationStateName(static_cast<store::OperationState>(i)),
                        static_cast<std::uint64_t>(count));
  }
  return counts;
}

Result<store::OperationRecord> Core::Await(const std::string& tenant, const std::string& operation_id,
                                           std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  {
    const std::lock_guard lock(waiters_mutex_);
    ++waiting_[operation_id];
  }
  const auto read = [&]() -> Result<store::OperationRecord> {
    std::optional<store::OperationRecord> operation;
    MP_CHECK(store_.Read([&](store::Reader& reader) -> Status {
      MP_TRY(operation, GetOperation(reader, tenant, operation_id));
      return {};
    }));
    return *operation;
  };
  Result<store::OperationRecord> result = read();
  if (result && !store::IsFinal(result->state)) {
    {
      std::unique_lock lock(waiters_mutex_);
      finished_.wait_until(lock, until, [&] { return stopping_ || finished_while_waiting_.contains(operation_id); });
    }
    result = read();
  }
  const std::lock_guard lock(waiters_mutex_);
  if (--waiting_[operation_id] == 0) {
    waiting_.erase(operation_id);
    finished_while_waiting_.erase(operation_id);
  }
  return result;
}

void Core::StopWaiting() {
  const std::lock_guard lock(waiters_mutex_);
  stopping_ = true;
  finished_.notify_all();
}

Status Core::Recover() {
  MP_CHECK(store_.Read([&](store::Reader& reader) -> Status {
    MP_TRY(const auto counted, reader.CountOperations());
    for (auto& count : counts_) count = 0;
    for (const auto& [state, count] : counted) {
      const auto index = static_cast<std::size_t>(state);
      if (index < counts_.size()) counts_.at(index) = static_cast<std::int64_t>(count);
    }
    MP_TRY(const auto active, reader.ListActiveOperations());
    for (const store::OperationRecord& operation : active) {
      MP_TRY(const auto attempt, reader.FindAttempt(operation.id, operation.last_attempt));
      if (!attempt || attempt->ended_unix_ms != 0) continue;
      Watch watch = MakeWatch(operation, *attempt);
      // No session speaks for it yet: its adapter gets lease + step timeout to come back.
      watch.session_id.clear();
      watch.accepted = true;
      watch.lease_until = clock_.NowBoot() + options_.lease_ttl;
      book_.Put(watch);
    }
    return {};
  }));
  return {};
}

Watch Core::MakeWatch(const store::OperationRecord& operation, const store::AttemptRecord& attempt) const {
  Watch watch;
  watch.operation_id = operation.id;
  watch.attempt = attempt.number;
  watch.fence = attempt.fence;
  watch.kind = attempt.kind;
  watch.adapter_id = attempt.adapter_id;
  watch.instance_id = attempt.instance_id;
  watch.session_id = attempt.session_id;
  watch.cluster_id = operation.cluster_id;
  watch.step_timeout = std::max(attempt.step_timeout, options_.default_step_timeout);
  return watch;
}

std::optional<SessionView> Core::ReadySession(const std::string& adapter_id) const {
  auto session = book_.SessionOfAdapter(adapter_id);
  if (session && (session->draining || session->lease_until <= clock_.NowBoot())) session.reset();
  return session;
}

bool Core::HoldsAttempt(const std::string& session_id, const std::string& operation_id, std::uint32_t attempt,
                        std::uint64_t fence) const {
  const auto watch = book_.Find(operation_id);
  return watch && watch->accepted && watch->session_id == session_id && watch->attempt == attempt &&
         watch->fence == fence;
}

Status Core::Heartbeat(const std::string& session_id, BootTime received) {
  const auto was_over = book_.Renew(session_id, received);
  if (!was_over) return FailedPrecondition("SESSION_UNKNOWN", "the session is not open");
  if (*was_over && poke_) poke_();
  return {};
}

}  // namespace meshplay::engine::internal
