#include <catch2/catch.hpp>

#include "tests/unit/engine/engine_fixture.h"

using meshplay::engine::AttemptPhase;
using meshplay::engine::Directive;
using meshplay::engine::Effect;
using meshplay::engine::ErrorClass;
using meshplay::engine::Outcome;
using meshplay::engine::SideEffects;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::TaskSnapshot;
using meshplay::engine::testing::EngineFixture;
using meshplay::store::Idempotency;
using namespace std::chrono_literals;

namespace {

TaskSnapshot SnapshotOf(const TaskOffer& offer, AttemptPhase phase, std::uint64_t last_seq) {
  return {offer.operation_id, offer.attempt, offer.fence, phase, last_seq};
}

/// An attempt past the barrier whose adapter died; a new process of it connected after lease and step timeout.
TaskOffer LostPastBarrier(EngineFixture& fx, Idempotency idempotency = Idempotency::kNatural) {
  const TaskOffer offer = fx.Offered(idempotency);
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.Disconnect("a1");
  fx.Advance(41s);
  fx.Connect("a1", "i2");
  return fx.LastOffer();
}

}  // namespace

TEST_CASE("an attempt lost before MUTATING is offered again under a higher fence", "[engine][lost]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  fx.Accept(first);
  fx.Update(first, 1, AttemptPhase::kReading);

  SECTION("because its lease ran out") {
    fx.Disconnect("a1");
    fx.Advance(35s);
    CHECK(fx.StateName(first.operation_id) == "RUNNING");
    CHECK(fx.Target().locked_by == first.operation_id);
    fx.Advance(6s);
    CHECK(fx.StateName(first.operation_id) == "QUEUED");
    CHECK(fx.Target().locked_by.empty());
    fx.Connect("a1", "i2");
  }
  SECTION("because a Hello comes without it") {
    fx.Disconnect("a1");
    const auto directives = fx.Connect("a1", "i2");
    REQUIRE(directives.size() == 1);
    CHECK(directives[0].directive == Directive::kAssumeLost);
  }
  SECTION("because its process is proven dead") {
    fx.Disconnect("a1");
    fx.Connect("a1", "i2", {}, "i1");
  }

  const TaskOffer second = fx.LastOffer();
  CHECK(second.operation_id == first.operation_id);
  CHECK(second.attempt == 2);
  CHECK(second.fence > first.fence);
  CHECK(fx.Attempt(first.operation_id, 1).outcome == "LOST");
  CHECK(fx.EventKinds(first.operation_id) == std::vector<std::string>{"queued", "dispatching", "running", "progress",
                                                                      "attempt_lost", "queued", "dispatching"});
}

TEST_CASE("past the barrier the server waits for lease and step timeout, then inspects", "[engine][lost]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  fx.Accept(first);
  auto update = EngineFixture::MakeUpdate(first, 1, AttemptPhase::kMutating);
  update.step_timeout = 60s;
  fx.Send(update);
  fx.Disconnect("a1");
  fx.Connect("a1", "i2");
  CHECK(fx.StateName(first.operation_id) == "RUNNING");
  for (int i = 0; i < 16; ++i) {
    fx.Advance(5s);
    fx.Beat();
  }
  CHECK(fx.StateName(first.operation_id) == "RUNNING");
  CHECK(fx.Link("a1").offers.size() == 1);
  fx.Advance(10s);

  CHECK(fx.StateName(first.operation_id) == "INSPECTING");
  CHECK(fx.Target().locked_by == first.operation_id);
  const TaskOffer inspect = fx.LastOffer();
  CHECK(inspect.kind == TaskKind::kInspect);
  CHECK(inspect.operation_id == first.operation_id);
  CHECK(inspect.attempt == 2);
  CHECK(inspect.fence == first.fence + 1);
  CHECK(fx.Operation(first.operation_id).attempts == 1);
}

TEST_CASE("a process that is proven dead is inspected at once", "[engine][lost]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  fx.Accept(first);
  fx.Update(first, 1, AttemptPhase::kMutating);
  fx.Disconnect("a1");
  fx.Connect("a1", "i2", {}, "i1");
  CHECK(fx.LastOffer().kind == TaskKind::kInspect);
}

TEST_CASE("the inspection decides what happens next", "[engine][lost]") {
  EngineFixture fx;

  SECTION("nothing happened: again from the start") {
    const TaskOffer inspect = LostPastBarrier(fx, Idempotency::kNone);
    fx.Accept(inspect);
    CHECK(fx.StateName(inspect.operation_id) == "INSPECTING");
    fx.Inspected(inspect, Effect::kNone);
    CHECK(fx.StateName(inspect.operation_id) == "BACKOFF");
    CHECK(fx.Target().locked_by.empty());
    fx.Beat();
    fx.Advance(5s);
    CHECK(fx.LastOffer().attempt == 3);
    CHECK(fx.LastOffer().kind == TaskKind::kApply);
  }
  SECTION("a part happened and may be repeated: the lock is kept") {
    const TaskOffer inspect = LostPastBarrier(fx);
    fx.Inspected(inspect, Effect::kPartial);
    CHECK(fx.StateName(inspect.operation_id) == "BACKOFF");
    CHECK(fx.Target().locked_by == inspect.operation_id);
  }
  SECTION("a part happened and may not be repeated: quarantine") {
    const TaskOffer inspect = LostPastBarrier(fx, Idempotency::kNone);
    fx.Inspected(inspect, Effect::kPartial);
    CHECK(fx.StateName(inspect.operation_id) == "INDETERMINATE");
    CHECK(fx.Target().quarantined_by == inspect.operation_id);
    CHECK(fx.Target().locked_by.empty());
  }
  SECTION("it happened") {
    const TaskOffer inspect = LostPastBarrier(fx, Idempotency::kNone);
    fx.Inspected(inspect, Effect::kComplete);
    CHECK(fx.StateName(inspect.operation_id) == "SUCCEEDED");
    CHECK(fx.Target().locked_by.empty());
  }
  SECTION("nobody can tell") {
    const TaskOffer inspect = LostPastBarrier(fx, Idempotency::kNone);
    fx.Inspected(inspect, Effect::kUnknown);
    CHECK(fx.StateName(inspect.operation_id) == "INDETERMINATE");
  }
  SECTION("a cancel while it ran is honoured") {
    const TaskOffer inspect = LostPastBarrier(fx);
    fx.Cancel(inspect.operation_id);
    CHECK(fx.StateName(inspect.operation_id) == "INSPECTING");
    fx.Inspected(inspect, Effect::kPartial);
    CHECK(fx.StateName(inspect.operation_id) == "CANCELLED");
    CHECK(fx.Operation(inspect.operation_id).side_effects == SideEffects::kPartial);
    CHECK(fx.Operation(inspect.operation_id).error_json.find("istio.uninstall") != std::string::npos);
  }
  SECTION("the fence on the target counts") {
    const TaskOffer inspect = LostPastBarrier(fx);
    fx.Inspected(inspect, Effect::kNone, 40);
    fx.Beat();
    fx.Advance(5s);
    CHECK(fx.LastOffer().fence == 41);
  }
}

TEST_CASE("an inspection that fails for the moment is repeated, one that cannot work ends it", "[engine][lost]") {
  EngineFixture fx;
  const TaskOffer inspect = LostPastBarrier(fx);

  SECTION("the cluster cannot be reached") {
    fx.Fail(inspect, 1, EngineFixture::MakeError("TARGET_UNREACHABLE", ErrorClass::kTransient));
    CHECK(fx.StateName(inspect.operation_id) == "INSPECTING");
    fx.Beat();
    fx.Advance(6s);
    CHECK(fx.LastOffer().kind == TaskKind::kInspect);
    CHECK(fx.LastOffer().attempt == inspect.attempt + 1);
    CHECK(fx.LastOffer().fence == inspect.fence + 1);
  }
  SECTION("the adapter is busy") {
    fx.Reject(inspect, EngineFixture::MakeError("BUSY", ErrorClass::kThrottled));
    CHECK(fx.StateName(inspect.operation_id) == "INSPECTING");
  }
  SECTION("its process dies too") {
    fx.Disconnect("a1");
    fx.Connect("a1", "i3");
    CHECK(fx.LastOffer().attempt == inspect.attempt + 1);
  }
  SECTION("the adapter does not know the operation") {
    fx.Reject(inspect, EngineFixture::MakeError("OPERATION_UNKNOWN", ErrorClass::kInvalid));
    CHECK(fx.StateName(inspect.operation_id) == "INDETERMINATE");
    CHECK(fx.Target().quarantined_by == inspect.operation_id);
  }
}

TEST_CASE("an inspection waits for a live session until the operation's deadline", "[engine][lost]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  fx.Accept(first);
  fx.Update(first, 1, AttemptPhase::kMutating);
  fx.Disconnect("a1");
  fx.Advance(59min);
  CHECK(fx.StateName(first.operation_id) == "INSPECTING");
  fx.Advance(2min);
  CHECK(fx.StateName(first.operation_id) == "INDETERMINATE");
  CHECK(fx.Target().quarantined_by == first.operation_id);
}

TEST_CASE("a cut stream costs nothing: the Hello lists the attempt and it goes on", "[engine][lost]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.Disconnect("a1");
  fx.Advance(20s);
  const auto directives = fx.Connect("a1", "i1", {SnapshotOf(offer, AttemptPhase::kMutating, 3)});
  REQUIRE(directives.size() == 1);
  CHECK(directives[0].directive == Directive::kContinue);
  CHECK(directives[0].resend_from_seq == 2);

  fx.Advance(25s);
  CHECK(fx.StateName(offer.operation_id) == "RUNNING");
  fx.Update(offer, 2, AttemptPhase::kVerifying);
  fx.Succeed(offer, 3);
  CHECK(fx.StateName(offer.operation_id) == "SUCCEEDED");
  CHECK(fx.Operation(offer.operation_id).last_attempt == 1);
}

TEST_CASE("a Hello gets exactly one directive for each attempt it lists", "[engine][lost]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);

  SECTION("a stored result is forgotten") {
    fx.Succeed(offer, 1);
    const auto directives = fx.Connect("a1", "i1", {SnapshotOf(offer, AttemptPhase::kFinished, 1)});
    REQUIRE(directives.size() == 1);
    CHECK(directives[0].directive == Directive::kForget);
  }
  SECTION("an older attempt is abandoned") {
    fx.Disconnect("a1");
    fx.Connect("a1", "i2");
    const auto directives = fx.Connect("a1", "i1", {SnapshotOf(offer, AttemptPhase::kReading, 1)});
    REQUIRE(directives.size() == 2);
    CHECK(directives[0].directive == Directive::kAbandon);
    CHECK(directives[1].directive == Directive::kAssumeLost);
  }
  SECTION("a cancelled one is told so") {
    fx.Cancel(offer.operation_id);
    fx.Disconnect("a1");
    const auto directives = fx.Connect("a1", "i1", {SnapshotOf(offer, AttemptPhase::kReading, 0)});
    REQUIRE(directives.size() == 1);
    CHECK(directives[0].directive == Directive::kCancel);
  }
  SECTION("an offer whose reply was lost is running") {
    EngineFixture other;
    const TaskOffer silent = other.Offered();
    const auto directives = other.Connect("a1", "i1", {SnapshotOf(silent, AttemptPhase::kAccepted, 0)});
    CHECK(directives.at(0).directive == Directive::kContinue);
    CHECK(other.StateName(silent.operation_id) == "RUNNING");
  }
}

TEST_CASE("a result that comes late decides while nobody inspected, else it is evidence", "[engine][lost]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  fx.Accept(first);
  fx.Update(first, 1, AttemptPhase::kMutating);

  SECTION("before the inspection") {
    fx.Advance(41s);  // No heartbeat came, the stream is still open.
    CHECK(fx.StateName(first.operation_id) == "INSPECTING");
    CHECK(fx.Link("a1").offers.size() == 1);
    fx.Succeed(first, 7);
    CHECK(fx.StateName(first.operation_id) == "SUCCEEDED");
    CHECK(fx.Link("a1").acks.back().finished);
  }
  SECTION("listed by a new process that kept its outbox") {
    fx.Disconnect("a1");
    fx.Advance(41s);
    const auto directives = fx.Connect("a1", "i2", {SnapshotOf(first, AttemptPhase::kFinished, 2)});
    CHECK(directives.at(0).directive == Directive::kContinue);
  }
  SECTION("after the inspection began") {
    fx.Advance(41s);
    fx.Beat();
    const TaskOffer inspect = fx.LastOffer();
    REQUIRE(inspect.kind == TaskKind::kInspect);
    fx.Succeed(first, 2);
    CHECK(fx.StateName(first.operation_id) == "INSPECTING");
    CHECK(fx.Attempt(first.operation_id, 1).late_result_json.find("SUCCEEDED") != std::string::npos);
    CHECK(fx.Link("a1").acks.back().finished);
  }
}

TEST_CASE("attempts that are lost again and again use up the operation", "[engine][lost]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  for (int i = 0; i < 5; ++i) {
    fx.Accept(fx.LastOffer());
    fx.Disconnect("a1");
    fx.Connect("a1", "i" + std::to_string(i + 2));
  }
  CHECK(fx.StateName(first.operation_id) == "FAILED");
  CHECK(fx.Reason(first.operation_id) == "CRASHED");
  CHECK(fx.Operation(first.operation_id).side_effects == SideEffects::kNone);
  CHECK(fx.Link("a1").offers.size() == 5);
  CHECK(fx.Target().locked_by.empty());
}

TEST_CASE("an attempt that the store does not know raises fences and is put on record", "[engine][lost]") {
  EngineFixture fx;
  fx.Serve("a1", "c1");
  fx.Serve("a2", "c2");
  const auto directives = fx.Connect("a1", "i1", {{"forgotten", 1, 17, AttemptPhase::kMutating, 4}});
  REQUIRE(directives.size() == 1);
  CHECK(directives[0].directive == Directive::kAbandon);
  CHECK(fx.Target("c1").fence == 18);
  CHECK(fx.Target("c2").fence == 0);
  CHECK(fx.Held("target/" + fx.Target("c1").id));
  CHECK(fx.Events("adapter/a1").size() == 1);
  REQUIRE(fx.core->ReportOrphan(fx.Session("a1"), {"forgotten", 1, 17, AttemptPhase::kMutating, 4}));
  CHECK(fx.Events("adapter/a1").size() == 1);

  const std::string id = fx.Submit(fx.Request());
  CHECK(fx.StateName(id) == "QUEUED");
  REQUIRE(fx.core->ReleaseTarget(fx.actor, fx.Target("c1").id));
  fx.Settle();
  CHECK(fx.LastOffer().fence == 19);
}
