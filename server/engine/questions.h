#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "libs/base/clock.h"
#include "libs/base/result.h"
#include "server/engine/task.h"

namespace meshplay::engine {

/// A read-only question to one adapter.
struct Question {
  std::string adapter_id;
  std::string type;  ///< "smi.translate"
  std::string mesh_type;
  std::string cluster_id, cluster_uid, mesh_key;  ///< Empty when the question has no target.
  std::string parameters_json = "{}";             ///< At most kMaxQuestionBytes.
  std::string principal, tenant;
  std::chrono::milliseconds timeout{20'000};  ///< At most kMaxQuestionTime.
  std::function<bool()> cancelled;            ///< May be empty; asked a few times a second.
};

inline constexpr std::size_t kMaxQuestionBytes = 1024 * 1024;
inline constexpr std::chrono::milliseconds kMaxQuestionTime{20'000};
inline constexpr std::size_t kMaxOpenQuestions = 64;           ///< Of the server.
inline constexpr std::size_t kMaxOpenQuestionsPerAdapter = 8;  ///< As many as the SDK answers at once.

/// The class of an error of Questions::Ask, by the rule by which an adapter's class became its code. Pure.
ErrorClass ClassOf(const Error& error);

/// Task kind QUERY: request and answer without a row. A question dies with its session or its time; nobody repeats it.
///
/// Threads: any. Ask blocks until there is an answer, so never from an I/O thread or a gRPC reaction.
/// Ownership: keeps a reference to `clock`; keeps each link until its session is closed.
class Questions {
 public:
  explicit Questions(const Clock& clock) : clock_(clock) {}

  /// The adapter's successful result. Errors: kUnavailable ADAPTER_OFFLINE, ADAPTER_DISCONNECTED, STOPPING;
  /// kDeadlineExceeded QUERY_TIMEOUT; kCancelled QUERY_CANCELLED; kResourceExhausted QUERIES_BUSY, QUESTION_TOO_LARGE;
  /// what the adapter answers, with its own reason (kInvalidArgument, kFailedPrecondition, kUnavailable by its class).
  Result<TaskResult> Ask(const Question& question);

  void SessionOpened(const std::string& session_id, const std::string& adapter_id, std::shared_ptr<AdapterLink> link);
  void SessionClosed(const std::string& session_id);
  /// Ends every wait; further questions are refused.
  void Stop();

  /// Whether the frame belongs to a question, open or ended a while ago; then it has been dealt with.
  bool Take(const std::string& session_id, const OfferReply& reply);
  bool Take(const std::string& session_id, const TaskUpdate& update);
  bool Take(const std::string& session_id, const TaskResult& result);
  bool IsQuestion(const std::string& id) const;

  std::size_t open() const;

 private:
  struct Session {
    std::string adapter_id;
    std::shared_ptr<AdapterLink> link;
  };
  struct Waiting {
    std::string session_id;
    bool answered = false;
    Result<TaskResult> answer = Internal("INTERNAL_BUG", "the question was not answered");
  };
  Result<std::string> Register(const Question& question, std::shared_ptr<AdapterLink>& link);
  void Answer(const std::string& id, Result<TaskResult> answer);
  void Remember(const std::string& id);
  std::shared_ptr<AdapterLink> LinkOf(const std::string& session_id) const;

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::map<std::string, Session> sessions_;  ///< By session id.
  std::map<std::string, Waiting> waiting_;   ///< By question id.
  std::deque<std::string> ended_;            ///< Ids whose late frames are still swallowed.
};

}  // namespace meshplay::engine
