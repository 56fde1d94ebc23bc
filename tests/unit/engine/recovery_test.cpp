#include <catch2/catch.hpp>

#include "tests/unit/engine/engine_fixture.h"

using meshplay::engine::AttemptPhase;
using meshplay::engine::Directive;
using meshplay::engine::Effect;
using meshplay::engine::ErrorClass;
using meshplay::engine::SideEffects;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::testing::EngineFixture;
using namespace std::chrono_literals;

TEST_CASE("a restarted server goes on with what its adapters still run", "[engine][recovery]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.RestartServer();
  fx.Settle();
  CHECK(fx.StateName(offer.operation_id) == "RUNNING");

  const auto directives = fx.Connect("a1", "i1", {{offer.operation_id, 1, offer.fence, AttemptPhase::kMutating, 2}});
  CHECK(directives.at(0).directive == Directive::kContinue);
  CHECK(directives.at(0).resend_from_seq == 2);
  fx.Succeed(offer, 2);
  CHECK(fx.StateName(offer.operation_id) == "SUCCEEDED");
}

TEST_CASE("after a restart each attempt gets lease and step timeout, and its target no other work",
          "[engine][recovery]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  const auto phase = GENERATE(AttemptPhase::kUnspecified, AttemptPhase::kReading, AttemptPhase::kMutating);
  if (phase != AttemptPhase::kUnspecified) {
    fx.Accept(offer);
    fx.Update(offer, 1, phase);
  }
  const std::string waiting = fx.Submit(fx.Request());
  fx.RestartServer();
  fx.Advance(35s);
  CHECK(fx.Target().locked_by == offer.operation_id);
  CHECK(fx.StateName(waiting) == "QUEUED");
  fx.Advance(6s);
  CHECK(fx.StateName(offer.operation_id) == (phase == AttemptPhase::kMutating ? "INSPECTING" : "QUEUED"));
  fx.Connect("a1", "i2");
  CHECK(fx.LastOffer().operation_id == offer.operation_id);
  CHECK(fx.LastOffer().kind == (phase == AttemptPhase::kMutating ? TaskKind::kInspect : TaskKind::kApply));
  CHECK(fx.LastOffer().fence == 2);
}

TEST_CASE("waiting operations and inspections survive a restart", "[engine][recovery]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);

  SECTION("in backoff, with the lock of what is half done") {
    fx.Fail(offer, 2, EngineFixture::MakeError("TARGET_UNREACHABLE", ErrorClass::kTransient, SideEffects::kPartial));
    fx.RestartServer();
    CHECK(fx.Target().locked_by == offer.operation_id);
    fx.Connect("a1", "i2");
    fx.Advance(5s);
    CHECK(fx.LastOffer().attempt == 2);
  }
  SECTION("in the middle of an inspection") {
    fx.Disconnect("a1");
    fx.Connect("a1", "i2", {}, "i1");
    REQUIRE(fx.LastOffer().kind == TaskKind::kInspect);
    fx.RestartServer();
    fx.Connect("a1", "i2");
    REQUIRE(fx.LastOffer().attempt == 3);
    fx.Inspected(fx.LastOffer(), Effect::kComplete);
    CHECK(fx.StateName(offer.operation_id) == "SUCCEEDED");
  }
  SECTION("while it is cancelled") {
    fx.Cancel(offer.operation_id);
    fx.RestartServer();
    const auto directives = fx.Connect("a1", "i1", {{offer.operation_id, 1, offer.fence, AttemptPhase::kMutating, 1}});
    CHECK(directives.at(0).directive == Directive::kCancel);
  }
}

TEST_CASE("counts are right after a restart", "[engine][recovery]") {
  EngineFixture fx;
  fx.Offered();
  fx.Submit(fx.Request());
  const auto before = fx.core->Counts();
  fx.RestartServer();
  CHECK(fx.core->Counts() == before);
  for (const auto& [state, count] : before) {
    CAPTURE(state);
    CHECK(count == (state == "QUEUED" || state == "DISPATCHING" ? 1U : 0U));
  }
}
