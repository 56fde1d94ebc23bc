#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "server/engine/internal/core.h"
#include "server/store/memory_store.h"
#include "server/store/operation_states.h"
#include "server/store/store.h"

namespace meshplay::engine::testing {

using store::OperationState;

/// Keeps what the engine sent. Checks at each frame that what it says is already in the store (rule R2).
class RecordingLink final : public AdapterLink {
 public:
  explicit RecordingLink(store::Store& store) : store_(store) {}
  void Send(const TaskOffer& offer) override;
  void Send(const TaskAck& ack) override;
  void Send(const CancelRequest& cancel) override { cancels.push_back(cancel); }
  void Send(const TaskDirective& directive) override { directives.push_back(directive); }

  std::vector<TaskOffer> offers;
  std::vector<TaskAck> acks;
  std::vector<CancelRequest> cancels;
  std::vector<TaskDirective> directives;

 private:
  store::Store& store_;
};

/// The engine without its thread over the in-memory store, a clock moved by hand, and adapters that do what they are
/// told to. Every call runs the scheduler until it is idle.
class EngineFixture {
 public:
  explicit EngineFixture(EngineOptions engine_options = {},
                         std::unique_ptr<store::Store> backend = store::NewMemoryStore());
  ~EngineFixture();

  /// The server is killed and starts again over the same store: no session is left.
  void RestartServer();
  /// Moves time in steps that a server that does not sleep would see.
  void Advance(std::chrono::milliseconds by);
  void Settle();

  /// A target of (cluster, mesh type) that the adapter serves, as the inventory would write it.
  std::string Serve(const std::string& adapter, const std::string& cluster, const std::string& mesh_type = "istio");
  std::vector<TaskDirective> Connect(const std::string& adapter, const std::string& instance = "i1",
                                     const std::vector<TaskSnapshot>& tasks = {}, const std::string& replaces = "",
                                     std::uint32_t max_tasks = 8);
  void Disconnect(const std::string& adapter);
  std::string Session(const std::string& adapter) const { return sessions_.at(adapter); }
  RecordingLink& Link(const std::string& adapter) { return *links_.at(adapter); }

  OperationRequest Request(const std::string& cluster = "c1", const std::string& mesh_type = "istio") const;
  std::string Submit(const OperationRequest& request);
  /// Cluster c1, adapter a1 connected and serving it, one APPLY submitted and offered.
  TaskOffer Offered(store::Idempotency idempotency = store::Idempotency::kNatural);
  TaskOffer LastOffer(const std::string& adapter = "a1");

  void Accept(const TaskOffer& offer, const std::string& adapter = "a1");
  void Reject(const TaskOffer& offer, const TaskError& error, const std::string& adapter = "a1");
  void Update(const TaskOffer& offer, std::uint64_t seq, AttemptPhase phase, const std::string& adapter = "a1");
  void Send(const TaskUpdate& update, const std::string& adapter = "a1");
  void Succeed(const TaskOffer& offer, std::uint64_t seq, const std::string& adapter = "a1");
  void Fail(const TaskOffer& offer, std::uint64_t seq, const TaskError& error, const std::string& adapter = "a1");
  void Finish(const TaskResult& result, const std::string& adapter = "a1");
  void Inspected(const TaskOffer& offer, Effect effect, std::uint64_t fence_on_target = 0);
  void Cancel(const std::string& operation_id);
  /// Heartbeats of every connected adapter.
  void Beat();

  store::OperationRecord Operation(const std::string& id);
  OperationState State(const std::string& id) { return Operation(id).state; }
  std::string StateName(const std::string& id) { return std::string(store::OperationStateName(State(id))); }
  std::string Reason(const std::string& id);  ///< Of the public error; "" when there is none.
  store::AttemptRecord Attempt(const std::string& id, std::uint32_t number);
  store::TargetRecord Target(const std::string& cluster = "c1", const std::string& mesh_type = "istio");
  std::vector<std::string> EventKinds(const std::string& id);
  std::vector<store::EventRecord> Events(const std::string& subject);
  bool Held(const std::string& scope);

  static TaskUpdate MakeUpdate(const TaskOffer& offer, std::uint64_t seq, AttemptPhase phase);
  static TaskResult MakeResult(const TaskOffer& offer, std::uint64_t seq, Outcome outcome);
  static TaskError MakeError(const std::string& reason, ErrorClass error_class,
                             SideEffects side_effects = SideEffects::kUnspecified);

  std::unique_ptr<store::Store> store;
  ManualClock clock;
  EngineOptions options;
  double random = 0.5;  ///< What the jitter draws.
  std::unique_ptr<internal::Core> core;
  const Actor actor{"default", "alice", "r1"};

 private:
  std::map<std::string, std::string> sessions_;
  std::map<std::string, std::shared_ptr<RecordingLink>> links_;
  int next_session_ = 1;
};

}  // namespace meshplay::engine::testing
