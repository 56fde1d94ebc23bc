#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "server/engine/task.h"

namespace meshplay::engine::internal {

/// One attempt in flight, as memory knows it. The store has the facts; this has the moments and the way to the adapter.
struct Watch {
  std::string operation_id;
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;
  TaskKind kind = TaskKind::kUnspecified;  ///< Of the attempt.
  std::string adapter_id;
  std::string instance_id;
  std::string session_id;  ///< Empty while no session speaks for it.
  std::string cluster_id;
  bool accepted = false;
  bool already_finished = false;        ///< The adapter re-sends an old result: its seq starts anywhere.
  std::optional<BootTime> offer_until;  ///< Set while an offer of this process waits for its reply.
  BootTime lease_until{};               ///< When no session holds it; else the session's counts.
  std::chrono::milliseconds step_timeout{0};
  std::optional<BootTime> progress_shown;
  bool progress_waiting = false;
  std::uint32_t progress_done = 0;
  std::uint32_t progress_total = 0;
  std::string progress_text;

  BootTime LostAt() const { return lease_until + step_timeout; }
};

struct SessionView {
  std::string session_id;
  std::string adapter_id;
  std::string instance_id;
  std::uint32_t max_concurrent_tasks = 1;
  bool draining = false;
  BootTime lease_until{};  ///< No offer goes to a session whose lease is over.
};

/// How many attempts hold a slot.
struct Slots {
  std::uint32_t changing = 0;  ///< APPLY and INSPECT.
  std::uint32_t reading = 0;   ///< PLAN, DETECT, CONFORMANCE.
  std::map<std::string, std::uint32_t> by_cluster;
  std::map<std::string, std::uint32_t> by_adapter;
};

/// Open sessions and attempts in flight. In memory only: a restart rebuilds it from the store.
/// Threads: any; nothing blocks and nothing is called out of it while its lock is held.
class SessionBook {
 public:
  explicit SessionBook(std::chrono::milliseconds lease_ttl) : lease_ttl_(lease_ttl) {}

  /// Opens a session; an older one of the same adapter is closed first.
  void Open(const SessionHello& hello, std::shared_ptr<AdapterLink> link, BootTime now);
  /// Its attempts keep the rest of the lease. False when it was not open.
  bool Close(const std::string& session_id);
  void SetDraining(const std::string& session_id);
  /// Nothing when the session is not open; else whether its lease had been over.
  std::optional<bool> Renew(const std::string& session_id, BootTime received);
  /// After a pause of this process: nobody loses a lease because of it.
  void ExtendAll(BootTime now);

  std::optional<SessionView> FindSession(const std::string& session_id) const;
  std::optional<SessionView> SessionOfAdapter(const std::string& adapter_id) const;
  std::vector<SessionView> Sessions() const;
  std::shared_ptr<AdapterLink> Link(const std::string& session_id) const;

  void Put(const Watch& watch);
  /// Forgets the watch when it is of that attempt.
  void Erase(const std::string& operation_id, std::uint32_t attempt);
  std::optional<Watch> Find(const std::string& operation_id) const;  ///< With the lease that counts.
  std::vector<Watch> Watches() const;                                ///< Likewise; by operation id.
  bool HasWatches() const;
  Slots CountSlots() const;

  void Accept(const std::string& operation_id, std::uint32_t attempt, bool already_finished);
  /// The session speaks for the attempt from now on.
  void Bind(const std::string& operation_id, std::uint32_t attempt, const std::string& session_id);
  void SetStepTimeout(const std::string& operation_id, std::uint32_t attempt, std::chrono::milliseconds timeout);
  void SetProgress(const std::string& operation_id, std::uint32_t attempt, BootTime shown);
  void KeepProgress(const std::string& operation_id, std::uint32_t attempt, std::uint32_t done, std::uint32_t total,
                    const std::string& text);

 private:
  struct Session {
    SessionView view;
    std::shared_ptr<AdapterLink> link;
  };

  bool CloseLocked(const std::string& session_id);
  Watch Effective(const Watch& watch) const;
  Watch* FindLocked(const std::string& operation_id, std::uint32_t attempt);

  const std::chrono::milliseconds lease_ttl_;
  mutable std::mutex mutex_;
  std::map<std::string, Session> sessions_;             // GUARDED_BY(mutex_)
  std::map<std::string, std::string> adapter_session_;  // GUARDED_BY(mutex_)
  std::map<std::string, Watch> watches_;                // GUARDED_BY(mutex_)
};

}  // namespace meshplay::engine::internal
