#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "server/engine/engine.h"
#include "tests/unit/engine/engine_fixture.h"

using meshplay::SystemClock;
using meshplay::engine::Actor;
using meshplay::engine::AdapterLink;
using meshplay::engine::AttemptPhase;
using meshplay::engine::CancelRequest;
using meshplay::engine::Engine;
using meshplay::engine::EngineOptions;
using meshplay::engine::OfferAnswer;
using meshplay::engine::Outcome;
using meshplay::engine::SessionHello;
using meshplay::engine::TaskAck;
using meshplay::engine::TaskDirective;
using meshplay::engine::TaskOffer;
using meshplay::engine::testing::EngineFixture;
using meshplay::store::OperationState;
using namespace std::chrono_literals;

namespace {

/// An adapter with a thread of its own that accepts, passes the barrier and succeeds.
class BusyAdapter final : public AdapterLink {
 public:
  BusyAdapter(Engine& engine, std::string session) : engine_(engine), session_(std::move(session)) {
    thread_ = std::thread([this] { Loop(); });
  }
  ~BusyAdapter() override { Stop(); }
  /// Ends the calls into the engine, which must not outlive it.
  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  BusyAdapter(const BusyAdapter&) = delete;
  BusyAdapter& operator=(const BusyAdapter&) = delete;

  void Send(const TaskOffer& offer) override {
    const std::lock_guard lock(mutex_);
    offers_.push_back(offer);
    wake_.notify_all();
  }
  void Send(const TaskAck& ack) override {
    if (!ack.finished) ++acks;
  }
  void Send(const CancelRequest&) override {}
  void Send(const TaskDirective&) override {}

  std::atomic<int> acks{0};

 private:
  void Loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !offers_.empty(); });
      if (stopping_) return;
      const TaskOffer offer = offers_.front();
      offers_.pop_front();
      lock.unlock();
      (void)engine_.HandleOfferReply(session_,
                                     {offer.operation_id, offer.attempt, offer.fence, OfferAnswer::kAccepted, {}});
      (void)engine_.HandleUpdate(session_, EngineFixture::MakeUpdate(offer, 1, AttemptPhase::kMutating));
      (void)engine_.HandleResult(session_, EngineFixture::MakeResult(offer, 2, Outcome::kSucceeded));
      lock.lock();
    }
  }

  Engine& engine_;
  const std::string session_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<TaskOffer> offers_;
  bool stopping_ = false;
  std::thread thread_;
};

SessionHello Hello(const std::string& adapter, const std::string& session) {
  SessionHello hello;
  hello.adapter_id = adapter;
  hello.session_id = session;
  hello.instance_id = "i1";
  hello.max_concurrent_tasks = 4;
  return hello;
}

}  // namespace

TEST_CASE("with its thread the engine brings many operations to an end", "[engine][thread]") {
  EngineFixture fx;  // for the store and the requests
  const SystemClock clock;
  Engine engine(*fx.store, clock, {});
  REQUIRE(engine.Start());
  std::vector<std::shared_ptr<BusyAdapter>> adapters;
  for (const std::string adapter : {"a1", "a2"}) {
    adapters.push_back(std::make_shared<BusyAdapter>(engine, "s-" + adapter));
    REQUIRE(engine.SessionOpened(Hello(adapter, "s-" + adapter), adapters.back()));
  }
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) {
    const std::string cluster = "c" + std::to_string(i % 8);
    if (i < 8) fx.Serve(i % 2 == 0 ? "a1" : "a2", cluster);
    const auto submitted = engine.Submit(fx.Request(cluster));
    REQUIRE(submitted);
    ids.push_back(submitted->operation.id);
  }
  for (const std::string& id : ids) {
    const auto done = engine.Await("default", id, 20s);
    REQUIRE(done);
    CHECK(done->state == OperationState::kSucceeded);
    CHECK(done->last_attempt == 1);
  }
  for (const auto& adapter : adapters) adapter->Stop();
  CHECK(adapters[0]->acks + adapters[1]->acks == 40);
  engine.Stop();
}

TEST_CASE("waiting ends with the time, with the operation, or with the engine", "[engine][thread]") {
  EngineFixture fx;
  const SystemClock clock;
  Engine engine(*fx.store, clock, {});
  REQUIRE(engine.Start());
  const auto submitted = engine.Submit(fx.Request());
  REQUIRE(submitted);
  const std::string id = submitted->operation.id;

  const auto early = engine.Await("default", id, 20ms);
  REQUIRE(early);
  CHECK(early->state == OperationState::kQueued);
  CHECK(engine.Await("other", id, 20ms).error().reason() == "OPERATION_UNKNOWN");

  SECTION("the operation") {
    std::thread canceller([&] { (void)engine.Cancel(Actor{"default", "alice", "r"}, id, ""); });
    const auto done = engine.Await("default", id, 20s);
    canceller.join();
    REQUIRE(done);
    CHECK(done->state == OperationState::kCancelled);
  }
  SECTION("the engine") {
    std::thread stopper([&] { engine.Stop(); });
    const auto done = engine.Await("default", id, 20s);
    stopper.join();
    REQUIRE(done);
    CHECK(done->state == OperationState::kQueued);
  }
}

TEST_CASE("a claim that the inventory writes later wakes the scheduler", "[engine][thread]") {
  EngineFixture fx;
  const SystemClock clock;
  Engine engine(*fx.store, clock, {});
  REQUIRE(engine.Start());
  const auto adapter = std::make_shared<BusyAdapter>(engine, "s1");
  REQUIRE(engine.SessionOpened(Hello("a1", "s1"), adapter));
  const auto submitted = engine.Submit(fx.Request());
  REQUIRE(submitted);

  fx.Serve("a1", "c1");
  REQUIRE(fx.store->Write([](meshplay::store::Transaction& transaction) -> meshplay::Status {
    meshplay::store::EventRecord event;
    event.tenant = "default";
    event.subject = "target/x";
    event.kind = "target.assigned";
    event.body_json = "{}";
    MP_TRY([[maybe_unused]] const auto seq, transaction.AddEvent(event));
    return {};
  }));
  const auto done = engine.Await("default", submitted->operation.id, 20s);
  REQUIRE(done);
  CHECK(done->state == OperationState::kSucceeded);
  adapter->Stop();
  engine.Stop();
}
