#include "adapters/sdk/internal/task.h"

#include <catch2/catch.hpp>
#include <future>

namespace meshplay::sdk {
namespace {

using namespace std::chrono_literals;

/// Keeps what was sent. Threads: any.
class FakeLink final : public SessionLink {
 public:
  void Send(const pb::AdapterFrame& frame) override {
    const std::lock_guard lock(mutex_);
    sent_.push_back(frame);
    changed_.notify_all();
  }
  Result<pb::ResolveSecretsResponse> ResolveSecrets(pb::ResolveSecretsRequest) override {
    return Unavailable("HUB_UNREACHABLE", "no session");
  }
  Result<pb::SecretRef> StoreSecret(pb::StoreSecretRequest) override {
    return Unavailable("HUB_UNREACHABLE", "no session");
  }
  std::vector<pb::TaskUpdate> Updates() const {
    const std::lock_guard lock(mutex_);
    std::vector<pb::TaskUpdate> updates;
    for (const auto& frame : sent_) updates.push_back(frame.task_update());
    return updates;
  }
  bool WaitFor(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [&] { return sent_.size() >= count; });
  }
  void Clear() {
    const std::lock_guard lock(mutex_);
    sent_.clear();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<pb::AdapterFrame> sent_;
};

struct Fixture {
  explicit Fixture(std::chrono::seconds budget = 0s) {
    pb::TaskOffer offer;
    offer.set_task_id("task-1");
    offer.set_attempt(3);
    offer.set_fence(9);
    offer.mutable_time_budget()->set_seconds(budget.count());
    offer.mutable_progress_interval()->set_seconds(10);
    task = std::make_unique<Task>(offer, clock, lease, link, TaskLimits{4, 5});
    lease.Extend(clock.NowBoot(), 30s, 5s);
  }
  static pb::ObjectOutcome Outcome(const std::string& name, bool ok = true) {
    pb::ObjectOutcome outcome;
    outcome.mutable_object()->set_name(name);
    outcome.set_ok(ok);
    return outcome;
  }
  ManualClock clock;
  Lease lease{clock};
  FakeLink link;
  std::unique_ptr<Task> task;
};

TEST_CASE("The lease lasts ttl minus guard from the send time and never gets shorter") {
  ManualClock clock;
  Lease lease(clock);
  CHECK(lease.Left() == 0ms);
  const BootTime sent = clock.NowBoot();
  clock.Advance(2s);
  lease.Extend(sent, 30s, 5s);
  CHECK(lease.Left() == 23s);
  lease.Extend(sent - 10s, 30s, 5s);
  CHECK(lease.Left() == 23s);
  clock.JumpWall(1h);
  CHECK(lease.Left() == 23s);
  clock.Advance(23s);
  CHECK(lease.Left() == 0ms);
}

TEST_CASE("The barrier holds until the server acknowledged MUTATING") {
  Fixture f;
  auto begun = std::async(std::launch::async, [&] { return f.task->BeginMutating(); });
  REQUIRE(f.link.WaitFor(1));
  const pb::TaskUpdate asked = f.link.Updates()[0];
  CHECK(asked.phase() == pb::TASK_PHASE_MUTATING);
  CHECK(asked.fence() == 9);
  CHECK_FALSE(f.task->PastBarrier());
  CHECK(begun.wait_for(50ms) == std::future_status::timeout);
  f.task->Acked(asked.seq());
  CHECK(begun.get());
  CHECK(f.task->PastBarrier());
  CHECK(f.task->BeginMutating());
  CHECK(f.link.Updates().size() == 1);
}

TEST_CASE("A cancel instead of the acknowledgement refuses the barrier") {
  Fixture f;
  auto begun = std::async(std::launch::async, [&] { return f.task->BeginMutating(); });
  REQUIRE(f.link.WaitFor(1));
  f.task->RequestStop(Task::Cause::kCancelled);
  const Status refused = begun.get();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "CANCELLED");
  CHECK_FALSE(f.task->PastBarrier());
  CHECK(f.task->Stopped(pb::SIDE_EFFECTS_NONE).outcome() == pb::OUTCOME_CANCELLED);
}

TEST_CASE("A time budget that ends between MUTATING and its acknowledgement refuses the barrier") {
  Fixture f(60s);
  auto begun = std::async(std::launch::async, [&] { return f.task->BeginMutating(); });
  REQUIRE(f.link.WaitFor(1));
  f.clock.Advance(59s);
  f.task->Tick();
  CHECK(begun.wait_for(20ms) == std::future_status::timeout);
  f.clock.Advance(1s);
  f.task->Tick();
  const Status refused = begun.get();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "DEADLINE_EXCEEDED");
  CHECK(f.task->Stopped(pb::SIDE_EFFECTS_NONE).error().error_class() == pb::ERROR_CLASS_UNKNOWN_OUTCOME);
}

TEST_CASE("Nothing may be changed before the barrier or after the lease") {
  Fixture f;
  CHECK(f.task->MayMutate().error().reason() == "BARRIER_NOT_PASSED");
  auto begun = std::async(std::launch::async, [&] { return f.task->BeginMutating(); });
  REQUIRE(f.link.WaitFor(1));
  f.task->Acked(1);
  REQUIRE(begun.get());
  CHECK(f.task->MayMutate());
  f.clock.Advance(25s);
  CHECK(f.task->MustYield());
  auto waiting = std::async(std::launch::async, [&] { return f.task->MayMutate(); });
  CHECK(waiting.wait_for(50ms) == std::future_status::timeout);
  f.lease.Extend(f.clock.NowBoot(), 30s, 5s);
  CHECK(waiting.get());
  CHECK_FALSE(f.task->MustYield());
}

TEST_CASE("Facts wait, coalesced, when too much is unacknowledged") {
  Fixture f;
  for (int i = 0; i < 10; ++i) f.task->Changed(Fixture::Outcome("object-" + std::to_string(i)));
  f.task->Changed(Fixture::Outcome("object-9", false));
  REQUIRE(f.link.Updates().size() == 4);
  f.task->Acked(1);
  const auto updates = f.link.Updates();
  REQUIRE(updates.size() == 5);
  REQUIRE(updates[4].changes_size() == 6);
  CHECK_FALSE(updates[4].changes(5).ok());
}

TEST_CASE("Without a session what is told stays bounded, and everything comes out after it") {
  Fixture f;
  f.task->Offline();
  for (int i = 0; i < 5'000; ++i) {
    f.task->Changed(Fixture::Outcome("object-" + std::to_string(i % 10)));
    pb::Diagnostic diagnostic;
    diagnostic.set_code("CODE_" + std::to_string(i % 3));
    f.task->Diagnose(diagnostic);
  }
  CHECK(f.link.Updates().empty());
  f.task->Resend(1);
  const auto updates = f.link.Updates();
  REQUIRE(updates.size() == 4);
  for (std::size_t i = 0; i < updates.size(); ++i) CHECK(updates[i].seq() == i + 1);
  f.task->Acked(4);
  const pb::TaskUpdate rest = f.link.Updates().back();
  CHECK(rest.seq() == 5);
  CHECK(rest.changes_size() == 10);
  CHECK(rest.diagnostics_size() == 3);
}

TEST_CASE("CONTINUE counts as an acknowledgement of what comes before it and resends the rest in order") {
  Fixture f;
  for (int i = 0; i < 3; ++i) f.task->Changed(Fixture::Outcome("object-" + std::to_string(i)));
  f.link.Clear();
  f.task->Offline();
  f.task->Resend(3);
  const auto updates = f.link.Updates();
  REQUIRE(updates.size() == 1);
  CHECK(updates[0].seq() == 3);
  CHECK(updates[0].changes(0).object().name() == "object-2");
}

TEST_CASE("Progress is decoration: it is held back above the rate and shown by the next tick") {
  Fixture f;
  f.clock.Advance(1s);
  for (std::uint32_t i = 0; i < 20; ++i) f.task->Progress(i, 20, "working");
  CHECK(f.link.Updates().size() == 1);
  f.clock.Advance(1s);
  f.task->Tick();
  REQUIRE(f.link.Updates().size() == 2);
  CHECK(f.link.Updates()[1].progress().done() == 19);
}

TEST_CASE("A task without news still tells that it lives") {
  Fixture f;
  f.clock.Advance(6s);
  f.task->Tick();
  CHECK(f.link.Updates().size() == 1);
}

TEST_CASE("Being fenced off outweighs a cancel") {
  Fixture f;
  f.task->RequestStop(Task::Cause::kCancelled);
  f.task->RequestStop(Task::Cause::kFenced);
  CHECK(f.task->cause() == Task::Cause::kFenced);
  CHECK(f.task->BeginMutating().error().reason() == "FENCED");
}

TEST_CASE("A checkpoint above 64 KiB is refused") {
  Fixture f;
  CHECK(f.task->SaveCheckpoint(std::string(64 * 1024 + 1, 'x')).error().reason() == "CHECKPOINT_TOO_LARGE");
}

TEST_CASE("The result continues the numbers and carries what is unacknowledged") {
  Fixture f;
  f.task->PlanSteps({{"one", "One"}});
  f.task->StepRunning("one", {});
  f.task->StepDone("one", "done");
  f.task->Acked(1);
  const FinishedTask finished = f.task->Finish(Succeeded());
  CHECK(finished.result.seq() == 4);
  CHECK(finished.updates.size() == 2);
  REQUIRE(finished.result.steps_size() == 1);
  CHECK(finished.result.steps(0).state() == pb::STEP_STATE_DONE);
  f.task->Progress(1, 1, "late");
  f.task->Tick();
  CHECK(f.link.Updates().size() == 3);
}

}  // namespace
}  // namespace meshplay::sdk
