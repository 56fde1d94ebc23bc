#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/engine/engine.h"
#include "server/engine/internal/session_book.h"
#include "server/engine/internal/unit.h"
#include "server/engine/retry_rules.h"
#include "server/store/store.h"

namespace meshplay::engine::internal {

/// How long an inspection may take, and how long after a deadline a started one is waited for.
inline constexpr std::chrono::milliseconds kInspectionBudget{60'000};
/// How long a cancelled attempt may take to end.
inline constexpr std::chrono::milliseconds kCancelGrace{30'000};
inline constexpr std::chrono::milliseconds kDefaultReturnDelay{1'000};
inline constexpr std::chrono::milliseconds kProgressEvery{1'000};
inline constexpr std::size_t kMaxParametersBytes = 1024 * 1024;

/// The engine without its thread: every decision, one pass at a time.
/// Threads: the calls of the facade come from any thread; Step from one thread only.
class Core {
 public:
  Core(store::Store& store, const Clock& clock, const EngineOptions& options, std::function<double()> random);

  /// One pass over timers, lost attempts, inspections and the queue.
  struct Pass {
    bool worked = false;
    std::optional<BootTime> wake;  ///< When something is due by time alone.
  };
  Pass Step();
  /// Passes until one finds nothing to do.
  void RunUntilIdle();
  /// Called after each commit of the engine that may give the scheduler work. Must not block.
  void OnWork(std::function<void()> poke) { poke_ = std::move(poke); }

  // The rest is Engine's contract (server/engine/engine.h).
  Status Recover();
  Result<Submitted> Submit(const OperationRequest& request);
  Result<store::OperationRecord> Cancel(const Actor& actor, const std::string& operation_id, const std::string& reason);
  Result<store::OperationRecord> Retry(const Actor& actor, const std::string& operation_id, const std::string& reason);
  Result<store::OperationRecord> Resolve(const Actor& actor, const std::string& operation_id, Resolution resolution,
                                         const std::string& note);
  Result<store::OperationRecord> Approve(const Actor& actor, const std::string& operation_id, Approval approval);
  Status ReleaseTarget(const Actor& actor, const std::string& target_id);
  Result<store::OperationRecord> Await(const std::string& tenant, const std::string& operation_id,
                                       std::chrono::milliseconds timeout);
  Result<std::vector<TaskDirective>> SessionOpened(const SessionHello& hello, std::shared_ptr<AdapterLink> link);
  void SessionClosed(const std::string& session_id);
  Status Heartbeat(const std::string& session_id, BootTime received);
  Status HandleOfferReply(const std::string& session_id, const OfferReply& reply);
  Status HandleUpdate(const std::string& session_id, const TaskUpdate& update);
  Status HandleResult(const std::string& session_id, const TaskResult& result);
  Status HandleCancelReply(const std::string& session_id, const std::string& operation_id, std::uint32_t attempt,
                           bool stopping);
  Status HandleGoodbye(const std::string& session_id, const std::vector<std::string>& unstarted_operation_ids);
  bool HoldsAttempt(const std::string& session_id, const std::string& operation_id, std::uint32_t attempt,
                    std::uint64_t fence) const;
  Status ReportOrphan(const std::string& session_id, const TaskSnapshot& task);
  std::vector<std::pair<std::string, std::uint64_t>> Counts() const;
  /// Wakes everybody in Await.
  void StopWaiting();

 private:
  enum class LostCause { kLeaseOver, kReplaced, kNotListed, kNoReply, kSessionGone };
  struct Reported;
  struct Crash {
    std::string type;
    std::string target_id;
    BootTime when{};
  };

  // Units of work (core.cpp).
  Status Run(std::string_view name, const std::function<Status(Unit&)>& work);
  void Apply(const Effects& effects);
  void Send(const std::string& session_id, const Frame& frame);
  UnixMs Now() const;  ///< Wall time that does not jump under the engine's feet.
  std::chrono::milliseconds RetryDelay(const store::OperationRecord& operation, const Decision& decision);

  // Requests (requests.cpp).
  Result<store::OperationRecord> GetOperation(store::Reader& reader, const std::string& tenant, const std::string& id);
  Result<store::OperationRecord> Insert(Unit& unit, store::OperationRecord operation, bool needs_approval);
  Status CheckNotQuarantined(store::Reader& reader, const store::OperationRecord& operation);

  // Endings (endings.cpp).
  Status Conclude(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt, Decision decision,
                  TaskError error, Trigger trigger);
  Status Lose(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt, LostCause cause);
  Status EndInspection(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt,
                       const TaskResult& result);
  Status InspectionFailed(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt,
                          const TaskError& error, const std::string& outcome);
  Status NoteCrash(Unit& unit, const store::OperationRecord& operation, const store::AttemptRecord& attempt);

  // Reports of adapters (reports.cpp, results.cpp, sessions.cpp).
  Result<Reported> Look(Unit& unit, const SessionView& session, const std::string& operation_id, std::uint32_t attempt,
                        std::uint64_t fence);
  Status Accept(Unit& unit, Reported& found);
  Status Reject(Unit& unit, Reported& found, TaskError error);
  Status StoreParts(Unit& unit, store::OperationRecord& operation, store::AttemptRecord& attempt,
                    const std::vector<StepRecord>& steps, const std::vector<ObjectOutcomeRecord>& changes,
                    const std::vector<DiagnosticRecord>& diagnostics);
  Result<TaskDirective> Answer(Unit& unit, const SessionHello& hello, const TaskSnapshot& snapshot);
  Status SettleUnlisted(Unit& unit, const SessionHello& hello, std::vector<TaskDirective>& directives);
  Status RecordOrphan(Unit& unit, const std::string& adapter_id, const TaskSnapshot& task);

  // The scheduler's pass (timers.cpp, dispatch.cpp).
  Status ShiftOnJump();
  void NoticeOwnStall(BootTime now);
  bool SettleTimedOut();
  bool SettleWatches(std::optional<BootTime>& wake);
  bool DispatchInspections(std::optional<BootTime>& wake);
  bool DispatchQueued();
  Status TimeOut(Unit& unit, const std::string& operation_id);
  Status OfferInspection(Unit& unit, const std::string& operation_id, const SessionView& session);
  Status Offer(Unit& unit, const std::string& operation_id, const SessionView& session);
  /// The adapter's session when it may get an offer: open, within its lease, not draining.
  std::optional<SessionView> ReadySession(const std::string& adapter_id) const;
  bool HasRoom(const Slots& slots, const store::OperationRecord& operation, const SessionView& session) const;
  Result<TaskOffer> MakeOffer(Unit& unit, const store::OperationRecord& operation, const store::AttemptRecord& attempt);
  Watch MakeWatch(const store::OperationRecord& operation, const store::AttemptRecord& attempt) const;

  store::Store& store_;
  const Clock& clock_;
  const EngineOptions options_;
  std::function<double()> random_;
  std::mutex random_mutex_;
  std::function<void()> poke_;
  SessionBook book_;
  std::atomic<std::int64_t> wall_offset_ms_;  ///< Wall minus boot time, as last accepted.
  std::array<std::atomic<std::int64_t>, 13> counts_{};
  std::optional<BootTime> planned_wake_;  ///< Of the scheduler's thread only.
  std::string last_adapter_;              ///< Round robin; of the scheduler's thread only.

  std::mutex crashes_mutex_;
  std::deque<Crash> crashes_;               // GUARDED_BY(crashes_mutex_)
  std::set<std::string> crashed_attempts_;  // GUARDED_BY(crashes_mutex_)
  std::set<std::string> orphans_;           // GUARDED_BY(crashes_mutex_)

  mutable std::mutex waiters_mutex_;
  std::condition_variable finished_;
  std::map<std::string, int> waiting_;            // GUARDED_BY(waiters_mutex_)
  std::set<std::string> finished_while_waiting_;  // GUARDED_BY(waiters_mutex_)
  bool stopping_ = false;                         // GUARDED_BY(waiters_mutex_)
};

/// What a report is about, as the store has it.
struct Core::Reported {
  std::optional<store::OperationRecord> operation;
  std::optional<store::AttemptRecord> attempt;
  bool current = false;  ///< The newest attempt, of this session, not ended.
  bool late = false;     ///< Lost, but still the newest and nobody inspected yet: its result decides.
};

}  // namespace meshplay::engine::internal
