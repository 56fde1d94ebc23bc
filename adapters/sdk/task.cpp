#include "adapters/sdk/internal/task.h"

#include <algorithm>

#include "adapters/sdk/internal/fit.h"
#include "libs/base/failpoint.h"

namespace meshplay::sdk {

namespace {

constexpr std::size_t kMaxCheckpointBytes = 64 * 1024;
constexpr std::size_t kMaxText = 4 * 1024;
constexpr int kMaxWaitingDiagnostics = 1'000;
constexpr std::chrono::seconds kSecretPatience{30};  ///< How long a secret waits for a session.

std::string Cut(const std::string& text) {
  if (text.size() <= kMaxText) return text;
  std::size_t end = kMaxText - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside a UTF-8 character
  return text.substr(0, end) + "...";
}

std::chrono::milliseconds ToMs(const google::protobuf::Duration& duration) {
  return std::chrono::milliseconds(duration.seconds() * 1'000 + duration.nanos() / 1'000'000);
}

}  // namespace

Task::Task(pb::TaskOffer offer, const Clock& clock, const Lease& lease, SessionLink& link, TaskLimits limits)
    : offer_(std::move(offer)),
      clock_(clock),
      lease_(lease),
      link_(link),
      limits_(limits),
      received_(clock.NowBoot()),
      last_sent_(received_) {}

Error Task::CauseError(Cause cause) const {
  switch (cause) {
    case Cause::kFenced:
      return Aborted("FENCED", "a newer attempt holds the target");
    case Cause::kDeadline:
      return Error(ErrorCode::kDeadlineExceeded, "DEADLINE_EXCEEDED", "the time budget of the attempt is over");
    case Cause::kStopping:
      return Error(ErrorCode::kCancelled, "STOPPING", "the adapter is stopping");
    case Cause::kNone:
    case Cause::kCancelled:
      break;
  }
  return Error(ErrorCode::kCancelled, "CANCELLED", "the operation was cancelled");
}

Status Task::WaitAcked(std::unique_lock<std::mutex>& lock, std::uint64_t seq) {
  changed_.wait(lock, [&] { return acked_ >= seq || cause_ != Cause::kNone; });
  if (acked_ >= seq && cause_ == Cause::kNone) return {};
  return CauseError(cause_);
}

Status Task::BeginMutating() {
  std::unique_lock lock(mutex_);
  if (cause_ != Cause::kNone) return CauseError(cause_);
  if (past_barrier_) return {};
  MP_CHECK(Failpoint("sdk.before_barrier"));
  phase_ = pb::TASK_PHASE_MUTATING;
  has_pending_ = has_facts_ = true;
  FlushLocked(true);
  MP_CHECK(WaitAcked(lock, seq_));
  MP_CHECK(Failpoint("sdk.after_barrier"));
  past_barrier_ = true;
  lock.unlock();
  return MayMutate();
}

Status Task::MayMutate() {
  std::unique_lock lock(mutex_);
  if (!past_barrier_) {
    if (cause_ != Cause::kNone) return CauseError(cause_);
    return FailedPrecondition("BARRIER_NOT_PASSED", "BeginMutating must succeed before the first change");
  }
  // The lease is a clock, not an event: looks again in short turns while it is over.
  while (cause_ == Cause::kNone && lease_.Left().count() == 0) {
    changed_.wait_for(lock, std::chrono::milliseconds(100), [&] { return cause_ != Cause::kNone; });
  }
  if (cause_ != Cause::kNone) return CauseError(cause_);
  return {};
}

bool Task::MustYield() const {
  return stop_source_.stop_requested() || lease_.Left().count() == 0;
}

pb::TaskResult Task::Stopped(pb::SideEffects side_effects) const {
  const Cause why = cause();
  const Error cause_error = CauseError(why);
  pb::TaskResult result;
  const bool cancelled = why == Cause::kCancelled || why == Cause::kNone || why == Cause::kStopping;
  result.set_outcome(cancelled ? pb::OUTCOME_CANCELLED : pb::OUTCOME_FAILED);
  const pb::ErrorClass error_class = cancelled               ? pb::ERROR_CLASS_CANCELLED
                                     : why == Cause::kFenced ? pb::ERROR_CLASS_CONFLICT
                                                             : pb::ERROR_CLASS_UNKNOWN_OUTCOME;
  *result.mutable_error() = MakeError(cause_error.reason(), error_class, side_effects, cause_error.message());
  return result;
}

Status Task::AnnounceStep(std::chrono::milliseconds step_timeout) {
  std::unique_lock lock(mutex_);
  if (cause_ != Cause::kNone) return CauseError(cause_);
  pending_.mutable_step_timeout()->set_seconds(step_timeout.count() / 1'000);
  pending_.mutable_step_timeout()->set_nanos(static_cast<int>(step_timeout.count() % 1'000) * 1'000'000);
  has_pending_ = has_facts_ = true;
  FlushLocked(true);
  return WaitAcked(lock, seq_);
}

void Task::SetPhase(pb::TaskPhase phase) {
  const std::lock_guard lock(mutex_);
  if (phase == pb::TASK_PHASE_MUTATING || phase == pb::TASK_PHASE_FINISHED) return;
  phase_ = phase;
  has_pending_ = has_facts_ = true;
  FlushLocked(false);
}

void Task::Progress(std::uint32_t done, std::uint32_t total, const std::string& text) {
  const std::lock_guard lock(mutex_);
  pending_.mutable_progress()->set_done(done);
  pending_.mutable_progress()->set_total(total);
  pending_.mutable_progress()->set_text(Cut(text));
  has_pending_ = true;
  const auto gap = std::chrono::milliseconds(1'000 / std::max(1U, limits_.max_updates_per_second));
  if (clock_.NowBoot() - last_sent_ >= gap) FlushLocked(false);
}

void Task::PlanSteps(const std::vector<StepPlan>& steps) {
  const std::lock_guard lock(mutex_);
  steps_.clear();
  for (const StepPlan& plan : steps) {
    pb::Step& step = steps_.emplace_back();
    step.set_index(static_cast<std::uint32_t>(steps_.size()));
    step.set_name(plan.name);
    step.set_title(plan.title);
    step.set_state(pb::STEP_STATE_PENDING);
    *pending_.add_steps() = step;
  }
  has_pending_ = has_facts_ = true;
  FlushLocked(false);
}

void Task::SetStep(const std::string& name, pb::StepState state, const std::string& text) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(steps_.begin(), steps_.end(), [&](const pb::Step& s) { return s.name() == name; });
  if (found == steps_.end()) return;
  found->set_state(state);
  if (!text.empty()) found->set_text(Cut(text));
  const BootTime now = clock_.NowBoot();
  if (state == pb::STEP_STATE_RUNNING) {
    step_started_ = now;
  } else {
    const auto took = now - step_started_;
    found->mutable_took()->set_seconds(took.count() / 1'000);
    found->mutable_took()->set_nanos(static_cast<int>(took.count() % 1'000) * 1'000'000);
  }
  for (pb::Step& waiting : *pending_.mutable_steps()) {
    if (waiting.name() == name) {
      waiting = *found;
      FlushLocked(false);
      return;
    }
  }
  *pending_.add_steps() = *found;
  has_pending_ = has_facts_ = true;
  FlushLocked(false);
}

void Task::StepRunning(const std::string& name, const std::string& text) {
  SetStep(name, pb::STEP_STATE_RUNNING, text);
}
void Task::StepDone(const std::string& name, const std::string& text) {
  SetStep(name, pb::STEP_STATE_DONE, text);
}
void Task::StepSkipped(const std::string& name, const std::string& text) {
  SetStep(name, pb::STEP_STATE_SKIPPED, text);
}
void Task::StepFailed(const std::string& name, const std::string& text) {
  SetStep(name, pb::STEP_STATE_FAILED, text);
}

void Task::Changed(const pb::ObjectOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  // Only the last state of an object counts; this also bounds what waits while there is no session.
  const auto same = [&](const pb::ObjectOutcome& other) {
    const pb::ObjectKey& a = other.object();
    const pb::ObjectKey& b = outcome.object();
    return other.action() == outcome.action() && a.api_version() == b.api_version() && a.kind() == b.kind() &&
           a.namespace_() == b.namespace_() && a.name() == b.name();
  };
  auto& waiting = *pending_.mutable_changes();
  const auto known = std::find_if(waiting.begin(), waiting.end(), same);
  *(known != waiting.end() ? &*known : pending_.add_changes()) = outcome;
  has_pending_ = has_facts_ = true;
  FlushLocked(false);
}

void Task::Diagnose(const pb::Diagnostic& diagnostic) {
  const std::lock_guard lock(mutex_);
  const std::string text = diagnostic.SerializeAsString();
  for (const pb::Diagnostic& waiting : pending_.diagnostics()) {
    if (waiting.SerializeAsString() == text) return;
  }
  if (pending_.diagnostics_size() >= kMaxWaitingDiagnostics) return;  // the first ones tell the story
  *pending_.add_diagnostics() = diagnostic;
  has_pending_ = has_facts_ = true;
  FlushLocked(false);
}

Status Task::SaveCheckpoint(const std::string& bytes) {
  if (bytes.size() > kMaxCheckpointBytes) {
    return InvalidArgument("CHECKPOINT_TOO_LARGE", "a checkpoint is at most 64 KiB");
  }
  std::unique_lock lock(mutex_);
  if (cause_ != Cause::kNone) return CauseError(cause_);
  pending_.set_has_checkpoint(true);
  pending_.set_checkpoint(bytes);
  has_pending_ = has_facts_ = true;
  FlushLocked(true);
  return WaitAcked(lock, seq_);
}

Result<std::map<std::string, Secret>> Task::ResolveSecret(const std::string& logical_name) {
  pb::ResolveSecretsRequest request;
  request.set_task_id(offer_.task_id());
  request.set_attempt(offer_.attempt());
  request.set_fence(offer_.fence());
  request.add_logical_names(logical_name);
  const BootTime until = clock_.NowBoot() + kSecretPatience;
  auto reply = link_.ResolveSecrets(request);
  while (!reply && reply.error().code() == ErrorCode::kUnavailable && WaitForSession(until)) {
    reply = link_.ResolveSecrets(request);
  }
  if (!reply) return FailedPrecondition("SECRET_UNAVAILABLE", reply.error().message());
  std::map<std::string, Secret> values;
  for (auto& item : *reply->mutable_items()) {
    if (item.logical_name() != logical_name) continue;
    for (auto& [key, value] : *item.mutable_data()) values.emplace(key, Secret(std::move(value)));
    return values;
  }
  return FailedPrecondition("SECRET_UNAVAILABLE", "the server gave no secret " + logical_name);
}

Result<pb::SecretRef> Task::StoreSecret(const std::string& name, const std::map<std::string, Secret>& data) {
  pb::StoreSecretRequest request;
  request.set_task_id(offer_.task_id());
  request.set_attempt(offer_.attempt());
  request.set_fence(offer_.fence());
  request.set_name(name);
  for (const auto& [key, value] : data) (*request.mutable_data())[key] = value.Reveal();
  const BootTime until = clock_.NowBoot() + kSecretPatience;
  auto stored = link_.StoreSecret(request);
  while (!stored && stored.error().code() == ErrorCode::kUnavailable && WaitForSession(until)) {
    stored = link_.StoreSecret(request);  // the same name and value: storing twice is storing once
  }
  return stored;
}

/// A short pause; false when there is no use in asking again.
bool Task::WaitForSession(BootTime until) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(500), [&] { return cause_ != Cause::kNone; });
  return cause_ == Cause::kNone && clock_.NowBoot() < until;
}

void Task::FlushLocked(bool even_when_full) {
  if (!has_pending_ || finished_) return;
  if (!even_when_full && unacked_.size() >= limits_.max_unacked_updates) return;
  pending_.set_task_id(offer_.task_id());
  pending_.set_attempt(offer_.attempt());
  pending_.set_fence(offer_.fence());
  pending_.set_seq(++seq_);
  pending_.set_phase(phase_);
  unacked_.push_back(pending_);
  pending_.Clear();
  has_pending_ = has_facts_ = false;
  last_sent_ = clock_.NowBoot();
  FitFrame(unacked_.back());
  if (!online_) return;
  pb::AdapterFrame frame;
  *frame.mutable_task_update() = unacked_.back();
  link_.Send(frame);
}

void Task::Acked(std::uint64_t seq) {
  const std::lock_guard lock(mutex_);
  acked_ = std::max(acked_, std::min(seq, seq_));
  while (!unacked_.empty() && unacked_.front().seq() <= acked_) unacked_.pop_front();
  changed_.notify_all();
  if (has_facts_) FlushLocked(false);
}

void Task::Resend(std::uint64_t from_seq) {
  if (from_seq > 0) Acked(from_seq - 1);
  const std::lock_guard lock(mutex_);
  online_ = true;
  for (const pb::TaskUpdate& update : unacked_) {
    pb::AdapterFrame frame;
    *frame.mutable_task_update() = update;
    link_.Send(frame);
  }
}

void Task::Offline() {
  const std::lock_guard lock(mutex_);
  online_ = false;
}

bool Task::online() const {
  const std::lock_guard lock(mutex_);
  return online_;
}

void Task::RequestStop(Cause cause) {
  {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    // Being fenced off wins over every other cause: then nothing may be reported any more.
    if (cause_ == Cause::kNone || cause == Cause::kFenced) cause_ = cause;
  }
  changed_.notify_all();
  stop_source_.request_stop();
}

void Task::Tick() {
  const BootTime now = clock_.NowBoot();
  const auto budget = ToMs(offer_.time_budget());
  if (budget.count() > 0 && now - received_ >= budget) RequestStop(Cause::kDeadline);
  const std::lock_guard lock(mutex_);
  const auto interval = ToMs(offer_.progress_interval());
  const bool overdue = interval.count() > 0 && now - last_sent_ >= interval / 2;
  if (overdue && unacked_.empty()) has_pending_ = true;
  if (has_facts_ || (has_pending_ && (overdue || now - last_sent_ >= std::chrono::seconds(1)))) FlushLocked(false);
}

pb::TaskSnapshot Task::Snapshot() const {
  const std::lock_guard lock(mutex_);
  pb::TaskSnapshot snapshot;
  snapshot.set_task_id(offer_.task_id());
  snapshot.set_attempt(offer_.attempt());
  snapshot.set_fence(offer_.fence());
  snapshot.set_phase(phase_);
  snapshot.set_last_seq(seq_);
  return snapshot;
}

bool Task::PastBarrier() const {
  const std::lock_guard lock(mutex_);
  return past_barrier_;
}

Task::Cause Task::cause() const {
  const std::lock_guard lock(mutex_);
  return cause_;
}

FinishedTask Task::Finish(pb::TaskResult result) {
  const std::lock_guard lock(mutex_);
  FlushLocked(true);
  finished_ = true;
  result.set_task_id(offer_.task_id());
  result.set_attempt(offer_.attempt());
  result.set_fence(offer_.fence());
  result.set_seq(++seq_);
  if (!steps_.empty()) result.clear_steps();
  for (const pb::Step& step : steps_) *result.add_steps() = step;
  FitResult(result, past_barrier_);
  FinishedTask finished;
  finished.task_id = offer_.task_id();
  finished.attempt = offer_.attempt();
  finished.fence = offer_.fence();
  finished.updates.assign(unacked_.begin(), unacked_.end());
  finished.result = std::move(result);
  return finished;
}

}  // namespace meshplay::sdk
