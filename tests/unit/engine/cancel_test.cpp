#include <catch2/catch.hpp>

#include "tests/unit/engine/engine_fixture.h"

using meshplay::engine::AttemptPhase;
using meshplay::engine::ErrorClass;
using meshplay::engine::Outcome;
using meshplay::engine::SideEffects;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::testing::EngineFixture;
using namespace std::chrono_literals;

namespace {

void EndCancelled(EngineFixture& fx, const TaskOffer& offer, std::uint64_t seq, SideEffects effects) {
  auto result = EngineFixture::MakeResult(offer, seq, Outcome::kCancelled);
  result.error = EngineFixture::MakeError("CANCELLED", ErrorClass::kCancelled, effects);
  fx.Finish(result);
}

}  // namespace

TEST_CASE("a queued operation is cancelled at once", "[engine][cancel]") {
  EngineFixture fx;
  const std::string id = fx.Submit(fx.Request());
  fx.Cancel(id);
  CHECK(fx.StateName(id) == "CANCELLED");
  CHECK(fx.Operation(id).side_effects == SideEffects::kNone);
  CHECK(fx.core->Cancel(fx.actor, id, "").error().reason() == "OPERATION_FINISHED");
  CHECK(fx.core->Cancel(fx.actor, "nothing", "").error().reason() == "OPERATION_UNKNOWN");
}

TEST_CASE("a cancel that overtakes the offer is repeated after the acceptance", "[engine][cancel]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Cancel(offer.operation_id);
  CHECK(fx.StateName(offer.operation_id) == "CANCELLING");
  CHECK(fx.Link("a1").cancels.size() == 1);

  SECTION("accepted") {
    REQUIRE(fx.core->HandleCancelReply(fx.Session("a1"), offer.operation_id, 1, false));  // task not known yet
    CHECK(fx.StateName(offer.operation_id) == "CANCELLING");
    fx.Accept(offer);
    CHECK(fx.StateName(offer.operation_id) == "CANCELLING");
    CHECK(fx.Link("a1").cancels.size() == 2);
    EndCancelled(fx, offer, 1, SideEffects::kNone);
  }
  SECTION("rejected") {
    fx.Reject(offer, EngineFixture::MakeError("BUSY", ErrorClass::kThrottled));
  }
  SECTION("never answered") {
    fx.Advance(6s);
    fx.Beat();
    fx.Advance(6s);
  }
  SECTION("lost with its session") {
    fx.Disconnect("a1");
  }

  CHECK(fx.StateName(offer.operation_id) == "CANCELLED");
  CHECK(fx.Target().locked_by.empty());
}

TEST_CASE("a running operation ends as the adapter says", "[engine][cancel]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.Cancel(offer.operation_id);
  fx.Cancel(offer.operation_id);
  CHECK(fx.StateName(offer.operation_id) == "CANCELLING");
  REQUIRE(fx.core->HandleCancelReply(fx.Session("a1"), offer.operation_id, 1, true));
  fx.Update(offer, 2, AttemptPhase::kRollingBack);
  CHECK(fx.Link("a1").acks.back().acked_seq == 2);

  SECTION("cancelled with a rest") {
    EndCancelled(fx, offer, 3, SideEffects::kPartial);
    CHECK(fx.StateName(offer.operation_id) == "CANCELLED");
    CHECK(fx.Operation(offer.operation_id).side_effects == SideEffects::kPartial);
    CHECK(fx.Operation(offer.operation_id).error_json.find("istio.uninstall") != std::string::npos);
  }
  SECTION("it was faster") {
    fx.Succeed(offer, 3);
    CHECK(fx.StateName(offer.operation_id) == "SUCCEEDED");
  }
  SECTION("it failed for good") {
    fx.Fail(offer, 3, EngineFixture::MakeError("ADMISSION_DENIED", ErrorClass::kInvalid, SideEffects::kPartial));
    CHECK(fx.StateName(offer.operation_id) == "FAILED");
  }
  SECTION("what would be retried is not") {
    fx.Fail(offer, 3, EngineFixture::MakeError("TARGET_UNREACHABLE", ErrorClass::kTransient, SideEffects::kPartial));
    CHECK(fx.StateName(offer.operation_id) == "CANCELLED");
    CHECK(fx.Operation(offer.operation_id).side_effects == SideEffects::kPartial);
  }
  SECTION("the rollback failed") {
    fx.Fail(offer, 3, EngineFixture::MakeError("ROLLBACK_FAILED", ErrorClass::kUnknownOutcome, SideEffects::kPartial));
    CHECK(fx.StateName(offer.operation_id) == "INDETERMINATE");
    CHECK(fx.Target().quarantined_by == offer.operation_id);
  }
  SECTION("the adapter went away") {
    fx.Disconnect("a1");
    fx.Advance(35s);
    CHECK(fx.StateName(offer.operation_id) == "CANCELLING");
    fx.Advance(10s);
    CHECK(fx.StateName(offer.operation_id) == "INSPECTING");
  }
  SECTION("the grace alone starts no inspection while the lease lives") {
    for (int i = 0; i < 20; ++i) {
      fx.Advance(5s);
      fx.Beat();
    }
    CHECK(fx.StateName(offer.operation_id) == "CANCELLING");
  }
  CHECK(fx.EventKinds(offer.operation_id).at(4) == "cancelling");
}

TEST_CASE("past the point of no return the operation runs on", "[engine][cancel]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.Cancel(offer.operation_id);
  REQUIRE(fx.core->HandleCancelReply(fx.Session("a1"), offer.operation_id, 1, false));
  CHECK(fx.StateName(offer.operation_id) == "RUNNING");
  CHECK(fx.Operation(offer.operation_id).cancel_requested);
  fx.Update(offer, 2, AttemptPhase::kVerifying);
  fx.Succeed(offer, 3);
  CHECK(fx.StateName(offer.operation_id) == "SUCCEEDED");
}

TEST_CASE("a cancelled attempt lost below the barrier is cancelled, not tried again", "[engine][cancel]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Cancel(offer.operation_id);
  fx.Disconnect("a1");
  fx.Connect("a1", "i2");
  CHECK(fx.StateName(offer.operation_id) == "CANCELLED");
  CHECK(fx.Link("a1").offers.size() == 1);
}

TEST_CASE("a cancel in backoff tells what is left", "[engine][cancel]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.Fail(offer, 2, EngineFixture::MakeError("TARGET_UNREACHABLE", ErrorClass::kTransient, SideEffects::kPartial));
  CHECK(fx.StateName(offer.operation_id) == "BACKOFF");
  CHECK(fx.Target().locked_by == offer.operation_id);
  fx.Cancel(offer.operation_id);
  CHECK(fx.StateName(offer.operation_id) == "CANCELLED");
  CHECK(fx.Operation(offer.operation_id).side_effects == SideEffects::kPartial);
  CHECK(fx.Operation(offer.operation_id).error_json.find("istio.uninstall") != std::string::npos);
  CHECK(fx.Target().locked_by.empty());
}
