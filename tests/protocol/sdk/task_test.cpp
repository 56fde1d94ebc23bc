
#include <catch2/catch.hpp>

#include "tests/protocol/sdk/scripted_hub.h"

namespace meshplay::testing {
namespace {

using namespace std::chrono_literals;

bool IsMutating(const pb::AdapterFrame& frame) {
  return frame.task_update().phase() == pb::TASK_PHASE_MUTATING;
}
bool IsResult(const pb::AdapterFrame& frame) {
  return frame.has_task_result();
}
bool IsAccepted(const pb::AdapterFrame& frame) {
  return frame.offer_reply().has_accepted();
}

/// Passes the barrier, counts one effect, ends.
struct Worker {
  explicit Worker(ScriptedMesh& mesh) {
    mesh.run = [this](sdk::TaskContext& task) {
      task.SetPhase(pb::TASK_PHASE_READING);
      if (!task.BeginMutating()) return task.Stopped(pb::SIDE_EFFECTS_NONE);
      ++effects;
      return sdk::Succeeded();
    };
  }
  std::atomic<int> effects{0};
};

struct Fixture {
  ScriptedHub hub;
  ScriptedMesh mesh;
  Worker worker{mesh};
};

TEST_CASE("Offer, acceptance, barrier, result, acknowledgement, empty outbox") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  talk->Send(Offer("task-1", 1, 7));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait(IsAccepted, frame));
  CHECK(frame.offer_reply().fence() == 7);
  REQUIRE(talk->Wait(IsMutating, frame));
  CHECK(f.worker.effects == 0);
  talk->Send(Ack(frame));
  const std::uint64_t barrier = frame.task_update().seq();
  REQUIRE(talk->Wait(IsResult, frame));
  CHECK(frame.task_result().seq() == barrier + 1);
  CHECK(f.worker.effects == 1);
  CHECK(adapter.OutboxFiles() == 1);
  talk->Send(Ack(frame));
  CHECK(Eventually([&] { return adapter.OutboxFiles() == 0; }));
  CHECK(adapter.Stop() == 0);
}

TEST_CASE("A stream cut at any frame border loses no fact and repeats no effect") {
  const std::string cut_at = GENERATE("after offer", "before barrier ack", "after barrier ack", "before result ack");
  INFO(cut_at);
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  talk->Send(Offer("task-1"));
  pb::AdapterFrame frame;
  std::uint64_t stored = 0;
  if (cut_at == "after offer") REQUIRE(talk->Wait(IsAccepted, frame));
  if (cut_at != "after offer") REQUIRE(talk->Wait(IsMutating, frame));
  if (cut_at == "after barrier ack" || cut_at == "before result ack") {
    stored = frame.task_update().seq();
    talk->Send(Ack(frame));
  }
  if (cut_at == "before result ack") REQUIRE(talk->Wait(IsResult, frame));
  talk->Cut();
  pb::Hello hello;
  talk = f.hub.Welcome(&hello, pb::DIRECTIVE_CONTINUE, stored + 1);
  REQUIRE(hello.tasks_size() == 1);
  CHECK(hello.tasks(0).task_id() == "task-1");
  if (stored == 0) {
    REQUIRE(talk->Wait(IsMutating, frame));
    CHECK(f.worker.effects == 0);
    talk->Send(Ack(frame));
  }
  REQUIRE(talk->Wait(IsResult, frame));
  CHECK(frame.task_result().outcome() == pb::OUTCOME_SUCCEEDED);
  CHECK(f.worker.effects == 1);
  talk->Send(Ack(frame));
  CHECK(Eventually([&] { return adapter.OutboxFiles() == 0; }));
}

TEST_CASE("A cancel before the barrier changes nothing; after it the task stops at its next safe point") {
  const bool before = GENERATE(true, false);
  Fixture f;
  std::atomic<bool> past{false};
  f.mesh.run = [&past](sdk::TaskContext& task) {
    if (!task.BeginMutating()) return task.Stopped(pb::SIDE_EFFECTS_NONE);
    past = true;
    while (task.MayMutate()) std::this_thread::sleep_for(5ms);
    return task.Stopped(pb::SIDE_EFFECTS_PARTIAL);
  };
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  talk->Send(Offer("task-1"));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait(IsMutating, frame));
  if (!before) {
    talk->Send(Ack(frame));
    REQUIRE(Eventually([&] { return past.load(); }));
  }
  pb::ServerFrame cancel;
  cancel.mutable_cancel_task()->set_task_id("task-1");
  cancel.mutable_cancel_task()->set_attempt(1);
  talk->Send(cancel);
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_cancel_reply(); }, frame));
  CHECK(frame.cancel_reply().decision() == pb::CANCEL_DECISION_STOPPING);
  REQUIRE(talk->Wait(IsResult, frame));
  CHECK(frame.task_result().outcome() == pb::OUTCOME_CANCELLED);
  const auto effects = frame.task_result().error().side_effects();
  CHECK(effects == (before ? pb::SIDE_EFFECTS_NONE : pb::SIDE_EFFECTS_PARTIAL));
}

TEST_CASE("A cancel of something unknown is answered as such") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  pb::ServerFrame cancel;
  cancel.mutable_cancel_task()->set_task_id("nobody");
  talk->Send(cancel);
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait([](const auto& seen) { return seen.has_cancel_reply(); }, frame));
  CHECK(frame.cancel_reply().decision() == pb::CANCEL_DECISION_UNKNOWN_TASK);
}

TEST_CASE("An abandoned task stops and sends no result") {
  Fixture f;
  std::atomic<bool> ended{false};
  f.mesh.run = [&](sdk::TaskContext& task) {
    const Status begun = task.BeginMutating();
    ended = !begun && begun.error().reason() == "FENCED";
    return task.Stopped(pb::SIDE_EFFECTS_NONE);
  };
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  talk->Send(Offer("task-1"));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait(IsMutating, frame));
  pb::ServerFrame abandon;
  abandon.mutable_task_directive()->set_task_id("task-1");
  abandon.mutable_task_directive()->set_attempt(1);
  abandon.mutable_task_directive()->set_directive(pb::DIRECTIVE_ABANDON);
  talk->Send(abandon);
  CHECK(Eventually([&] { return ended.load(); }));
  CHECK_FALSE(talk->Wait(IsResult, frame, 200ms));
  CHECK(Eventually([&] { return adapter.OutboxFiles() == 0; }));
}

TEST_CASE("A higher fence on the target fences off the task that holds a lower one; a lower one is refused") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  talk->Send(Offer("task-1", 1, 5));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait(IsMutating, frame));
  const pb::AdapterFrame first = frame;
  talk->Send(Offer("task-1", 2, 6));
  REQUIRE(talk->Wait([](const auto& seen) { return IsMutating(seen) && seen.task_update().attempt() == 2; }, frame));
  talk->Send(Ack(first));
  talk->Send(Ack(frame));
  REQUIRE(talk->Wait(IsResult, frame));
  CHECK(frame.task_result().attempt() == 2);
  CHECK(f.worker.effects == 1);
  talk->Send(Offer("task-1", 3, 4));
  REQUIRE(talk->Wait([](const auto& seen) { return seen.offer_reply().has_rejected(); }, frame));
  CHECK(frame.offer_reply().rejected().reason() == "FENCED");
  CHECK(frame.offer_reply().rejected().metadata().at("seen") == "6");
}

TEST_CASE("A repeated offer is answered again and started once") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  talk->Send(Offer("task-1"));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait(IsMutating, frame));
  talk->Send(Offer("task-1"));
  pb::AdapterFrame again;
  REQUIRE(talk->Wait(IsAccepted, again));
  talk->Send(Ack(frame));
  REQUIRE(talk->Wait(IsResult, frame));
  CHECK(f.worker.effects == 1);
}

TEST_CASE("A key that finished here is not run again") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  talk->Send(Offer("task-1", 1, 1, "test.keyed"));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait(IsMutating, frame));
  talk->Send(Ack(frame));
  REQUIRE(talk->Wait(IsResult, frame));
  talk->Send(Ack(frame));
  talk->Send(Offer("task-1", 2, 2, "test.keyed"));
  REQUIRE(talk->Wait([](const auto& seen) { return seen.offer_reply().has_already_finished(); }, frame));
  REQUIRE(talk->Wait(IsResult, frame));
  CHECK(frame.task_result().attempt() == 2);
  CHECK(f.worker.effects == 1);
}

TEST_CASE("An exception becomes INTERNAL, with side effects by the barrier") {
  Fixture f;
  f.mesh.run = [](sdk::TaskContext&) -> pb::TaskResult { throw 5; };
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  talk->Send(Offer("task-1"));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait(IsResult, frame));
  CHECK(frame.task_result().error().reason() == "INTERNAL");
  CHECK(frame.task_result().error().side_effects() == pb::SIDE_EFFECTS_NONE);
}

TEST_CASE("When the lease runs out mutating stops within ttl minus guard, and goes on after the reconnect") {
  Fixture f;
  f.hub.ttl = 4'800ms;
  std::atomic<std::int64_t> last_allowed{0};
  std::atomic<int> allowed{0};
  const auto now = [] { return std::chrono::steady_clock::now().time_since_epoch() / 1ms; };
  f.mesh.run = [&](sdk::TaskContext& task) {
    if (!task.BeginMutating()) return task.Stopped(pb::SIDE_EFFECTS_NONE);
    while (true) {
      const auto asked = now();  // before the answer, which may reach this line late
      if (!task.MayMutate()) break;
      last_allowed = asked;
      ++allowed;
      std::this_thread::sleep_for(2ms);
    }
    return task.Stopped(pb::SIDE_EFFECTS_PARTIAL);
  };
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  const auto welcomed = now();
  auto talk = f.hub.Welcome();
  const auto told = now();
  talk->Send(Offer("task-1"));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait(IsMutating, frame));
  talk->Send(Ack(frame));
  // No heartbeat is acknowledged: the adapter gives the stream up after ttl and says Hello again.
  pb::Hello hello;
  auto second = f.hub.NextSession(hello);
  CHECK(last_allowed - told <= 4'000);
  CHECK(last_allowed >= welcomed);
  const int before = allowed;
  second->Cut();
  f.hub.ttl = 300s;
  second = f.hub.Welcome(&hello, pb::DIRECTIVE_CONTINUE, hello.tasks(0).last_seq() + 1);
  CHECK(Eventually([&] { return allowed > before; }));
}

TEST_CASE("A result that was not acknowledged is told again by the next process") {
  Fixture f;
  RunningAdapter adapter(f.mesh, f.hub.EnrollFile());
  auto talk = f.hub.Welcome();
  talk->Send(Offer("task-1"));
  pb::AdapterFrame frame;
  REQUIRE(talk->Wait(IsMutating, frame));
  talk->Send(Ack(frame));
  REQUIRE(talk->Wait(IsResult, frame));
  const std::uint64_t seq = frame.task_result().seq();
  CHECK(adapter.Stop() == 0);
  adapter.Start(f.mesh);
  pb::Hello hello;
  talk = f.hub.Welcome(&hello, pb::DIRECTIVE_CONTINUE, seq);
  REQUIRE(hello.tasks_size() == 1);
  CHECK(hello.tasks(0).phase() == pb::TASK_PHASE_FINISHED);
  REQUIRE(talk->Wait(IsResult, frame));
  CHECK(frame.task_result().seq() == seq);
  talk->Send(Ack(frame));
  CHECK(Eventually([&] { return adapter.OutboxFiles() == 0; }));
  CHECK(f.worker.effects == 1);
}

}  // namespace
}  // namespace meshplay::testing
