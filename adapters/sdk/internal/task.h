#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "adapters/sdk/adapter.h"
#include "adapters/sdk/internal/lease.h"
#include "adapters/sdk/internal/outbox.h"
#include "libs/base/clock.h"

namespace meshplay::sdk {

/// The way to the server while a session is open. Threads: any; must not block for long.
class SessionLink {
 public:
  virtual ~SessionLink() = default;
  virtual void Send(const pb::AdapterFrame& frame) = 0;  ///< Dropped without a session: frames are kept by their task.
  virtual Result<pb::ResolveSecretsResponse> ResolveSecrets(pb::ResolveSecretsRequest request) = 0;
  virtual Result<pb::SecretRef> StoreSecret(pb::StoreSecretRequest request) = 0;
};

struct TaskLimits {
  std::uint32_t max_unacked_updates = 16;
  std::uint32_t max_updates_per_second = 5;  ///< For progress alone; facts are never held back by it.
};

/// One attempt: what its function tells is turned into numbered updates that are kept until the server has them.
/// Threads: TaskContext methods from the task's threads, the others from the session's.
class Task final : public TaskContext {
 public:
  enum class Cause { kNone, kCancelled, kFenced, kDeadline, kStopping };

  Task(pb::TaskOffer offer, const Clock& clock, const Lease& lease, SessionLink& link, TaskLimits limits);

  // TaskContext
  const pb::TaskOffer& offer() const override { return offer_; }
  std::stop_token stop() const override { return stop_source_.get_token(); }
  Status BeginMutating() override;
  Status MayMutate() override;
  bool MustYield() const override;
  pb::TaskResult Stopped(pb::SideEffects side_effects) const override;
  Status AnnounceStep(std::chrono::milliseconds step_timeout) override;
  std::chrono::milliseconds lease_left() const override { return lease_.Left(); }
  void SetPhase(pb::TaskPhase phase) override;
  void Progress(std::uint32_t done, std::uint32_t total, const std::string& text) override;
  void PlanSteps(const std::vector<StepPlan>& steps) override;
  void StepRunning(const std::string& name, const std::string& text) override;
  void StepDone(const std::string& name, const std::string& text) override;
  void StepSkipped(const std::string& name, const std::string& text) override;
  void StepFailed(const std::string& name, const std::string& text) override;
  void Changed(const pb::ObjectOutcome& outcome) override;
  void Diagnose(const pb::Diagnostic& diagnostic) override;
  Status SaveCheckpoint(const std::string& bytes) override;
  Result<std::map<std::string, Secret>> ResolveSecret(const std::string& logical_name) override;
  Result<pb::SecretRef> StoreSecret(const std::string& name, const std::map<std::string, Secret>& data) override;

  // For the task table.
  void Acked(std::uint64_t seq);
  /// The server named the next seq it wants: sends everything from there on and goes on with what comes.
  void Resend(std::uint64_t from_seq);
  /// The session ended: updates are kept until Resend, so that none overtakes what the server still lacks.
  void Offline();
  bool online() const;
  void RequestStop(Cause cause);
  void Tick();  ///< Flushes what was held back, keeps the progress interval, ends an overdue task.
  pb::TaskSnapshot Snapshot() const;
  bool PastBarrier() const;
  Cause cause() const;
  /// Numbers the result and returns all that the server still lacks. The task sends nothing more.
  FinishedTask Finish(pb::TaskResult result);

 private:
  void SetStep(const std::string& name, pb::StepState state, const std::string& text);
  void FlushLocked(bool even_when_full);
  Status WaitAcked(std::unique_lock<std::mutex>& lock, std::uint64_t seq);
  Error CauseError(Cause cause) const;
  bool WaitForSession(BootTime until);

  const pb::TaskOffer offer_;
  const Clock& clock_;
  const Lease& lease_;
  SessionLink& link_;
  const TaskLimits limits_;
  const BootTime received_;
  std::stop_source stop_source_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  pb::TaskPhase phase_ = pb::TASK_PHASE_ACCEPTED;
  bool past_barrier_ = false;
  Cause cause_ = Cause::kNone;
  std::uint64_t seq_ = 0;
  std::uint64_t acked_ = 0;
  std::deque<pb::TaskUpdate> unacked_;
  pb::TaskUpdate pending_;
  bool has_facts_ = false;  ///< pending_ holds more than progress.
  bool has_pending_ = false;
  BootTime last_sent_{};
  BootTime step_started_{};
  std::vector<pb::Step> steps_;
  bool finished_ = false;
  bool online_ = true;  ///< Offers arrive in a session.
};

}  // namespace meshplay::sdk
