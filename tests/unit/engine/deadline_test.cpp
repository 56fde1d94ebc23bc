#include <catch2/catch.hpp>

#include "tests/unit/engine/engine_fixture.h"

using meshplay::engine::AttemptPhase;
using meshplay::engine::Effect;
using meshplay::engine::ErrorClass;
using meshplay::engine::SideEffects;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::testing::EngineFixture;
using namespace std::chrono_literals;

namespace {

void AdvanceWithBeats(EngineFixture& fx, std::chrono::milliseconds by) {
  for (; by.count() > 0; by -= 5s) {
    fx.Advance(5s);
    fx.Beat();
  }
}

TaskOffer OfferedWithDeadline(EngineFixture& fx, std::chrono::milliseconds deadline) {
  fx.Serve("a1", "c1");
  fx.Connect("a1");
  auto request = fx.Request();
  request.deadline = deadline;
  fx.Submit(request);
  return fx.LastOffer();
}

}  // namespace

TEST_CASE("what is never offered expires", "[engine][deadline]") {
  EngineFixture fx;
  const std::string id = fx.Submit(fx.Request());
  fx.Advance(59min);
  CHECK(fx.StateName(id) == "QUEUED");
  fx.Advance(2min);
  CHECK(fx.StateName(id) == "EXPIRED");
  CHECK(fx.Reason(id) == "QUEUE_DEADLINE_EXCEEDED");
}

TEST_CASE("the time budget of an offer is what is left of the deadline", "[engine][deadline]") {
  EngineFixture fx;
  const TaskOffer offer = OfferedWithDeadline(fx, 90s);
  CHECK(offer.time_budget == 90s);
}

TEST_CASE("below the barrier the deadline fails the operation", "[engine][deadline]") {
  EngineFixture fx;
  const TaskOffer offer = OfferedWithDeadline(fx, 60s);
  fx.Accept(offer);
  AdvanceWithBeats(fx, 65s);
  CHECK(fx.StateName(offer.operation_id) == "FAILED");
  CHECK(fx.Reason(offer.operation_id) == "DEADLINE_EXCEEDED");
  CHECK(fx.Operation(offer.operation_id).side_effects == SideEffects::kNone);
  CHECK(fx.Link("a1").cancels.size() == 1);
  CHECK(fx.Target().locked_by.empty());
}

TEST_CASE("past the barrier the deadline cancels, waits for the result and then inspects", "[engine][deadline]") {
  EngineFixture fx;
  const TaskOffer offer = OfferedWithDeadline(fx, 60s);
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  AdvanceWithBeats(fx, 60s);
  CHECK(fx.StateName(offer.operation_id) == "INSPECTING");
  CHECK(fx.Link("a1").cancels.size() == 1);
  CHECK(fx.Link("a1").offers.size() == 1);

  SECTION("the adapter tells what is there") {
    fx.Update(offer, 2, AttemptPhase::kRollingBack);
    CHECK(fx.Link("a1").acks.back().acked_seq == 2);
    fx.Fail(offer, 3,
            EngineFixture::MakeError("DEADLINE_EXCEEDED", ErrorClass::kUnknownOutcome, SideEffects::kPartial));
    CHECK(fx.StateName(offer.operation_id) == "FAILED");
    CHECK(fx.Operation(offer.operation_id).side_effects == SideEffects::kPartial);
  }
  SECTION("the adapter finished in time after all") {
    fx.Succeed(offer, 2);
    CHECK(fx.StateName(offer.operation_id) == "SUCCEEDED");
  }
  SECTION("silence: an inspection tells") {
    AdvanceWithBeats(fx, 30s);
    REQUIRE(fx.LastOffer().kind == TaskKind::kInspect);
    fx.Inspected(fx.LastOffer(), Effect::kPartial);
    CHECK(fx.StateName(offer.operation_id) == "FAILED");
    CHECK(fx.Operation(offer.operation_id).side_effects == SideEffects::kPartial);
  }
  SECTION("silence for ever: quarantine") {
    AdvanceWithBeats(fx, 3min);
    CHECK(fx.StateName(offer.operation_id) == "INDETERMINATE");
    CHECK(fx.Target().quarantined_by == offer.operation_id);
  }
}

TEST_CASE("retries stop when attempts or time are used up", "[engine][deadline]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  const auto error = EngineFixture::MakeError("SOMETHING_NEW", ErrorClass::kTransient, SideEffects::kNone);

  SECTION("attempts") {
    for (int i = 1; i <= 5; ++i) {
      CHECK(fx.LastOffer().attempt == static_cast<std::uint32_t>(i));
      fx.Accept(fx.LastOffer());
      fx.Fail(fx.LastOffer(), 1, error);
      for (int wait = 0; wait < 20 && fx.StateName(first.operation_id) == "BACKOFF"; ++wait) AdvanceWithBeats(fx, 5s);
    }
    CHECK(fx.StateName(first.operation_id) == "FAILED");
    CHECK(fx.Reason(first.operation_id) == "SOMETHING_NEW");
    CHECK(fx.Link("a1").offers.size() == 5);
  }
  SECTION("time: an unreachable cluster is not counted and tried until the deadline") {
    const auto unreachable = EngineFixture::MakeError("TARGET_UNREACHABLE", ErrorClass::kTransient, SideEffects::kNone);
    std::size_t failures = 0;
    while (fx.StateName(first.operation_id) != "FAILED" && failures < 100) {
      if (fx.StateName(first.operation_id) == "DISPATCHING") {
        fx.Accept(fx.LastOffer());
        fx.Fail(fx.LastOffer(), 1, unreachable);
        ++failures;
      }
      AdvanceWithBeats(fx, 5s);
    }
    CHECK(failures > 5);
    CHECK(fx.StateName(first.operation_id) == "FAILED");
    CHECK(fx.Operation(first.operation_id).attempts == 0);
  }
}

TEST_CASE("the adapter's retry_after is kept and the attempt does not count", "[engine][deadline]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  fx.Accept(first);
  auto throttled = EngineFixture::MakeError("TARGET_THROTTLED", ErrorClass::kThrottled, SideEffects::kNone);
  throttled.retry_after = 20s;
  fx.Fail(first, 1, throttled);
  CHECK(fx.StateName(first.operation_id) == "BACKOFF");
  CHECK(fx.Operation(first.operation_id).attempts == 0);
  AdvanceWithBeats(fx, 15s);
  CHECK(fx.StateName(first.operation_id) == "BACKOFF");
  AdvanceWithBeats(fx, 5s);
  CHECK(fx.LastOffer().attempt == 2);
}

TEST_CASE("a wall clock that jumps a day expires nothing and storms nothing", "[engine][deadline]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  const std::string waiting = fx.Submit(fx.Request());
  const auto before = fx.Operation(waiting);
  const auto jump = GENERATE(24h, -24h);
  fx.clock.JumpWall(jump);
  fx.Settle();
  CHECK(fx.StateName(offer.operation_id) == "RUNNING");
  CHECK(fx.StateName(waiting) == "QUEUED");
  const std::chrono::milliseconds moved = jump;
  CHECK(fx.Operation(waiting).deadline_unix_ms == before.deadline_unix_ms + moved.count());
  CHECK(fx.Operation(waiting).queue_deadline_unix_ms == before.queue_deadline_unix_ms + moved.count());

  AdvanceWithBeats(fx, 59min);
  CHECK(fx.StateName(waiting) == "QUEUED");
  AdvanceWithBeats(fx, 2min);
  CHECK(fx.StateName(waiting) == "EXPIRED");
}

TEST_CASE("the server does not blame adapters for its own pause", "[engine][deadline]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.clock.Advance(120s);  // One jump: the process was frozen.
  fx.Settle();
  CHECK(fx.StateName(offer.operation_id) == "RUNNING");
  fx.Beat();
  fx.Advance(20s);
  fx.Succeed(offer, 2);
  CHECK(fx.StateName(offer.operation_id) == "SUCCEEDED");
}
