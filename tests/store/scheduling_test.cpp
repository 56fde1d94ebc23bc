#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;
using Texts = std::vector<std::string>;

namespace {

Texts Dispatchable(Backend& backend, UnixMs now, std::uint32_t limit = 100) {
  return Ids(backend.Read([&](Reader& r) { return r.ListDispatchable(now, limit); }));
}

std::string LockReason(Backend& backend, const std::string& target, const std::string& operation) {
  const Status done = backend.store().Write([&](Transaction& tx) { return tx.Lock(target, operation); });
  if (done) return "";
  return done.error().reason() + " " + done.error().metadata().at("holder");
}

}  // namespace

TEST_CASE("dispatchable operations come by priority, then id, when they are due") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    Take(tx.PutTarget(SampleTarget("t-1")));
    for (const char* id : {"op-1", "op-2", "op-3", "op-4", "op-5", "op-6"}) {
      OperationRecord row = SampleOperation(id);
      if (row.id == "op-2") row.priority = 0;
      if (row.id == "op-3") row.not_before_unix_ms = 101;
      if (row.id == "op-4") row.state = OperationState::kBackoff;
      if (row.id == "op-5") row.queue_deadline_unix_ms = 100;
      if (row.id == "op-6") row.deadline_unix_ms = 100;
      Take(tx.InsertOperation(row));
    }
  });
  CHECK(Dispatchable(backend, 100) == Texts{"op-2", "op-1"});
  CHECK(Dispatchable(backend, 100, 1) == Texts{"op-2"});
  CHECK(Dispatchable(backend, 101) == Texts{"op-2", "op-1", "op-3"});
  CHECK(Dispatchable(backend, 99) == Texts{"op-2", "op-1", "op-5", "op-6"});
}

TEST_CASE("locks, quarantines and holds keep operations from being dispatched") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    Take(tx.PutTarget(SampleTarget("t-1")));
    Take(tx.PutTarget(SampleTarget("t-2", "linkerd")));
    OperationRecord apply = SampleOperation("op-1");
    OperationRecord plan = SampleOperation("op-2");
    plan.kind = TaskKind::kPlan;
    OperationRecord wide = SampleOperation("op-3");
    wide.target_id = "t-2";
    wide.traits.cluster_wide = true;
    OperationRecord foreign = SampleOperation("op-4");
    foreign.target_id = "t-unknown";
    foreign.type = "linkerd.check";
    for (const OperationRecord& row : {apply, plan, wide, foreign}) Take(tx.InsertOperation(row));
  });
  REQUIRE(Dispatchable(backend, 1) == Texts{"op-1", "op-2", "op-3", "op-4"});

  SECTION("a lock of another operation stops those that lock, and cluster-wide ones of that cluster") {
    backend.Write([](Transaction& tx) { Take(tx.Lock("t-1", "op-9")); });
    CHECK(Dispatchable(backend, 1) == Texts{"op-2", "op-4"});
  }
  SECTION("an own lock does not stop it") {
    backend.Write([](Transaction& tx) { Take(tx.Lock("t-1", "op-1")); });
    CHECK(Dispatchable(backend, 1) == Texts{"op-1", "op-2", "op-4"});
  }
  SECTION("a quarantine stops those that lock") {
    TargetRecord target = SampleTarget("t-1");
    target.quarantined_by = "op-0";
    backend.Write([&](Transaction& tx) { Take(tx.PutTarget(target)); });
    CHECK(Dispatchable(backend, 1) == Texts{"op-2", "op-3", "op-4"});
  }
  SECTION("a hold of the target stops all of it") {
    backend.Write([](Transaction& tx) { Take(tx.PutHold({"target/t-1", "CREDENTIALS", "bad", 1})); });
    CHECK(Dispatchable(backend, 1) == Texts{"op-3", "op-4"});
    backend.Write([](Transaction& tx) { Take(tx.DeleteHold("target/t-1")); });
    CHECK(Dispatchable(backend, 1).size() == 4);
  }
  SECTION("a hold of a type stops that type") {
    backend.Write([](Transaction& tx) { Take(tx.PutHold({"type/istio.install", "POISON", "", 1})); });
    CHECK(Dispatchable(backend, 1) == Texts{"op-4"});
    CHECK(backend.Read([](Reader& r) { return r.FindHold("type/istio.install"); })->reason == "POISON");
    CHECK(backend.Read([](Reader& r) { return r.ListHolds(); }).size() == 1);
  }
}

TEST_CASE("the wildcard target of a cluster and its mesh targets exclude each other") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    Take(tx.PutTarget(SampleTarget("t-all", "*")));
    Take(tx.PutTarget(SampleTarget("t-1", "istio")));
    Take(tx.PutTarget(SampleTarget("t-2", "linkerd")));
    TargetRecord elsewhere = SampleTarget("t-west", "istio");
    elsewhere.cluster_uid = "uid-west";
    Take(tx.PutTarget(elsewhere));
  });

  CHECK(LockReason(backend, "t-1", "op-1").empty());
  CHECK(LockReason(backend, "t-1", "op-1").empty());
  CHECK(LockReason(backend, "t-1", "op-2") == "TARGET_LOCKED op-1");
  CHECK(LockReason(backend, "t-2", "op-2").empty());
  CHECK(LockReason(backend, "t-all", "op-3") == "TARGET_LOCKED op-1");
  CHECK(LockReason(backend, "t-west", "op-3").empty());
  backend.Write([](Transaction& tx) {
    Take(tx.Unlock("t-1", "op-7"));  // not the holder: nothing happens
    Take(tx.Unlock("t-2", "op-2"));
  });
  CHECK(LockReason(backend, "t-all", "op-3") == "TARGET_LOCKED op-1");
  CHECK(LockReason(backend, "t-all", "op-1").empty());
  backend.Write([](Transaction& tx) { Take(tx.Unlock("t-1", "op-1")); });
  CHECK(LockReason(backend, "t-2", "op-2") == "TARGET_LOCKED op-1");
  backend.Write([](Transaction& tx) { Take(tx.Unlock("t-all", "op-1")); });
  CHECK(LockReason(backend, "t-2", "op-2").empty());

  const Status unknown = backend.store().Write([](Transaction& tx) { return tx.Lock("t-none", "op-1"); });
  CHECK(unknown.error().reason() == "ROW_UNKNOWN");
}

TEST_CASE("a target shows its holder, whatever the caller puts there") {
  Backend backend(AnyBackend());
  TargetRecord target = SampleTarget("t-1");
  target.locked_by = "op-lie";
  backend.Write([&](Transaction& tx) { Take(tx.PutTarget(target)); });
  CHECK(backend.Read([](Reader& r) { return r.FindTarget("default", "t-1"); })->locked_by.empty());
  backend.Write([&](Transaction& tx) {
    Take(tx.Lock("t-1", "op-1"));
    target.fence = 5;
    Take(tx.PutTarget(target));
  });
  TargetRecord expected = target;
  expected.locked_by = "op-1";
  CHECK(backend.Read([](Reader& r) { return r.FindTarget("default", "t-1"); }) == expected);
  CHECK(backend.Read([](Reader& r) { return r.ListTargets("default", "east", "", 10); }) == std::vector{expected});
  CHECK(backend.Read([](Reader& r) { return r.ListTargets("default", "east", "t-1", 10); }).empty());
  CHECK(backend.Read([](Reader& r) { return r.ListTargets("default", "west", "", 10); }).empty());
}

TEST_CASE("timers: what is over, and the next moment at which something is") {
  Backend backend(AnyBackend());
  CHECK_FALSE(backend.Read([](Reader& r) { return r.NextTimer(0); }));
  backend.Write([](Transaction& tx) {
    OperationRecord backoff = SampleOperation("op-1");
    backoff.state = OperationState::kBackoff;
    backoff.not_before_unix_ms = 100;
    OperationRecord queued = SampleOperation("op-2");
    queued.not_before_unix_ms = 150;
    queued.queue_deadline_unix_ms = 200;
    OperationRecord running = SampleOperation("op-3");
    running.state = OperationState::kRunning;
    running.not_before_unix_ms = 120;  // of an earlier wait: no timer any more
    running.deadline_unix_ms = 300;
    OperationRecord finished = SampleOperation("op-4");
    finished.state = OperationState::kFailed;
    finished.deadline_unix_ms = 50;
    for (const OperationRecord& row : {backoff, queued, running, finished}) Take(tx.InsertOperation(row));
  });
  const auto next = [&](UnixMs now) { return backend.Read([&](Reader& r) { return r.NextTimer(now); }); };
  const auto over = [&](UnixMs now) { return Ids(backend.Read([&](Reader& r) { return r.ListTimedOut(now, 10); })); };
  CHECK(next(0) == 100);
  CHECK(next(100) == 150);
  CHECK(next(150) == 200);
  CHECK(next(200) == 300);
  CHECK_FALSE(next(300));
  CHECK(over(99).empty());
  CHECK(over(100) == Texts{"op-1"});
  CHECK(over(200) == Texts{"op-1", "op-2"});
  CHECK(over(300) == Texts{"op-1", "op-2", "op-3"});
  CHECK(backend.Read([](Reader& r) { return r.ListTimedOut(300, 1); }).size() == 1);
}
