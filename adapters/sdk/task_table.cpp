#include "adapters/sdk/internal/task_table.h"

#include <algorithm>

#include "libs/base/failpoint.h"
#include "libs/base/log.h"

namespace meshplay::sdk {

namespace {

bool Exclusive(const pb::TaskOffer& offer) {
  return offer.kind() == pb::TASK_KIND_APPLY || offer.kind() == pb::TASK_KIND_INSPECT;
}

bool IsQuery(const pb::TaskOffer& offer) {
  return offer.kind() == pb::TASK_KIND_QUERY;
}

constexpr std::uint32_t kMaxOpenQueries = 8;  // beside the tasks

}  // namespace

TaskTable::TaskTable(MeshAdapter& adapter, const AdapterOptions& options, const Clock& clock, const Lease& lease,
                     SessionLink& link)
    : adapter_(adapter),
      options_(options),
      clock_(clock),
      lease_(lease),
      link_(link),
      outbox_(options.state_directory + "/outbox"),
      capabilities_(adapter.capabilities()) {}

TaskTable::~TaskTable() {
  Stop(std::chrono::milliseconds(0));
}

Status TaskTable::Open() {
  MP_TRY(std::vector<FinishedTask> kept, outbox_.Open());
  const std::lock_guard lock(mutex_);
  for (FinishedTask& task : kept) {
    const Key key{task.task_id, task.attempt};
    finished_[key] = std::move(task);
  }
  return {};
}

void TaskTable::SetLimits(const TaskLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

const pb::OperationDescriptor* TaskTable::DescriptorOf(const std::string& type) const {
  for (const pb::OperationDescriptor& operation : capabilities_.operations()) {
    if (operation.type() == type) return &operation;
  }
  return nullptr;
}

pb::Error TaskTable::Admit(const pb::TaskOffer& offer, bool& already_finished, pb::TaskResult& kept) {
  const auto refuse = [](const char* reason, pb::ErrorClass error_class, const std::string& message) {
    pb::Error error = MakeError(reason, error_class, pb::SIDE_EFFECTS_NONE, message);
    if (error_class == pb::ERROR_CLASS_THROTTLED) error.mutable_retry_after()->set_seconds(1);
    return error;
  };
  const bool names_operation = offer.kind() == pb::TASK_KIND_APPLY || offer.kind() == pb::TASK_KIND_PLAN;
  const pb::OperationDescriptor* descriptor = DescriptorOf(offer.operation_type());
  if (names_operation && descriptor == nullptr) {
    return refuse("OPERATION_UNKNOWN", pb::ERROR_CLASS_INVALID,
                  "this adapter has no operation " + offer.operation_type());
  }
  const std::lock_guard lock(mutex_);
  if (draining_) return refuse("DRAINING", pb::ERROR_CLASS_THROTTLED, "the adapter is stopping");
  if (IsQuery(offer)) {  // a question must not wait for an installation
    if (OpenQueriesLocked() >= kMaxOpenQueries) {
      return refuse("BUSY", pb::ERROR_CLASS_THROTTLED, "too many questions are open");
    }
    return {};
  }
  if (BusySlotsLocked() >= options_.max_concurrent_tasks) {
    return refuse("BUSY", pb::ERROR_CLASS_THROTTLED, "all task slots are taken");
  }
  if (Exclusive(offer)) {
    std::uint64_t& seen = fences_[offer.target().cluster_uid()];
    if (offer.fence() < seen) {
      pb::Error error = refuse("FENCED", pb::ERROR_CLASS_CONFLICT, "a higher fence was seen for this target");
      (*error.mutable_metadata())["seen"] = std::to_string(seen);
      return error;
    }
    seen = offer.fence();
    FenceOffOlderLocked(offer);
  }
  if (offer.kind() == pb::TASK_KIND_APPLY && descriptor->idempotency() == pb::IDEMPOTENCY_KEYED) {
    already_finished = outbox_.FindKeyed(offer.idempotency_key(), kept);
  }
  return {};
}

std::uint32_t TaskTable::BusySlotsLocked() const {
  return static_cast<std::uint32_t>(std::count_if(running_.begin(), running_.end(), [](const auto& entry) {
    return !IsQuery(entry.second.task->offer()) && !entry.second.told && !entry.second.done;
  }));
}

std::uint32_t TaskTable::OpenQueriesLocked() const {
  return static_cast<std::uint32_t>(std::count_if(running_.begin(), running_.end(), [](const auto& entry) {
    return IsQuery(entry.second.task->offer()) && !entry.second.told && !entry.second.done;
  }));
}

/// R4: a higher fence for the target was seen; who holds a lower one starts no further mutating step.
void TaskTable::FenceOffOlderLocked(const pb::TaskOffer& offer) {
  for (const auto& [key, entry] : running_) {
    const pb::TaskOffer& other = entry.task->offer();
    if (Exclusive(other) && other.target().cluster_uid() == offer.target().cluster_uid() &&
        other.fence() < offer.fence()) {
      entry.task->RequestStop(Task::Cause::kFenced);
    }
  }
}

void TaskTable::Reply(const pb::TaskOffer& offer, const std::function<void(pb::OfferReply&)>& fill) {
  pb::AdapterFrame frame;
  pb::OfferReply& reply = *frame.mutable_offer_reply();
  reply.set_task_id(offer.task_id());
  reply.set_attempt(offer.attempt());
  reply.set_fence(offer.fence());
  fill(reply);
  link_.Send(frame);
}

void TaskTable::HandleOffer(const pb::TaskOffer& offer) {
  const Key key{offer.task_id(), offer.attempt()};
  {
    const std::lock_guard lock(mutex_);
    const auto finished = finished_.find(key);
    if (finished != finished_.end() || running_.count(key) != 0) {  // a repeated offer: the answer may have been lost
      Reply(offer, [](pb::OfferReply& reply) { reply.mutable_accepted(); });
      if (finished != finished_.end()) SendFinished(finished->second, 1);
      return;
    }
  }
  bool already_finished = false;
  pb::TaskResult kept;
  const pb::Error refused = Admit(offer, already_finished, kept);
  if (!refused.reason().empty()) {
    Reply(offer, [&](pb::OfferReply& reply) { *reply.mutable_rejected() = refused; });
    return;
  }
  if (already_finished) {
    Reply(offer, [](pb::OfferReply& reply) { reply.mutable_already_finished(); });
    Deliver(std::make_shared<Task>(offer, clock_, lease_, link_, limits_), std::move(kept));
    return;
  }
  Reply(offer, [](pb::OfferReply& reply) { reply.mutable_accepted(); });
  const std::lock_guard lock(mutex_);
  const auto task = std::make_shared<Task>(offer, clock_, lease_, link_, limits_);
  Running& entry = running_[key];
  entry.task = task;
  entry.thread = std::thread([this, task] { RunTask(task); });
}

void TaskTable::RunTask(const std::shared_ptr<Task>& task) {
  pb::TaskResult result;
  const auto broken = [&](const char* what) {
    LogError("a task ended by an exception",
             {{log_key::kOperationId, task->offer().task_id()}, {log_key::kError, what}});
    result = Failed(MakeError("INTERNAL", pb::ERROR_CLASS_BUG,
                              task->PastBarrier() ? pb::SIDE_EFFECTS_UNKNOWN : pb::SIDE_EFFECTS_NONE,
                              "the adapter made a mistake"));
  };
  try {
    result = IsQuery(task->offer()) ? adapter_.Query(*task) : adapter_.Run(*task);
  } catch (const std::exception& fault) {
    broken(fault.what());
  } catch (...) {
    broken("not a std::exception");
  }
  const Task::Cause cause = task->cause();
  const bool cut_off =
      cause == Task::Cause::kFenced || (cause == Task::Cause::kStopping && result.error().reason() == "STOPPING");
  if (!cut_off) Deliver(task, std::move(result));
  const std::lock_guard lock(mutex_);
  if (cut_off && cause == Task::Cause::kStopping && !task->PastBarrier() && !IsQuery(task->offer())) {
    unstarted_.push_back(task->offer().task_id());
  }
  const auto found = running_.find({task->offer().task_id(), task->offer().attempt()});
  if (found != running_.end()) found->second.done = true;
  ended_.notify_all();
}

void TaskTable::Deliver(const std::shared_ptr<Task>& task, pb::TaskResult result) {
  (void)Failpoint("sdk.before_result_kept");
  FinishedTask finished = task->Finish(std::move(result));
  const pb::OperationDescriptor* descriptor = DescriptorOf(task->offer().operation_type());
  if (task->offer().kind() == pb::TASK_KIND_APPLY && descriptor != nullptr &&
      descriptor->idempotency() == pb::IDEMPOTENCY_KEYED && finished.result.outcome() == pb::OUTCOME_SUCCEEDED) {
    finished.idempotency_key = task->offer().idempotency_key();
  }
  const std::lock_guard lock(mutex_);
  const Key key{finished.task_id, finished.attempt};
  if (const auto running = running_.find(key); running != running_.end()) running->second.told = true;
  if (IsQuery(task->offer())) {  // wanted now or never: nobody asks for it after a reconnect
    SendFinished(finished, 0);
    return;
  }
  const Status kept = outbox_.Put(finished);
  if (!kept) {
    // The result still goes out; a crash before its acknowledgement would be found out by an inspection.
    LogError("a result could not be kept on disk",
             {{log_key::kOperationId, finished.task_id}, {log_key::kError, kept.error().message()}});
  }
  (void)Failpoint("sdk.before_result_send");
  if (task->online()) SendFinished(finished, 0);  // else the next Hello lists it
  finished_[key] = std::move(finished);
}

void TaskTable::SendFinished(const FinishedTask& task, std::uint64_t from_seq) {
  for (const pb::TaskUpdate& update : task.updates) {
    // When the task just ended its updates are on the wire already; they go again only when asked for.
    if (from_seq == 0 || update.seq() < from_seq) continue;
    pb::AdapterFrame frame;
    *frame.mutable_task_update() = update;
    link_.Send(frame);
  }
  pb::AdapterFrame frame;
  *frame.mutable_task_result() = task.result;
  link_.Send(frame);
}

void TaskTable::HandleAck(const pb::TaskAck& ack) {
  const Key key{ack.task_id(), ack.attempt()};
  std::shared_ptr<Task> task;
  {
    const std::lock_guard lock(mutex_);
    if (ack.finished()) {
      (void)Failpoint("sdk.before_result_forgotten");
      finished_.erase(key);
      outbox_.Forget(ack.task_id(), ack.attempt());
    }
    const auto found = running_.find(key);
    if (found != running_.end()) task = found->second.task;
  }
  if (task) task->Acked(ack.acked_seq());
}

void TaskTable::HandleCancel(const pb::CancelTask& cancel) {
  Cancel(cancel.task_id(), cancel.attempt());
}

void TaskTable::Cancel(const std::string& task_id, std::uint32_t attempt) {
  const Key key{task_id, attempt};
  pb::CancelDecision decision = pb::CANCEL_DECISION_UNKNOWN_TASK;
  std::shared_ptr<Task> task;
  {
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(key);
    if (found != running_.end() && !found->second.told) {
      task = found->second.task;
      const pb::OperationDescriptor* descriptor = DescriptorOf(task->offer().operation_type());
      const bool never = descriptor != nullptr && task->offer().kind() == pb::TASK_KIND_APPLY &&
                         (descriptor->cancellation() == pb::CANCELLATION_NEVER ||
                          descriptor->cancellation() == pb::CANCELLATION_UNSPECIFIED);
      decision = never && task->PastBarrier() ? pb::CANCEL_DECISION_NOT_POSSIBLE : pb::CANCEL_DECISION_STOPPING;
    } else if (finished_.count(key) != 0) {
      decision = pb::CANCEL_DECISION_NOT_POSSIBLE;
    }
  }
  pb::AdapterFrame frame;
  frame.mutable_cancel_reply()->set_task_id(task_id);
  frame.mutable_cancel_reply()->set_attempt(attempt);
  frame.mutable_cancel_reply()->set_decision(decision);
  link_.Send(frame);
  if (decision == pb::CANCEL_DECISION_STOPPING) task->RequestStop(Task::Cause::kCancelled);
}

void TaskTable::HandleDirective(const pb::TaskDirective& directive) {
  const Key key{directive.task_id(), directive.attempt()};
  std::shared_ptr<Task> task;
  {
    const std::lock_guard lock(mutex_);
    const auto running = running_.find(key);
    if (running != running_.end()) task = running->second.task;
    const auto finished = finished_.find(key);
    switch (directive.directive()) {
      case pb::DIRECTIVE_CONTINUE:
        // Under the lock: a result that comes into being right now is sent either here or by Deliver.
        if (task) task->Resend(directive.resend_from_seq());
        if (finished != finished_.end())
          SendFinished(finished->second, std::max<std::uint64_t>(1, directive.resend_from_seq()));
        break;
      case pb::DIRECTIVE_CANCEL:
        if (task && !task->online()) task->Resend(directive.resend_from_seq());
        break;
      case pb::DIRECTIVE_ABANDON:
      case pb::DIRECTIVE_FORGET:
        if (finished != finished_.end()) {
          finished_.erase(finished);
          outbox_.Forget(directive.task_id(), directive.attempt());
        }
        break;
      default:
        break;
    }
  }
  if (!task) return;
  switch (directive.directive()) {
    case pb::DIRECTIVE_CANCEL:
      Cancel(directive.task_id(), directive.attempt());
      break;
    case pb::DIRECTIVE_ABANDON:
    case pb::DIRECTIVE_FORGET:
      task->RequestStop(Task::Cause::kFenced);
      break;
    default:
      break;
  }
}

void TaskTable::ReapLocked(std::vector<std::thread>& ended) {
  for (auto it = running_.begin(); it != running_.end();) {
    if (it->second.done) {
      ended.push_back(std::move(it->second.thread));
      it = running_.erase(it);
    } else {
      ++it;
    }
  }
}

void TaskTable::Tick() {
  std::vector<std::thread> ended;
  std::vector<std::shared_ptr<Task>> tasks;
  {
    const std::lock_guard lock(mutex_);
    ReapLocked(ended);
    for (const auto& [key, entry] : running_) tasks.push_back(entry.task);
  }
  for (std::thread& thread : ended) thread.join();
  for (const auto& task : tasks) task->Tick();
}

std::vector<pb::TaskSnapshot> TaskTable::Snapshots() const {
  const std::lock_guard lock(mutex_);
  std::vector<pb::TaskSnapshot> snapshots;
  for (const auto& [key, entry] : running_) {
    if (IsQuery(entry.task->offer())) continue;  // died with its session
    if (!entry.done && finished_.count(key) == 0) snapshots.push_back(entry.task->Snapshot());
  }
  for (const auto& [key, task] : finished_) {
    pb::TaskSnapshot& snapshot = snapshots.emplace_back();
    snapshot.set_task_id(task.task_id);
    snapshot.set_attempt(task.attempt);
    snapshot.set_fence(task.fence);
    snapshot.set_phase(pb::TASK_PHASE_FINISHED);
    snapshot.set_last_seq(task.result.seq());
  }
  return snapshots;
}

std::uint32_t TaskTable::running() const {
  const std::lock_guard lock(mutex_);
  return BusySlotsLocked();
}

void TaskTable::Offline() {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, entry] : running_) entry.task->Offline();
}

std::vector<std::string> TaskTable::Unstarted() const {
  const std::lock_guard lock(mutex_);
  return unstarted_;
}

std::uint32_t TaskTable::free_slots() const {
  const std::uint32_t taken = running();
  return taken >= options_.max_concurrent_tasks ? 0 : options_.max_concurrent_tasks - taken;
}

void TaskTable::SetDraining(bool draining) {
  const std::lock_guard lock(mutex_);
  draining_ = draining;
}

bool TaskTable::Stop(std::chrono::milliseconds bound) {
  SetDraining(true);
  std::vector<std::thread> threads;
  {
    std::unique_lock lock(mutex_);
    for (const auto& [key, entry] : running_) {
      if (!entry.done) entry.task->RequestStop(Task::Cause::kStopping);
    }
    const auto all_done = [this] {
      return std::all_of(running_.begin(), running_.end(), [](const auto& entry) { return entry.second.done; });
    };
    if (!ended_.wait_for(lock, bound, all_done)) {
      for (auto& [key, entry] : running_) {
        if (!entry.done) entry.thread.detach();
      }
      return false;
    }
    ReapLocked(threads);
  }
  for (std::thread& thread : threads) thread.join();
  return true;
}

}  // namespace meshplay::sdk
