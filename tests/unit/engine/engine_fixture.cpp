#include "tests/unit/engine/engine_fixture.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/engine/events.h"

namespace meshplay::engine::testing {

void RecordingLink::Send(const TaskOffer& offer) {
  const Status read = store_.Read([&](store::Reader& reader) -> Status {
    MP_TRY(const auto attempt, reader.FindAttempt(offer.operation_id, offer.attempt));
    CHECK(attempt.has_value());
    if (attempt) CHECK(attempt->fence == offer.fence);
    return {};
  });
  CHECK(read.has_value());
  offers.push_back(offer);
}

void RecordingLink::Send(const TaskAck& ack) {
  const Status read = store_.Read([&](store::Reader& reader) -> Status {
    MP_TRY(const auto attempt, reader.FindAttempt(ack.operation_id, ack.attempt));
    if (attempt && !ack.finished) CHECK(attempt->last_seq >= ack.acked_seq);
    return {};
  });
  CHECK(read.has_value());
  acks.push_back(ack);
}

EngineFixture::EngineFixture(EngineOptions engine_options, std::unique_ptr<store::Store> backend)
    : store(std::move(backend)), options(engine_options) {
  RestartServer();
}

EngineFixture::~EngineFixture() = default;

void EngineFixture::RestartServer() {
  core = std::make_unique<internal::Core>(*store, clock, options, [this] { return random; });
  sessions_.clear();
  REQUIRE(core->Recover());
}

void EngineFixture::Settle() {
  core->RunUntilIdle();
}

void EngineFixture::Advance(std::chrono::milliseconds by) {
  while (by.count() > 0) {
    const auto slice = std::min<std::chrono::milliseconds>(by, options.lease_ttl / 6);
    clock.Advance(slice);
    by -= slice;
    Settle();
  }
}

std::string EngineFixture::Serve(const std::string& adapter, const std::string& cluster, const std::string& mesh_type) {
  store::TargetRecord target;
  target.id = internal::TargetId("uid-" + cluster, mesh_type);
  target.tenant = "default";
  target.cluster_id = cluster;
  target.cluster_uid = "uid-" + cluster;
  target.mesh_type = mesh_type;
  target.adapter_id = adapter;
  REQUIRE(store->Write([&](store::Transaction& transaction) { return transaction.PutTarget(target); }));
  return target.id;
}

std::vector<TaskDirective> EngineFixture::Connect(const std::string& adapter, const std::string& instance,
                                                  const std::vector<TaskSnapshot>& tasks, const std::string& replaces,
                                                  std::uint32_t max_tasks) {
  SessionHello hello;
  hello.session_id = "s" + std::to_string(next_session_++);
  hello.adapter_id = adapter;
  hello.instance_id = instance;
  hello.replaces_instance_id = replaces;
  hello.max_concurrent_tasks = max_tasks;
  hello.tasks = tasks;
  if (!links_.contains(adapter)) links_[adapter] = std::make_shared<RecordingLink>(*store);
  auto directives = core->SessionOpened(hello, links_.at(adapter));
  REQUIRE(directives);
  sessions_[adapter] = hello.session_id;
  Settle();
  return *directives;
}

void EngineFixture::Disconnect(const std::string& adapter) {
  core->SessionClosed(sessions_.at(adapter));
  sessions_.erase(adapter);
  Settle();
}

void EngineFixture::Beat() {
  for (const auto& [adapter, session] : sessions_) CHECK(core->Heartbeat(session, clock.NowBoot()));
  Settle();
}

OperationRequest EngineFixture::Request(const std::string& cluster, const std::string& mesh_type) const {
  OperationRequest request;
  request.tenant = "default";
  request.principal = "alice";
  request.kind = TaskKind::kApply;
  request.type = mesh_type + ".install";
  request.cluster_id = cluster;
  request.cluster_uid = "uid-" + cluster;
  request.mesh_type = mesh_type;
  request.parameters_json = "{}";
  request.options_json = "{}";
  request.traits.idempotency = store::Idempotency::kNatural;
  request.traits.cancellation = store::Cancellation::kBetweenSteps;
  request.traits.inverse_type = mesh_type + ".uninstall";
  return request;
}

std::string EngineFixture::Submit(const OperationRequest& request) {
  const auto submitted = core->Submit(request);
  REQUIRE(submitted);
  Settle();
  return submitted->operation.id;
}

TaskOffer EngineFixture::Offered(store::Idempotency idempotency) {
  Serve("a1", "c1");
  Connect("a1");
  OperationRequest request = Request();
  request.traits.idempotency = idempotency;
  Submit(request);
  return LastOffer();
}

TaskOffer EngineFixture::LastOffer(const std::string& adapter) {
  REQUIRE_FALSE(Link(adapter).offers.empty());
  return Link(adapter).offers.back();
}

void EngineFixture::Accept(const TaskOffer& offer, const std::string& adapter) {
  REQUIRE(core->HandleOfferReply(Session(adapter),
                                 {offer.operation_id, offer.attempt, offer.fence, OfferAnswer::kAccepted, {}}));
  Settle();
}

void EngineFixture::Reject(const TaskOffer& offer, const TaskError& error, const std::string& adapter) {
  REQUIRE(core->HandleOfferReply(Session(adapter),
                                 {offer.operation_id, offer.attempt, offer.fence, OfferAnswer::kRejected, error}));
  Settle();
}

TaskUpdate EngineFixture::MakeUpdate(const TaskOffer& offer, std::uint64_t seq, AttemptPhase phase) {
  TaskUpdate update;
  update.operation_id = offer.operation_id;
  update.attempt = offer.attempt;
  update.fence = offer.fence;
  update.seq = seq;
  update.phase = phase;
  return update;
}

TaskResult EngineFixture::MakeResult(const TaskOffer& offer, std::uint64_t seq, Outcome outcome) {
  TaskResult result;
  result.operation_id = offer.operation_id;
  result.attempt = offer.attempt;
  result.fence = offer.fence;
  result.seq = seq;
  result.outcome = outcome;
  return result;
}

TaskError EngineFixture::MakeError(const std::string& reason, ErrorClass error_class, SideEffects side_effects) {
  TaskError error;
  error.reason = reason;
  error.error_class = error_class;
  error.side_effects = side_effects;
  error.message = "as told by the adapter";
  return error;
}

void EngineFixture::Send(const TaskUpdate& update, const std::string& adapter) {
  REQUIRE(core->HandleUpdate(Session(adapter), update));
  Settle();
}

void EngineFixture::Update(const TaskOffer& offer, std::uint64_t seq, AttemptPhase phase, const std::string& adapter) {
  Send(MakeUpdate(offer, seq, phase), adapter);
}

void EngineFixture::Finish(const TaskResult& result, const std::string& adapter) {
  REQUIRE(core->HandleResult(Session(adapter), result));
  Settle();
}

void EngineFixture::Succeed(const TaskOffer& offer, std::uint64_t seq, const std::string& adapter) {
  Finish(MakeResult(offer, seq, Outcome::kSucceeded), adapter);
}

void EngineFixture::Fail(const TaskOffer& offer, std::uint64_t seq, const TaskError& error,
                         const std::string& adapter) {
  TaskResult result = MakeResult(offer, seq, Outcome::kFailed);
  result.error = error;
  Finish(result, adapter);
}

void EngineFixture::Inspected(const TaskOffer& offer, Effect effect, std::uint64_t fence_on_target) {
  REQUIRE(offer.kind == TaskKind::kInspect);
  TaskResult result = MakeResult(offer, 1, Outcome::kSucceeded);
  result.inspection = Inspection{effect, fence_on_target};
  Finish(result);
}

void EngineFixture::Cancel(const std::string& operation_id) {
  REQUIRE(core->Cancel(actor, operation_id, "changed my mind"));
  Settle();
}

store::OperationRecord EngineFixture::Operation(const std::string& id) {
  std::optional<store::OperationRecord> found;
  REQUIRE(store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(found, reader.FindOperation("", id));
    return {};
  }));
  REQUIRE(found);
  return *found;
}

std::string EngineFixture::Reason(const std::string& id) {
  const nlohmann::json error = ParseStored(Operation(id).error_json);
  return error.is_object() ? error.value("reason", "") : "";
}

store::AttemptRecord EngineFixture::Attempt(const std::string& id, std::uint32_t number) {
  std::optional<store::AttemptRecord> found;
  REQUIRE(store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(found, reader.FindAttempt(id, number));
    return {};
  }));
  REQUIRE(found);
  return *found;
}

store::TargetRecord EngineFixture::Target(const std::string& cluster, const std::string& mesh_type) {
  std::optional<store::TargetRecord> found;
  REQUIRE(store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(found, reader.FindTarget("", internal::TargetId("uid-" + cluster, mesh_type)));
    return {};
  }));
  REQUIRE(found);
  return *found;
}

std::vector<store::EventRecord> EngineFixture::Events(const std::string& subject) {
  std::vector<store::EventRecord> events;
  REQUIRE(store->Read([&](store::Reader& reader) -> Status {
    store::EventQuery query;
    query.subject = subject;
    query.limit = 1000;
    MP_TRY(events, reader.ListEvents(query));
    return {};
  }));
  return events;
}

std::vector<std::string> EngineFixture::EventKinds(const std::string& id) {
  std::vector<std::string> kinds;
  for (const store::EventRecord& event : Events("operation/" + id)) {
    kinds.push_back(event.kind.substr(std::string("operation.").size()));
  }
  return kinds;
}

bool EngineFixture::Held(const std::string& scope) {
  bool held = false;
  REQUIRE(store->Read([&](store::Reader& reader) -> Status {
    MP_TRY(const auto hold, reader.FindHold(scope));
    held = hold.has_value();
    return {};
  }));
  return held;
}

}  // namespace meshplay::engine::testing
