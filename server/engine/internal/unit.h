#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/engine/internal/session_book.h"
#include "server/engine/task.h"
#include "server/engine/transitions.h"
#include "server/store/store.h"

namespace meshplay::engine::internal {

using Frame = std::variant<TaskOffer, TaskAck, CancelRequest, TaskDirective>;

/// What follows a commit: nothing of it happens when the unit fails.
struct Effects {
  std::vector<std::function<void(SessionBook&)>> book;
  std::vector<std::pair<std::string, Frame>> frames;  ///< (session id, frame)
  std::vector<std::pair<store::OperationState, store::OperationState>> moves;
  std::vector<std::string> finished;  ///< Operations that reached a final state.
};

/// The changes that the engine makes inside one transaction. State, lock and event go together or not at all.
/// Threads: lives inside the function given to Store::Write.
class Unit {
 public:
  Unit(store::Transaction& transaction, Effects& effects, UnixMs now) : tx(transaction), effects_(effects), now_(now) {}

  store::Transaction& tx;
  UnixMs now() const { return now_; }

  /// Changes the state by the table and writes the row; announces a change of state as an event. Reaching a final state
  /// gives the lock back. Errors: kInternal TRANSITION_UNKNOWN.
  Status Move(store::OperationRecord& operation, store::OperationState to, Trigger trigger,
              const store::AttemptRecord* attempt, const nlohmann::json& extra = nlohmann::json());

  /// Notes that an operation began its life in `state`.
  void Created(store::OperationState state) { effects_.moves.emplace_back(store::OperationState::kUnspecified, state); }

  Status Event(const store::OperationRecord& operation, const store::AttemptRecord* attempt, std::string_view kind,
               const nlohmann::json& extra);
  Status PlainEvent(const std::string& tenant, const std::string& subject, std::string_view kind,
                    const nlohmann::json& body);
  Status Audit(const std::string& tenant, const std::string& principal, const std::string& request_id,
               const std::string& action, const std::string& object, const nlohmann::json& detail);

  Status EndAttempt(store::AttemptRecord& attempt, const std::string& outcome);

  /// The row of (cluster, mesh type or "*"); made when it does not exist.
  Result<store::TargetRecord> EnsureTarget(const std::string& tenant, const std::string& cluster_id,
                                           const std::string& cluster_uid, const std::string& mesh_type);
  /// Raises the fence of the operation's target above everything known for it, and returns it.
  Result<std::uint64_t> NextFence(const store::OperationRecord& operation);
  /// The fence is at least `seen` from now on.
  Status RaiseFence(const store::OperationRecord& operation, std::uint64_t seen);
  Status Quarantine(const store::OperationRecord& operation, const std::string& reason);
  Status Hold(const std::string& tenant, const std::string& scope, const std::string& reason,
              const std::string& message);
  /// Gives the lock back when nothing that the operation did needs protection.
  Status UnlockUnlessTouched(const store::OperationRecord& operation);

  void Send(const std::string& session_id, Frame frame) { effects_.frames.emplace_back(session_id, std::move(frame)); }
  void AfterCommit(std::function<void(SessionBook&)> change) { effects_.book.push_back(std::move(change)); }

 private:
  Effects& effects_;
  const UnixMs now_;
};

/// The target whose adapter serves the operation: its own, or for cluster-wide work the one of its mesh type.
std::string ServingTargetId(const store::OperationRecord& operation);

/// Id of (cluster, mesh type or "*").
std::string TargetId(const std::string& cluster_uid, const std::string& mesh_type);

inline constexpr const char* kWholeCluster = "*";

}  // namespace meshplay::engine::internal
