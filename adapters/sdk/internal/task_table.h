#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/sdk/internal/outbox.h"
#include "adapters/sdk/internal/task.h"

namespace meshplay::sdk {

/// Every attempt of this process: the running ones with their threads and the finished ones whose result the server
/// does not have yet.
/// Threads: any.
class TaskTable {
 public:
  TaskTable(MeshAdapter& adapter, const AdapterOptions& options, const Clock& clock, const Lease& lease,
            SessionLink& link);
  ~TaskTable();  ///< Stop with no bound left.

  Status Open();  ///< Reads the outbox of the last process.

  void SetLimits(const TaskLimits& limits);
  void HandleOffer(const pb::TaskOffer& offer);
  void HandleAck(const pb::TaskAck& ack);
  void HandleCancel(const pb::CancelTask& cancel);
  void HandleDirective(const pb::TaskDirective& directive);
  void Tick();     ///< To be called every 100 ms or so, with a session or without.
  void Offline();  ///< The session ended: running tasks keep what they tell until the server asks for it.

  std::vector<pb::TaskSnapshot> Snapshots() const;  ///< For Hello.
  std::uint32_t running() const;
  std::uint32_t free_slots() const;
  void SetDraining(bool draining);

  /// Asks running tasks to stop at their next safe point and waits at most `bound`. What is cut off here is reported by
  /// no result: the server sees it as the death of the process and finds out (docs/architecture.md).
  /// False when a task did not end in time: the process must exit without waiting for its threads.
  bool Stop(std::chrono::milliseconds bound);
  /// Tasks that Stop ended before their mutation barrier: for Goodbye.
  std::vector<std::string> Unstarted() const;

 private:
  using Key = std::pair<std::string, std::uint32_t>;
  struct Running {
    std::shared_ptr<Task> task;
    std::thread thread;
    bool told = false;  ///< Its result exists: the slot is free.
    bool done = false;  ///< Its thread is about to end.
  };
  pb::Error Admit(const pb::TaskOffer& offer, bool& already_finished, pb::TaskResult& kept);
  void Reply(const pb::TaskOffer& offer, const std::function<void(pb::OfferReply&)>& fill);
  void RunTask(const std::shared_ptr<Task>& task);
  void Deliver(const std::shared_ptr<Task>& task, pb::TaskResult result);
  void SendFinished(const FinishedTask& task, std::uint64_t from_seq);
  void Cancel(const std::string& task_id, std::uint32_t attempt);
  std::uint32_t BusySlotsLocked() const;
  std::uint32_t OpenQueriesLocked() const;
  void FenceOffOlderLocked(const pb::TaskOffer& offer);
  void ReapLocked(std::vector<std::thread>& ended);
  const pb::OperationDescriptor* DescriptorOf(const std::string& type) const;

  MeshAdapter& adapter_;
  const AdapterOptions& options_;
  const Clock& clock_;
  const Lease& lease_;
  SessionLink& link_;
  Outbox outbox_;
  const pb::Capabilities capabilities_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  TaskLimits limits_;
  bool draining_ = false;
  std::vector<std::string> unstarted_;
  std::map<Key, Running> running_;
  std::map<Key, FinishedTask> finished_;
  std::map<std::string, std::uint64_t> fences_;  ///< Highest seen, by cluster uid.
};

}  // namespace meshplay::sdk
