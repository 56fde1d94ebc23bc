#include <catch2/catch.hpp>

#include "tests/unit/engine/engine_fixture.h"

using meshplay::engine::AttemptPhase;
using meshplay::engine::ErrorClass;
using meshplay::engine::SideEffects;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::testing::EngineFixture;
using namespace std::chrono_literals;

TEST_CASE("an install goes from queued to succeeded and leaves no lock", "[engine][dispatch]") {
  EngineFixture fx;
  fx.Serve("a1", "c1");
  const std::string id = fx.Submit(fx.Request());
  CHECK(fx.StateName(id) == "QUEUED");

  fx.Connect("a1");
  const TaskOffer offer = fx.LastOffer();
  CHECK(offer.operation_id == id);
  CHECK(offer.attempt == 1);
  CHECK(offer.fence == 1);
  CHECK(offer.idempotency_key == id);
  CHECK(fx.StateName(id) == "DISPATCHING");
  CHECK(fx.Target().locked_by == id);

  fx.Accept(offer);
  CHECK(fx.StateName(id) == "RUNNING");
  fx.Update(offer, 1, AttemptPhase::kReading);
  fx.Update(offer, 2, AttemptPhase::kMutating);
  REQUIRE(fx.Link("a1").acks.size() == 2);
  CHECK(fx.Link("a1").acks.back().acked_seq == 2);
  CHECK_FALSE(fx.Link("a1").acks.back().finished);

  fx.Succeed(offer, 3);
  CHECK(fx.StateName(id) == "SUCCEEDED");
  CHECK(fx.Operation(id).side_effects == SideEffects::kComplete);
  CHECK(fx.Target().locked_by.empty());
  CHECK(fx.Link("a1").acks.back().finished);
  CHECK(fx.EventKinds(id) ==
        std::vector<std::string>{"queued", "dispatching", "running", "progress", "progress", "succeeded"});
}

TEST_CASE("a target is worked on by one operation at a time, first come first served", "[engine][dispatch]") {
  EngineFixture fx;
  const TaskOffer first = fx.Offered();
  const std::string second = fx.Submit(fx.Request());
  const std::string third = fx.Submit(fx.Request());
  CHECK(fx.Link("a1").offers.size() == 1);

  fx.Accept(first);
  fx.Succeed(first, 1);
  CHECK(fx.LastOffer().operation_id == second);
  CHECK(fx.LastOffer().fence == 2);
  CHECK(fx.StateName(third) == "QUEUED");
}

TEST_CASE("kinds that only read take neither lock nor fence", "[engine][dispatch]") {
  EngineFixture fx;
  const TaskOffer apply = fx.Offered();
  auto request = fx.Request();
  request.kind = TaskKind::kPlan;
  const std::string plan = fx.Submit(request);

  CHECK(fx.LastOffer().operation_id == plan);
  CHECK(fx.LastOffer().fence == 0);
  CHECK(fx.Target().locked_by == apply.operation_id);
}

TEST_CASE("an operation is offered only to the adapter that serves the target", "[engine][dispatch]") {
  EngineFixture fx;
  fx.Serve("a2", "c1");
  fx.Connect("a1");
  const std::string id = fx.Submit(fx.Request());
  CHECK(fx.Link("a1").offers.empty());
  CHECK(fx.StateName(id) == "QUEUED");

  fx.Connect("a2");
  CHECK(fx.LastOffer("a2").operation_id == id);
}

TEST_CASE("a busy adapter gets the operation again later and the attempt does not count", "[engine][dispatch]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  auto busy = EngineFixture::MakeError("BUSY", ErrorClass::kThrottled);
  busy.retry_after = 3s;
  fx.Reject(offer, busy);

  CHECK(fx.StateName(offer.operation_id) == "QUEUED");
  CHECK(fx.Operation(offer.operation_id).attempts == 0);
  CHECK(fx.Target().locked_by.empty());
  fx.Advance(2s);
  CHECK(fx.Link("a1").offers.size() == 1);
  fx.Advance(2s);
  REQUIRE(fx.Link("a1").offers.size() == 2);
  CHECK(fx.LastOffer().attempt == 2);
  CHECK(fx.LastOffer().fence == 2);
}

TEST_CASE("a rejection for good fails the operation", "[engine][dispatch]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Reject(offer, EngineFixture::MakeError("PARAMETERS_INVALID", ErrorClass::kInvalid));

  CHECK(fx.StateName(offer.operation_id) == "FAILED");
  CHECK(fx.Reason(offer.operation_id) == "PARAMETERS_INVALID");
  CHECK(fx.Target().locked_by.empty());
}

TEST_CASE("a wrong cluster fails the operation and quarantines the target", "[engine][dispatch]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Reject(offer, EngineFixture::MakeError("TARGET_MISMATCH", ErrorClass::kPrecondition));

  CHECK(fx.StateName(offer.operation_id) == "FAILED");
  CHECK(fx.Target().quarantined_by == offer.operation_id);
  const auto refused = fx.core->Submit(fx.Request());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "TARGET_QUARANTINED");

  REQUIRE(fx.core->Resolve(fx.actor, offer.operation_id, meshplay::engine::Resolution::kCleaned, "right one now"));
  CHECK(fx.Target().quarantined_by.empty());
  CHECK(fx.core->Submit(fx.Request()));
}

TEST_CASE("an offer that nobody answers goes back to the queue after ten seconds", "[engine][dispatch]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  for (int i = 0; i < 2; ++i) {
    fx.Beat();
    fx.Advance(5s);
  }
  CHECK(fx.StateName(offer.operation_id) == "QUEUED");
  CHECK(fx.Operation(offer.operation_id).attempts == 1);
  fx.Beat();
  fx.Advance(2s);
  CHECK(fx.LastOffer().attempt == 2);
}

TEST_CASE("an offer whose session goes away is made again at once to the next one", "[engine][dispatch]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Disconnect("a1");
  CHECK(fx.StateName(offer.operation_id) == "QUEUED");
  CHECK(fx.Target().locked_by.empty());

  fx.Connect("a1");
  CHECK(fx.LastOffer().attempt == 2);
  CHECK(fx.LastOffer().fence == 2);
}

TEST_CASE("what an adapter hands back with its goodbye is not counted as an attempt", "[engine][dispatch]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  REQUIRE(fx.core->HandleGoodbye(fx.Session("a1"), {offer.operation_id}));
  fx.Settle();

  CHECK(fx.StateName(offer.operation_id) == "QUEUED");
  CHECK(fx.Operation(offer.operation_id).attempts == 0);
  CHECK(fx.Link("a1").offers.size() == 1);
}

TEST_CASE("cluster-wide work waits for the meshes of its cluster and gets the highest fence", "[engine][dispatch]") {
  EngineFixture fx;
  const TaskOffer mesh = fx.Offered();
  auto request = fx.Request();
  request.type = "istio.gateway-api";
  request.traits.cluster_wide = true;
  const std::string wide = fx.Submit(request);
  CHECK(fx.StateName(wide) == "QUEUED");

  fx.Accept(mesh);
  fx.Succeed(mesh, 1);
  CHECK(fx.LastOffer().operation_id == wide);
  CHECK(fx.LastOffer().fence == 2);
  const std::string after = fx.Submit(fx.Request());
  CHECK(fx.StateName(after) == "QUEUED");
  fx.Accept(fx.LastOffer());
  fx.Succeed(fx.LastOffer(), 1);
  CHECK(fx.LastOffer().operation_id == after);
  CHECK(fx.LastOffer().fence == 3);
}
