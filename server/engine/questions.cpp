#include "server/engine/questions.h"

#include <algorithm>
#include <utility>

#include "libs/base/ids.h"

namespace meshplay::engine {
namespace {

constexpr std::size_t kRememberedQuestions = 1'024;
constexpr std::chrono::milliseconds kLookAround{100};
constexpr std::uint32_t kOnlyAttempt = 1;

ErrorCode CodeOf(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kInvalid:
      return ErrorCode::kInvalidArgument;
    case ErrorClass::kPrecondition:
    case ErrorClass::kConflict:
    case ErrorClass::kAuth:  // the adapter's credentials for the cluster, not the caller's
      return ErrorCode::kFailedPrecondition;
    case ErrorClass::kThrottled:
      return ErrorCode::kResourceExhausted;
    case ErrorClass::kCancelled:
      return ErrorCode::kCancelled;
    case ErrorClass::kTransient:
      return ErrorCode::kUnavailable;
    case ErrorClass::kUnspecified:
    case ErrorClass::kUnknownOutcome:
    case ErrorClass::kBug:
      return ErrorCode::kInternal;
  }
  return ErrorCode::kInternal;
}

Error ToError(const TaskError& error) {
  Error out(CodeOf(error.error_class), error.reason.empty() ? "QUERY_FAILED" : error.reason, error.message);
  if (!error.remediation.empty()) out = std::move(out).WithRemediation(error.remediation);
  for (const auto& [key, value] : error.metadata) out = std::move(out).WithMetadata(key, value);
  for (const Violation& violation : error.violations) {
    out = std::move(out).WithViolation(violation.pointer, violation.detail);
  }
  return out;
}

TaskOffer ToOffer(const Question& question, const std::string& id, std::chrono::milliseconds budget) {
  TaskOffer offer;
  offer.operation_id = id;
  offer.attempt = kOnlyAttempt;
  offer.kind = TaskKind::kQuery;
  offer.operation_type = question.type;
  offer.idempotency_key = id;
  offer.cluster_id = question.cluster_id;
  offer.cluster_uid = question.cluster_uid;
  offer.mesh_type = question.mesh_type;
  offer.mesh_key = question.mesh_key;
  offer.parameters_json = question.parameters_json;
  offer.options_json = "{}";
  offer.time_budget = budget;
  offer.principal = question.principal;
  offer.tenant = question.tenant;
  return offer;
}

}  // namespace

ErrorClass ClassOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return ErrorClass::kInvalid;
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
      return ErrorClass::kTransient;
    case ErrorCode::kResourceExhausted:
      return ErrorClass::kThrottled;
    case ErrorCode::kCancelled:
      return ErrorClass::kCancelled;
    case ErrorCode::kInternal:
      return ErrorClass::kBug;
    default:
      return ErrorClass::kPrecondition;
  }
}

Result<std::string> Questions::Register(const Question& question, std::shared_ptr<AdapterLink>& link) {
  if (question.parameters_json.size() > kMaxQuestionBytes) {
    return Error(ErrorCode::kResourceExhausted, "QUESTION_TOO_LARGE", "a question to an adapter holds at most 1 MiB");
  }
  const std::lock_guard lock(mutex_);
  if (stopping_) return Unavailable("STOPPING", "the server is stopping");
  const auto session = std::find_if(sessions_.begin(), sessions_.end(),
                                    [&](const auto& entry) { return entry.second.adapter_id == question.adapter_id; });
  if (session == sessions_.end()) {
    return Unavailable("ADAPTER_OFFLINE", "the adapter has no session with this server")
        .WithMetadata("adapter", question.adapter_id)
        .WithRemediation("Start the adapter, or wait until it is back.");
  }
  const auto same_adapter = static_cast<std::size_t>(std::count_if(
      waiting_.begin(), waiting_.end(), [&](const auto& entry) { return entry.second.session_id == session->first; }));
  if (waiting_.size() >= kMaxOpenQuestions || same_adapter >= kMaxOpenQuestionsPerAdapter) {
    return Error(ErrorCode::kResourceExhausted, "QUERIES_BUSY", "too many questions to adapters are open")
        .WithRetryAfter(std::chrono::seconds(1));
  }
  std::string id = NewUuidV7();
  waiting_[id].session_id = session->first;
  link = session->second.link;
  return id;
}

Result<TaskResult> Questions::Ask(const Question& question) {
  std::shared_ptr<AdapterLink> link;
  MP_TRY(const std::string id, Register(question, link));
  const std::chrono::milliseconds budget = std::min(question.timeout, kMaxQuestionTime);
  const BootTime deadline = clock_.NowBoot() + budget;
  link->Send(ToOffer(question, id, budget));

  std::unique_lock lock(mutex_);
  Waiting& waiting = waiting_.at(id);  // map nodes stay where they are
  bool cancelled = false;
  while (!waiting.answered && clock_.NowBoot() < deadline && !cancelled) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock_.NowBoot());
    changed_.wait_for(lock, std::clamp(left, std::chrono::milliseconds(1), kLookAround));
    if (!question.cancelled) continue;
    lock.unlock();
    cancelled = question.cancelled();
    lock.lock();
  }
  const bool answered = waiting.answered;
  Result<TaskResult> answer = std::move(waiting.answer);
  waiting_.erase(id);
  Remember(id);
  lock.unlock();
  if (answered) return answer;
  link->Send(CancelRequest{id, kOnlyAttempt, "the answer is no longer wanted", std::chrono::milliseconds(0)});
  if (cancelled) return Error(ErrorCode::kCancelled, "QUERY_CANCELLED", "the caller is gone");
  return Error(ErrorCode::kDeadlineExceeded, "QUERY_TIMEOUT", "the adapter did not answer in time")
      .WithMetadata("adapter", question.adapter_id)
      .WithMetadata("timeout_ms", std::to_string(budget.count()));
}

void Questions::Answer(const std::string& id, Result<TaskResult> answer) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end() || found->second.answered) return;
  found->second.answered = true;
  found->second.answer = std::move(answer);
  changed_.notify_all();
}

void Questions::Remember(const std::string& id) {
  ended_.push_back(id);
  if (ended_.size() > kRememberedQuestions) ended_.pop_front();
}

std::shared_ptr<AdapterLink> Questions::LinkOf(const std::string& session_id) const {
  const auto session = sessions_.find(session_id);
  return session == sessions_.end() ? nullptr : session->second.link;
}

void Questions::SessionOpened(const std::string& session_id, const std::string& adapter_id,
                              std::shared_ptr<AdapterLink> link) {
  const std::lock_guard lock(mutex_);
  sessions_[session_id] = {adapter_id, std::move(link)};
}

void Questions::SessionClosed(const std::string& session_id) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(session_id);
  for (const auto& [id, waiting] : waiting_) {
    if (waiting.session_id != session_id) continue;
    Answer(id, Unavailable("ADAPTER_DISCONNECTED", "the adapter's session ended before it answered"));
  }
}

void Questions::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (const auto& [id, waiting] : waiting_) Answer(id, Unavailable("STOPPING", "the server is stopping"));
}

bool Questions::IsQuestion(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return waiting_.count(id) != 0 || std::find(ended_.begin(), ended_.end(), id) != ended_.end();
}

bool Questions::Take(const std::string& /*session_id*/, const OfferReply& reply) {
  if (!IsQuestion(reply.operation_id)) return false;
  if (reply.answer != OfferAnswer::kRejected) return true;
  const std::lock_guard lock(mutex_);
  Answer(reply.operation_id, ToError(reply.rejected));
  return true;
}

bool Questions::Take(const std::string& session_id, const TaskUpdate& update) {
  if (!IsQuestion(update.operation_id)) return false;
  std::shared_ptr<AdapterLink> link;
  {
    const std::lock_guard lock(mutex_);
    link = LinkOf(session_id);
  }
  if (link) link->Send(TaskAck{update.operation_id, update.attempt, update.seq, false});
  return true;
}

bool Questions::Take(const std::string& session_id, const TaskResult& result) {
  if (!IsQuestion(result.operation_id)) return false;
  std::shared_ptr<AdapterLink> link;
  {
    const std::lock_guard lock(mutex_);
    link = LinkOf(session_id);
    const bool good = result.outcome == Outcome::kSucceeded;
    Answer(result.operation_id, good ? Result<TaskResult>(result) : Result<TaskResult>(ToError(result.error)));
  }
  if (link) link->Send(TaskAck{result.operation_id, result.attempt, result.seq, true});
  return true;
}

std::size_t Questions::open() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace meshplay::engine
