#include <catch2/catch.hpp>

#include "tests/unit/engine/engine_fixture.h"

using meshplay::engine::AttemptPhase;
using meshplay::engine::EngineOptions;
using meshplay::engine::ErrorClass;
using meshplay::engine::Resolution;
using meshplay::engine::SideEffects;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::testing::EngineFixture;
using meshplay::store::Idempotency;
using namespace std::chrono_literals;

TEST_CASE("refused credentials hold the target until it is released", "[engine][holds]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Fail(offer, 1, EngineFixture::MakeError("TARGET_FORBIDDEN", ErrorClass::kAuth, SideEffects::kNone));
  CHECK(fx.StateName(offer.operation_id) == "FAILED");
  CHECK(fx.Held("target/" + fx.Target().id));

  const std::string waiting = fx.Submit(fx.Request());
  CHECK(fx.StateName(waiting) == "QUEUED");
  REQUIRE(fx.core->ReleaseTarget(fx.actor, fx.Target().id));
  fx.Settle();
  CHECK(fx.LastOffer().operation_id == waiting);
  CHECK(fx.core->ReleaseTarget(fx.actor, "nothing").error().reason() == "TARGET_UNKNOWN");
}

TEST_CASE("a type that kills its adapters on several targets is held, others run on", "[engine][holds]") {
  EngineFixture fx;
  fx.Serve("a1", "c1");
  fx.Serve("a1", "c2");
  fx.Connect("a1", "i1");
  const std::string first = fx.Submit(fx.Request("c1"));
  const std::string second = fx.Submit(fx.Request("c2"));
  for (const TaskOffer& offer : std::vector<TaskOffer>(fx.Link("a1").offers)) fx.Accept(offer);
  fx.Connect("a1", "i2");
  CHECK_FALSE(fx.Held("type/istio.install"));
  fx.Accept(fx.LastOffer());
  fx.Connect("a1", "i3");
  CHECK(fx.Held("type/istio.install"));
  CHECK(fx.StateName(first) == "QUEUED");
  CHECK(fx.StateName(second) == "QUEUED");

  auto other = fx.Request("c1");
  other.type = "istio.upgrade";
  const std::string healthy = fx.Submit(other);
  CHECK(fx.LastOffer().operation_id == healthy);
  REQUIRE(fx.core->ReleaseTarget(fx.actor, fx.Target("c2").id));
  fx.Settle();
  CHECK_FALSE(fx.Held("type/istio.install"));
  CHECK(fx.LastOffer().operation_id == second);
}

TEST_CASE("a lost network is no crash and holds nothing", "[engine][holds]") {
  EngineFixture fx;
  fx.Serve("a1", "c1");
  fx.Serve("a1", "c2");
  fx.Connect("a1", "i1");
  fx.Submit(fx.Request("c1"));
  fx.Submit(fx.Request("c2"));
  for (int i = 0; i < 3; ++i) {
    for (const TaskOffer& offer : std::vector<TaskOffer>(fx.Link("a1").offers)) fx.Accept(offer);
    fx.Disconnect("a1");
    fx.Advance(41s);
    fx.Connect("a1", "i1");
  }
  CHECK_FALSE(fx.Held("type/istio.install"));
}

TEST_CASE("a quarantine ends when a person resolves it", "[engine][holds]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered(Idempotency::kNone);
  const std::string waiting = fx.Submit(fx.Request());
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.Fail(offer, 2, EngineFixture::MakeError("SOMETHING_NEW", ErrorClass::kTransient, SideEffects::kPartial));
  CHECK(fx.StateName(offer.operation_id) == "INDETERMINATE");
  CHECK(fx.StateName(waiting) == "QUEUED");
  CHECK(fx.core->Submit(fx.Request()).error().reason() == "TARGET_QUARANTINED");
  CHECK(fx.core->Retry(fx.actor, offer.operation_id, "").error().reason() == "TARGET_QUARANTINED");
  auto plan = fx.Request();
  plan.kind = TaskKind::kPlan;
  fx.Submit(plan);
  CHECK(fx.LastOffer().kind == TaskKind::kPlan);

  const std::uint64_t fence = fx.Target().fence;
  const auto resolved = fx.core->Resolve(fx.actor, offer.operation_id, Resolution::kNotApplied, "looked at it");
  REQUIRE(resolved);
  CHECK(resolved->side_effects == SideEffects::kNone);
  CHECK(fx.Target().fence == fence + 1);
  CHECK(fx.EventKinds(offer.operation_id).back() == "resolved");
  fx.Settle();
  CHECK(fx.LastOffer().operation_id == waiting);
  CHECK(fx.core->Resolve(fx.actor, offer.operation_id, Resolution::kApplied, "").error().reason() ==
        "OPERATION_NOT_INDETERMINATE");
}

TEST_CASE("a fence that the adapter saw is topped and the target inspected", "[engine][holds]") {
  EngineFixture fx;
  const TaskOffer offer = fx.Offered();
  auto fenced = EngineFixture::MakeError("FENCED", ErrorClass::kConflict, SideEffects::kNone);
  fenced.metadata["seen"] = "9";
  fx.Reject(offer, fenced);
  CHECK(fx.StateName(offer.operation_id) == "INSPECTING");
  CHECK(fx.LastOffer().kind == TaskKind::kInspect);
  CHECK(fx.LastOffer().fence == 10);
}

TEST_CASE("caps hold: all together, a cluster, an adapter, and the quarter of the reading kinds", "[engine][holds]") {
  EngineOptions options;
  options.max_running = 8;
  options.max_running_per_cluster = 2;
  EngineFixture fx(options);
  const auto submit = [&](const std::string& cluster, const std::string& mesh, TaskKind kind) {
    auto request = fx.Request(cluster, mesh);
    request.kind = kind;
    fx.Submit(request);
  };

  SECTION("two a cluster") {
    for (const std::string mesh : {"m1", "m2", "m3"}) fx.Serve("a1", "c1", mesh);
    fx.Connect("a1");
    for (const std::string mesh : {"m1", "m2", "m3"}) submit("c1", mesh, TaskKind::kApply);
    CHECK(fx.Link("a1").offers.size() == 2);
  }
  SECTION("as many as the adapter takes") {
    for (const std::string cluster : {"c1", "c2", "c3", "c4"}) fx.Serve("a1", cluster);
    fx.Connect("a1", "i1", {}, "", 3);
    for (const std::string cluster : {"c1", "c2", "c3", "c4"}) submit(cluster, "istio", TaskKind::kApply);
    CHECK(fx.Link("a1").offers.size() == 3);
  }
  SECTION("six that change and two that read") {
    fx.Serve("a1", "c0");
    for (int i = 1; i <= 20; ++i) fx.Serve("a1", "c" + std::to_string(i));
    fx.Connect("a1", "i1", {}, "", 100);
    for (int i = 1; i <= 10; ++i) submit("c" + std::to_string(i), "istio", TaskKind::kApply);
    CHECK(fx.Link("a1").offers.size() == 6);
    for (int i = 11; i <= 20; ++i) submit("c" + std::to_string(i), "istio", TaskKind::kDetect);
    CHECK(fx.Link("a1").offers.size() == 8);
    fx.Accept(fx.Link("a1").offers.front());
    fx.Succeed(fx.Link("a1").offers.front(), 1);
    CHECK(fx.Link("a1").offers.size() == 9);
    CHECK(fx.LastOffer().kind == TaskKind::kApply);
  }
}

TEST_CASE("adapters take turns and priorities go first", "[engine][holds]") {
  EngineOptions options;
  options.max_running = 2;  // one that changes at a time
  EngineFixture fx(options);
  std::map<std::string, std::string> adapter_of;
  for (int i = 1; i <= 3; ++i) fx.Serve("a1", "x" + std::to_string(i));
  for (int i = 1; i <= 3; ++i) fx.Serve("a2", "y" + std::to_string(i));
  for (const std::string cluster : {"x1", "x2", "x3", "y1", "y2"}) {
    adapter_of[fx.Submit(fx.Request(cluster))] = cluster;
  }
  auto urgent = fx.Request("y3");
  urgent.priority = 0;
  adapter_of[fx.Submit(urgent)] = "y3";
  fx.Connect("a1");
  // The first one is running before a2 is there.
  fx.Connect("a2");

  std::vector<std::string> order;
  for (int i = 0; i < 6; ++i) {
    for (const std::string adapter : {"a1", "a2"}) {
      auto& offers = fx.Link(adapter).offers;
      if (offers.empty()) continue;
      const TaskOffer offer = offers.back();
      offers.clear();
      order.push_back(adapter_of.at(offer.operation_id));
      fx.Accept(offer, adapter);
      fx.Succeed(offer, 1, adapter);
      break;
    }
  }
  CHECK(order == std::vector<std::string>{"x1", "y3", "x2", "y1", "x3", "y2"});
}

TEST_CASE("a long queue of a silent adapter does not hide the work of others", "[engine][holds]") {
  EngineFixture fx;
  for (int i = 0; i < 1100; ++i) REQUIRE(fx.core->Submit(fx.Request("silent" + std::to_string(i % 7))));
  fx.Serve("a1", "c1");
  fx.Connect("a1");
  const std::string id = fx.Submit(fx.Request());
  CHECK(fx.LastOffer().operation_id == id);
}
