#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;
using Texts = std::vector<std::string>;

TEST_CASE("an operation is stored and returned unchanged, with version 1") {
  Backend backend(AnyBackend());
  OperationRecord expected = SampleOperation("op-1");
  expected.not_before_unix_ms = 5;
  expected.queue_deadline_unix_ms = 6;
  expected.deadline_unix_ms = 7;
  expected.traits.cluster_wide = true;
  expected.retry_of = "op-0";

  backend.Write([&](Transaction& tx) { Take(tx.InsertOperation(expected)); });

  expected.version = 1;
  const auto found = backend.Read([](Reader& r) { return r.FindOperation("default", "op-1"); });
  REQUIRE(found);
  CHECK(*found == expected);
  CHECK(backend.Read([](Reader& r) { return r.FindOperation("", "op-1"); }) == found);
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindOperation("other", "op-1"); }));
}

TEST_CASE("a second insert of an operation is refused") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) { Take(tx.InsertOperation(SampleOperation("op-1"))); });

  const Status again =
      backend.store().Write([](Transaction& tx) { return tx.InsertOperation(SampleOperation("op-1")); });

  REQUIRE_FALSE(again);
  CHECK(again.error().code() == ErrorCode::kAlreadyExists);
  CHECK(again.error().reason() == "ROW_EXISTS");
}

TEST_CASE("an update needs the version that is stored and raises it") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) { Take(tx.InsertOperation(SampleOperation("op-1"))); });
  OperationRecord row = SampleOperation("op-1");

  row.version = 1;
  row.state = OperationState::kDispatching;
  backend.Write([&](Transaction& tx) { Take(tx.UpdateOperation(row)); });
  CHECK(row.version == 2);

  OperationRecord late = row;
  late.version = 1;
  const Status stale = backend.store().Write([&](Transaction& tx) { return tx.UpdateOperation(late); });
  REQUIRE_FALSE(stale);
  CHECK(stale.error().code() == ErrorCode::kAborted);
  CHECK(stale.error().reason() == "VERSION_STALE");
  CHECK(late.version == 1);

  OperationRecord missing = SampleOperation("op-none");
  const Status unknown = backend.store().Write([&](Transaction& tx) { return tx.UpdateOperation(missing); });
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().reason() == "ROW_UNKNOWN");
}

TEST_CASE("a change of state that the table does not have is refused and writes nothing") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) { Take(tx.InsertOperation(SampleOperation("op-1"))); });
  OperationRecord row = SampleOperation("op-1");
  row.version = 1;
  row.state = OperationState::kSucceeded;

  const Status refused = backend.store().Write([&](Transaction& tx) { return tx.UpdateOperation(row); });

  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "TRANSITION_UNKNOWN");
  const auto found = backend.Read([](Reader& r) { return r.FindOperation("", "op-1"); });
  CHECK(found->state == OperationState::kQueued);
  CHECK(found->version == 1);
}

TEST_CASE("a unit that fails or throws leaves nothing behind, and others of its batch stay") {
  Backend backend(AnyBackend());

  std::uint64_t seq = 0;
  const Status failed = backend.store().Write([&seq](Transaction& tx) -> Status {
    MP_CHECK(tx.InsertOperation(SampleOperation("op-1")));
    MP_TRY(seq, tx.AddEvent(SampleEvent("operation/op-1")));
    MP_CHECK(tx.PutMeta("k", "v"));
    MP_CHECK(tx.PutTarget(SampleTarget("t-1")));
    MP_CHECK(tx.Lock("t-1", "op-1"));
    return Internal("SOME_REASON", "no");
  });
  const Status threw = backend.store().Write([](Transaction& tx) -> Status {
    MP_CHECK(tx.InsertOperation(SampleOperation("op-2")));
    throw std::runtime_error("bug");
  });

  CHECK(failed.error().reason() == "SOME_REASON");
  CHECK(seq == 1);
  CHECK(threw.error().reason() == "INTERNAL_BUG");
  CHECK(backend.Read([](Reader& r) { return r.ListOperations({}); }).empty());
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindMeta("k"); }));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindTarget("", "t-1"); }));
  CHECK(backend.Read([](Reader& r) { return r.Horizon(); }).newest == 0);
  backend.Write([](Transaction& tx) { CHECK(Take(tx.AddEvent(SampleEvent("operation/op-3"))) == 1); });
}

TEST_CASE("a unit reads its own writes before the commit") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    Take(tx.InsertOperation(SampleOperation("op-1")));
    CHECK(Take(tx.FindOperation("", "op-1")));
    Take(tx.PutTarget(SampleTarget("t-1")));
    Take(tx.Lock("t-1", "op-1"));
    CHECK(Take(tx.FindTarget("", "t-1"))->locked_by == "op-1");
  });
}

TEST_CASE("operations are listed newest first, filtered and in pages") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    for (const char* id : {"op-1", "op-2", "op-3", "op-4"}) {
      OperationRecord row = SampleOperation(id);
      if (row.id == "op-2") row.state = OperationState::kRunning;
      if (row.id == "op-3") row.tenant = "other";
      if (row.id == "op-4") {
        row.type = "istio.uninstall";
        row.principal = "bob";
        row.cluster_id = "west";
        row.mesh_id = "m-2";
        row.target_id = "t-2";
        row.kind = TaskKind::kPlan;
      }
      Take(tx.InsertOperation(row));
    }
  });
  const auto list = [&](const OperationQuery& query) {
    return Ids(backend.Read([&](Reader& r) { return r.ListOperations(query); }));
  };

  CHECK(list({}) == Texts{"op-4", "op-3", "op-2", "op-1"});
  CHECK(list({.limit = 2}) == Texts{"op-4", "op-3"});
  CHECK(list({.before_id = "op-3"}) == Texts{"op-2", "op-1"});
  CHECK(list({.tenant = "default"}) == Texts{"op-4", "op-2", "op-1"});
  CHECK(list({.states = {OperationState::kRunning}}) == Texts{"op-2"});
  CHECK(list({.states = {OperationState::kRunning, OperationState::kQueued}, .limit = 10}).size() == 4);
  CHECK(list({.type = "istio.uninstall"}) == Texts{"op-4"});
  CHECK(list({.cluster_id = "west"}) == Texts{"op-4"});
  CHECK(list({.mesh_id = "m-2"}) == Texts{"op-4"});
  CHECK(list({.target_id = "t-2"}) == Texts{"op-4"});
  CHECK(list({.principal = "bob"}) == Texts{"op-4"});
  CHECK(list({.kind = TaskKind::kPlan}) == Texts{"op-4"});
  CHECK(list({.tenant = "default", .principal = "alice", .kind = TaskKind::kApply}) == Texts{"op-2", "op-1"});
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListActiveOperations(); })) == Texts{"op-2"});
  using Counts = std::vector<std::pair<OperationState, std::uint64_t>>;
  CHECK(backend.Read([](Reader& r) { return r.CountOperations(); }) ==
        Counts{{OperationState::kQueued, 3}, {OperationState::kRunning, 1}});
}

TEST_CASE("a limit outside its range is refused") {
  Backend backend(AnyBackend());
  const std::uint32_t limit = GENERATE(0U, 10'001U);
  const Status refused = backend.store().Read([&](Reader& r) -> Status {
    MP_CHECK(r.ListOperations({.limit = limit}));
    return {};
  });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "LIMIT_INVALID");
}

TEST_CASE("attempts, steps, outcomes, diagnostics and plans belong to an operation") {
  Backend backend(AnyBackend());
  AttemptRecord attempt;
  attempt.operation_id = "op-1";
  attempt.number = 2;
  attempt.kind = TaskKind::kInspect;
  attempt.fence = 1ULL << 40;
  attempt.adapter_id = "a-1";
  attempt.instance_id = "i-1";
  attempt.session_id = "s-1";
  attempt.phase = AttemptPhase::kMutating;
  attempt.last_seq = 9;
  attempt.checkpoint = std::string("\0\xff\x01 raw", 7);
  attempt.step_timeout = std::chrono::seconds(10);
  attempt.started_unix_ms = 5;
  attempt.outcome = "LOST";
  attempt.late_result_json = "{}";
  const std::vector<StepRecord> steps = {{0, "pull", "Pull the chart", "DONE", "ok", 1, 2},
                                         {1, "apply", "Apply", "RUNNING", "", 3, 0}};
  const ObjectOutcomeRecord first{"v1", "Service", "ns", "web", "CREATE", true, "", "u-1", "HEALTHY"};
  const ObjectOutcomeRecord second{"v1", "Service", "ns", "db", "UPDATE", false, "{}", "u-2", "DEGRADED"};
  const DiagnosticRecord diagnostic{"WARNING", "PORT_NAME", "summary", "detail", "/spec", "{}", "mtls"};

  backend.Write([&](Transaction& tx) {
    Take(tx.InsertOperation(SampleOperation("op-1")));
    Take(tx.PutAttempt(attempt));
    Take(tx.PutSteps("op-1", 2, steps));
    Take(tx.AddOutcomes("op-1", 2, {first}));
    Take(tx.AddOutcomes("op-1", 3, {second}));
    Take(tx.AddDiagnostics("op-1", 2, {diagnostic}));
    Take(tx.PutPlan({"sha256:1", "op-1", "{}"}));
  });

  CHECK(backend.Read([](Reader& r) { return r.FindAttempt("op-1", 2); }) == attempt);
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindAttempt("op-1", 1); }));
  CHECK(backend.Read([](Reader& r) { return r.ListAttempts("op-1"); }) == std::vector{attempt});
  CHECK(backend.Read([](Reader& r) { return r.ListSteps("op-1", 2); }) == steps);
  CHECK(backend.Read([](Reader& r) { return r.ListSteps("op-1", 1); }).empty());
  using Outcomes = std::vector<std::pair<std::uint32_t, ObjectOutcomeRecord>>;
  CHECK(backend.Read([](Reader& r) { return r.ListOutcomes("op-1", 0, 10); }) == Outcomes{{2, first}, {3, second}});
  CHECK(backend.Read([](Reader& r) { return r.ListOutcomes("op-1", 1, 10); }) == Outcomes{{3, second}});
  CHECK(backend.Read([](Reader& r) { return r.ListOutcomes("op-1", 0, 1); }) == Outcomes{{2, first}});
  CHECK(backend.Read([](Reader& r) { return r.ListDiagnostics("op-1", 0, 10); }) == std::vector{diagnostic});
  CHECK(backend.Read([](Reader& r) { return r.FindPlan("sha256:1"); })->operation_id == "op-1");
  CHECK(backend.Read([](Reader& r) { return r.FindPlanOfOperation("op-1"); })->digest == "sha256:1");

  attempt.outcome = "SUCCEEDED";
  backend.Write([&](Transaction& tx) {
    Take(tx.PutAttempt(attempt));
    Take(tx.PutSteps("op-1", 2, {{1, "apply", "Apply", "DONE", "", 3, 4}}));
  });
  CHECK(backend.Read([](Reader& r) { return r.FindAttempt("op-1", 2); })->outcome == "SUCCEEDED");
  CHECK(backend.Read([](Reader& r) { return r.ListSteps("op-1", 2); })[1].state == "DONE");
  CHECK(backend.Read([](Reader& r) { return r.ListSteps("op-1", 2); }).size() == 2);
}

TEST_CASE("parts of an operation that is not there are refused") {
  Backend backend(AnyBackend());
  AttemptRecord attempt;
  attempt.operation_id = "op-none";
  const auto reason = [&](auto work) {
    const Status refused = backend.store().Write(work);
    return refused ? std::string("accepted") : refused.error().reason();
  };
  CHECK(reason([&](Transaction& tx) { return tx.PutAttempt(attempt); }) == "ROW_UNKNOWN");
  CHECK(reason([](Transaction& tx) { return tx.PutSteps("op-none", 1, {{}}); }) == "ROW_UNKNOWN");
  CHECK(reason([](Transaction& tx) { return tx.AddOutcomes("op-none", 1, {{}}); }) == "ROW_UNKNOWN");
  CHECK(reason([](Transaction& tx) { return tx.AddDiagnostics("op-none", 1, {{}}); }) == "ROW_UNKNOWN");
  CHECK(reason([](Transaction& tx) { return tx.PutPlan({"d", "op-none", "{}"}); }) == "ROW_UNKNOWN");
}

TEST_CASE("an idempotency record is found by tenant, principal and key") {
  Backend backend(AnyBackend());
  const IdempotencyRecord record{"default", "alice", "key", "print", "op-1", 77};
  backend.Write([&](Transaction& tx) { Take(tx.PutIdempotency(record)); });

  const auto found = backend.Read([](Reader& r) { return r.FindIdempotency("default", "alice", "key"); });
  REQUIRE(found);
  CHECK(found->fingerprint == "print");
  CHECK(found->operation_id == "op-1");
  CHECK(found->expires_unix_ms == 77);
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindIdempotency("default", "bob", "key"); }));
}
