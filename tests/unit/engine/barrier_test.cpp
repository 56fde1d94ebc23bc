#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "server/engine/events.h"
#include "tests/unit/engine/engine_fixture.h"

using meshplay::engine::AttemptPhase;
using meshplay::engine::Directive;
using meshplay::engine::ErrorClass;
using meshplay::engine::Outcome;
using meshplay::engine::SideEffects;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::testing::EngineFixture;
using namespace std::chrono_literals;

TEST_CASE("an update that was stored is acknowledged again, a gap is asked for", "[engine][barrier]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kReading);
  fx.Update(offer, 2, AttemptPhase::kReading);
  fx.Update(offer, 1, AttemptPhase::kReading);
  CHECK(fx.Link("a1").acks.back().acked_seq == 2);
  CHECK(fx.Link("a1").acks.size() == 3);

  fx.Update(offer, 5, AttemptPhase::kMutating);
  CHECK(fx.Link("a1").acks.size() == 3);
  REQUIRE(fx.Link("a1").directives.size() == 1);
  CHECK(fx.Link("a1").directives.back().directive == Directive::kContinue);
  CHECK(fx.Link("a1").directives.back().resend_from_seq == 3);
  CHECK(fx.Attempt(offer.operation_id, 1).phase == AttemptPhase::kReading);
}

TEST_CASE("a cancel before the barrier wins: MUTATING gets a directive and no ack", "[engine][barrier]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kReading);
  fx.Cancel(offer.operation_id);
  REQUIRE(fx.Link("a1").cancels.size() == 1);

  const auto phase = GENERATE(AttemptPhase::kMutating, AttemptPhase::kVerifying, AttemptPhase::kRollingBack);
  fx.Update(offer, 2, phase);
  CHECK(fx.Link("a1").acks.back().acked_seq == 1);
  CHECK(fx.Link("a1").directives.back().directive == Directive::kCancel);
  CHECK(fx.Attempt(offer.operation_id, 1).phase == AttemptPhase::kReading);

  auto result = EngineFixture::MakeResult(offer, 3, Outcome::kCancelled);
  result.error = EngineFixture::MakeError("CANCELLED", ErrorClass::kCancelled, SideEffects::kNone);
  fx.Finish(result);
  CHECK(fx.StateName(offer.operation_id) == "CANCELLED");
  CHECK(fx.Link("a1").acks.back().finished);
}

TEST_CASE("an attempt that is fenced off gets ABANDON and no ack", "[engine][barrier]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  fx.Accept(first);
  fx.Advance(41s);
  CHECK(fx.StateName(first.operation_id) == "QUEUED");
  fx.Beat();
  REQUIRE(fx.LastOffer().attempt == 2);

  fx.Update(first, 1, AttemptPhase::kMutating);
  CHECK(fx.Link("a1").acks.empty());
  REQUIRE_FALSE(fx.Link("a1").directives.empty());
  CHECK(fx.Link("a1").directives.back().directive == Directive::kAbandon);
  auto wrong = fx.LastOffer();
  wrong.fence = first.fence;
  fx.Update(wrong, 1, AttemptPhase::kMutating);
  CHECK(fx.Link("a1").acks.empty());
  CHECK(fx.Attempt(first.operation_id, 2).phase == AttemptPhase::kUnspecified);
}

TEST_CASE("a phase never falls back below the barrier", "[engine][barrier]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.Update(offer, 2, AttemptPhase::kReading);
  CHECK(fx.Attempt(offer.operation_id, 1).phase == AttemptPhase::kMutating);
  fx.Update(offer, 3, AttemptPhase::kVerifying);
  fx.Update(offer, 4, AttemptPhase::kUnspecified);
  CHECK(fx.Attempt(offer.operation_id, 1).phase == AttemptPhase::kVerifying);
}

TEST_CASE("a report proves the acceptance whose reply was lost", "[engine][barrier]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Update(offer, 1, AttemptPhase::kReading);
  CHECK(fx.StateName(offer.operation_id) == "RUNNING");
  CHECK(fx.core->HoldsAttempt(fx.Session("a1"), offer.operation_id, 1, offer.fence));
  CHECK_FALSE(fx.core->HoldsAttempt(fx.Session("a1"), offer.operation_id, 1, offer.fence + 1));
  CHECK_FALSE(fx.core->HoldsAttempt("s99", offer.operation_id, 1, offer.fence));

  fx.Succeed(offer, 2);
  CHECK_FALSE(fx.core->HoldsAttempt(fx.Session("a1"), offer.operation_id, 1, offer.fence));
}

TEST_CASE("a result repeated after the end is acknowledged and changes nothing", "[engine][barrier]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Succeed(offer, 1);
  const auto version = fx.Operation(offer.operation_id).version;
  fx.Fail(offer, 1, EngineFixture::MakeError("INTERNAL", ErrorClass::kBug));
  CHECK(fx.Operation(offer.operation_id).version == version);
  CHECK(fx.Link("a1").acks.back().finished);
  CHECK(fx.Attempt(offer.operation_id, 1).late_result_json.empty());
}

TEST_CASE("steps, changes, diagnostics and the checkpoint are stored and told", "[engine][barrier]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  auto update = EngineFixture::MakeUpdate(offer, 1, AttemptPhase::kMutating);
  update.steps = {{1, "preflight", "Check the cluster", "RUNNING", "", 0, 0}};
  update.changes = {{"v1", "Namespace", "", "istio-system", "CREATE", true, "", "u1", "HEALTHY"}};
  update.diagnostics = {{"WARNING", "NARROWED", "less than asked", "", "", "", ""}};
  update.checkpoint = "at-1";
  fx.Send(update);
  auto done = EngineFixture::MakeUpdate(offer, 2, AttemptPhase::kMutating);
  done.steps = {{1, "preflight", "Check the cluster", "DONE", "fine", 0, 0}};
  fx.Advance(2s);
  fx.Send(done);

  REQUIRE(fx.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
    MP_TRY(const auto steps, reader.ListSteps(offer.operation_id, 1));
    REQUIRE(steps.size() == 1);
    CHECK(steps[0].state == "DONE");
    CHECK(steps[0].ended_unix_ms - steps[0].started_unix_ms == 2000);
    MP_TRY(const auto changes, reader.ListOutcomes(offer.operation_id, 0, 10));
    CHECK(changes.size() == 1);
    MP_TRY(const auto diagnostics, reader.ListDiagnostics(offer.operation_id, 0, 10));
    CHECK(diagnostics.size() == 1);
    return {};
  }));
  CHECK(fx.EventKinds(offer.operation_id) ==
        std::vector<std::string>{"queued", "dispatching", "running", "step", "change", "progress", "step"});

  auto unreachable = EngineFixture::MakeError("TARGET_UNREACHABLE", ErrorClass::kTransient, SideEffects::kPartial);
  fx.Fail(offer, 3, unreachable);
  fx.Advance(5s);
  CHECK(fx.LastOffer().attempt == 2);
  CHECK(fx.LastOffer().checkpoint == "at-1");
  for (const auto& event : fx.Events("operation/" + offer.operation_id)) {
    CHECK(event.body_json.find("at-1") == std::string::npos);
  }
}

TEST_CASE("progress is told at most once a second and the last one is not lost", "[engine][barrier]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  for (std::uint32_t i = 1; i <= 20; ++i) {
    auto update = EngineFixture::MakeUpdate(offer, i, AttemptPhase::kReading);
    update.progress_done = i;
    update.progress_total = 20;
    fx.Send(update);
  }
  CHECK(fx.Link("a1").acks.back().acked_seq == 20);
  CHECK(fx.EventKinds(offer.operation_id) == std::vector<std::string>{"queued", "dispatching", "running", "progress"});
  fx.Advance(1s);
  CHECK(fx.EventKinds(offer.operation_id).size() == 5);
  CHECK(fx.Operation(offer.operation_id).progress_done == 20);
  fx.Advance(5s);
  CHECK(fx.EventKinds(offer.operation_id).size() == 5);
}

TEST_CASE("a plan is stored under its digest", "[engine][barrier]") {
  EngineFixture fx;
  fx.Serve("a1", "c1");
  fx.Connect("a1");
  auto request = fx.Request();
  request.kind = TaskKind::kPlan;
  const std::string id = fx.Submit(request);
  fx.Accept(fx.LastOffer());
  auto result = EngineFixture::MakeResult(fx.LastOffer(), 1, Outcome::kSucceeded);
  result.plan_digest = "d1";
  result.plan_json = R"({"changes":[]})";
  result.output_json = R"({"n":1})";
  result.detection_json = "not json";
  fx.Finish(result);

  CHECK(fx.StateName(id) == "SUCCEEDED");
  CHECK(fx.Operation(id).plan_digest == "d1");
  CHECK(fx.Operation(id).result_json == R"({"invalid":["detection"],"output":{"n":1},"plan_digest":"d1"})");
  CHECK(fx.Operation(id).side_effects == SideEffects::kNone);
  REQUIRE(fx.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
    MP_TRY(const auto plan, reader.FindPlan("d1"));
    CHECK((plan && plan->operation_id == id));
    return {};
  }));
}

TEST_CASE("frames of a session that is not open are refused", "[engine][barrier]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  const auto update = EngineFixture::MakeUpdate(offer, 1, AttemptPhase::kReading);
  CHECK(fx.core->HandleUpdate("s99", update).error().reason() == "SESSION_UNKNOWN");
  CHECK(fx.core->Heartbeat("s99", fx.clock.NowBoot()).error().reason() == "SESSION_UNKNOWN");
}
