#include <atomic>
#include <future>
#include <thread>

#include "server/store/internal/rules.h"
#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;
using namespace std::chrono_literals;
using Seqs = std::vector<std::uint64_t>;

namespace {

Seqs Seen(Backend& backend, const EventQuery& query) {
  Seqs seqs;
  for (const EventRecord& e : backend.Read([&](Reader& r) { return r.ListEvents(query); })) seqs.push_back(e.seq);
  return seqs;
}

}  // namespace

TEST_CASE("events are numbered without holes and found by prefix") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    CHECK(Take(tx.AddEvent(SampleEvent("operation/1", "operation.queued"))) == 1);
    CHECK(Take(tx.AddEvent(SampleEvent("operation/2", "operation.step"))) == 2);
    CHECK(Take(tx.AddEvent(SampleEvent("operations", "operationx"))) == 3);
    EventRecord other = SampleEvent("mesh/1", "mesh.appeared");
    other.tenant = "other";
    CHECK(Take(tx.AddEvent(other)) == 4);
  });
  CHECK(Seen(backend, {}) == Seqs{1, 2, 3, 4});
  CHECK(Seen(backend, {.after_seq = 2}) == Seqs{3, 4});
  CHECK(Seen(backend, {.limit = 3}) == Seqs{1, 2, 3});
  CHECK(Seen(backend, {.tenant = "default"}) == Seqs{1, 2, 3});
  CHECK(Seen(backend, {.subject = "operation/"}) == Seqs{1, 2});
  CHECK(Seen(backend, {.subject = "operation/2"}) == Seqs{2});
  CHECK(Seen(backend, {.kind = "operation."}) == Seqs{1, 2});
  CHECK(Seen(backend, {.kind = "operation.step"}) == Seqs{2});
  CHECK(backend.store().NewestEventSeq() == 4);
  const EventHorizon horizon = backend.Read([](Reader& r) { return r.Horizon(); });
  CHECK(horizon.oldest == 1);
  CHECK(horizon.newest == 4);
  CHECK(horizon.epoch > 0);
  EventRecord expected = SampleEvent("operation/2", "operation.step");
  expected.seq = 2;
  CHECK(backend.Read([](Reader& r) { return r.ListEvents({.after_seq = 1, .limit = 1}); }) == std::vector{expected});
}

TEST_CASE("many threads that write at once leave a gapless sequence and every row") {
  Backend backend(AnyBackend());
  constexpr int kThreads = 8;
  constexpr int kUnits = 50;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kUnits; ++i) {
        const std::string id = "op-" + std::to_string(t) + "-" + std::to_string(i);
        const bool fails = i % 10 == 9;
        const Status done = backend.store().Write([&](Transaction& tx) -> Status {
          MP_CHECK(tx.InsertOperation(SampleOperation(id)));
          MP_CHECK(tx.AddEvent(SampleEvent("operation/" + id)));
          if (fails) return Internal("ON_PURPOSE", "fails");
          return {};
        });
        if (done.has_value() == fails) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(failures == 0);
  constexpr std::uint64_t kKept = kThreads * (kUnits - kUnits / 10);
  const Seqs seqs = Seen(backend, {.limit = 1'000});
  REQUIRE(seqs.size() == kKept);
  for (std::size_t i = 0; i < seqs.size(); ++i) CHECK(seqs[i] == i + 1);
  CHECK(backend.store().NewestEventSeq() == kKept);
  CHECK(backend.Read([](Reader& r) { return r.ListOperations({.limit = 1'000}); }).size() == kKept);
}

TEST_CASE("waiters and listeners hear of committed events, not of failed units") {
  Backend backend(AnyBackend());
  std::atomic<std::uint64_t> heard{0};
  const std::uint64_t id = backend.store().AddListener([&](std::uint64_t seq) { heard = seq; });

  auto waiter = std::async(std::launch::async, [&] { return backend.store().WaitForEvents(0, 10s); });
  const Status failed = backend.store().Write([](Transaction& tx) -> Status {
    MP_CHECK(tx.AddEvent(SampleEvent("x/1")));
    return Internal("ON_PURPOSE", "fails");
  });
  CHECK_FALSE(failed);
  CHECK(heard == 0);
  CHECK(backend.store().NewestEventSeq() == 0);
  CHECK_FALSE(backend.store().WaitForEvents(0, 1ms));

  backend.Write([](Transaction& tx) { Take(tx.AddEvent(SampleEvent("x/1"))); });
  CHECK(waiter.get());
  CHECK(heard == 1);
  CHECK(backend.store().WaitForEvents(0, 0ms));
  CHECK_FALSE(backend.store().WaitForEvents(1, 1ms));

  backend.store().RemoveListener(id);
  backend.Write([](Transaction& tx) { Take(tx.AddEvent(SampleEvent("x/1"))); });
  CHECK(heard == 1);
  CHECK(backend.store().NewestEventSeq() == 2);
}

TEST_CASE("a stopped store refuses writes, answers reads and wakes waiters") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) { Take(tx.PutMeta("k", "v")); });
  auto waiter = std::async(std::launch::async, [&] { return backend.store().WaitForEvents(0, 30s); });
  const auto before = std::chrono::steady_clock::now();
  backend.store().Stop();
  backend.store().Stop();
  CHECK_FALSE(waiter.get());
  CHECK(std::chrono::steady_clock::now() - before < 20s);

  const Status refused = backend.store().Write([](Transaction& tx) { return tx.PutMeta("k", "w"); });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "STORE_STOPPED");
  CHECK(backend.Read([](Reader& r) { return r.FindMeta("k"); }) == "v");
  CHECK_FALSE(backend.store().WaitForEvents(0, 30s));
}

TEST_CASE("a read sees one snapshot while writes go on") {
  Backend backend("sqlite");
  backend.Write([](Transaction& tx) { Take(tx.AddEvent(SampleEvent("x/1"))); });
  Take(backend.store().Read([&](Reader& reader) -> Status {
    CHECK(Take(reader.Horizon()).newest == 1);
    backend.Write([](Transaction& tx) { Take(tx.AddEvent(SampleEvent("x/2"))); });
    CHECK(Take(reader.Horizon()).newest == 1);
    CHECK(Take(reader.ListEvents({})).size() == 1);
    return {};
  }));
  CHECK(backend.Read([](Reader& r) { return r.Horizon(); }).newest == 2);
}

TEST_CASE("audit rows form a hash chain") {
  Backend backend(AnyBackend());
  AuditRecord row;
  row.tenant = "default";
  row.principal = "alice";
  row.action = "operations.create";
  row.object = "operation/1";
  row.decision = "allowed";
  row.request_id = "r-1";
  row.detail_json = "{}";
  row.time_unix_ms = 5;
  backend.Write([&](Transaction& tx) {
    Take(tx.AddAudit(row));
    row.principal = "bob";
    row.hash_hex = "ignored";
    Take(tx.AddAudit(row));
  });
  const auto rows = backend.Read([](Reader& r) { return r.ListAudit({}); });
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].seq == 1);
  CHECK(rows[1].seq == 2);
  CHECK(rows[0].hash_hex == internal::AuditHash("", rows[0]));
  CHECK(rows[1].hash_hex == internal::AuditHash(rows[0].hash_hex, rows[1]));
  AuditRecord forged = rows[1];
  forged.decision = "denied";
  CHECK(rows[1].hash_hex != internal::AuditHash(rows[0].hash_hex, forged));
  CHECK(backend.Read([](Reader& r) { return r.ListAudit({.principal = "bob"}); }).size() == 1);
  CHECK(backend.Read([](Reader& r) { return r.ListAudit({.action = "x"}); }).empty());
  CHECK(backend.Read([](Reader& r) { return r.ListAudit({.after_seq = 1}); }).size() == 1);
}

TEST_CASE("retention deletes in steps, never the newest event and never what a quarantine needs") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    for (int i = 0; i < 5; ++i) {
      EventRecord event = SampleEvent("x/1");
      event.time_unix_ms = i < 4 ? 10 : 5;
      Take(tx.AddEvent(event));
      AuditRecord audit;
      audit.time_unix_ms = 10 + i;
      Take(tx.AddAudit(audit));
    }
    for (const char* id : {"op-1", "op-2", "op-3", "op-4"}) {
      OperationRecord row = SampleOperation(id);
      row.state = OperationState::kSucceeded;
      row.updated_unix_ms = 10;
      if (row.id == "op-2") row.state = OperationState::kIndeterminate;
      if (row.id == "op-3") row.state = OperationState::kRunning;
      if (row.id == "op-4") row.updated_unix_ms = 100;
      Take(tx.InsertOperation(row));
    }
    Take(tx.AddOutcomes("op-1", 1, {{}}));
    Take(tx.PutPlan({"d", "op-1", "{}"}));
    TargetRecord target = SampleTarget("t-1");
    target.quarantined_by = "op-2";
    Take(tx.PutTarget(target));
    Take(tx.PutIdempotency({"default", "alice", "old", "", "op-1", 50}));
    Take(tx.PutIdempotency({"default", "alice", "new", "", "op-1", 51}));
  });
  const auto expire = [&](UnixMs before, std::uint32_t limit) {
    std::uint64_t count = 0;
    backend.Write([&](Transaction& tx) { count = Take(tx.DeleteExpired(before, before, 12, 50, limit)); });
    return count;
  };

  CHECK(expire(11, 1) == 4);  // one each of events, operations, audit rows and keys
  CHECK(Seen(backend, {}) == Seqs{2, 3, 4, 5});
  CHECK(expire(11, 100) == 4);
  CHECK(Seen(backend, {}) == Seqs{5});
  CHECK(expire(11, 100) == 0);
  CHECK(backend.Read([](Reader& r) { return r.ListAudit({}); }).front().seq == 3);
  CHECK(Ids(backend.Read([](Reader& r) { return r.ListOperations({}); })) ==
        std::vector<std::string>{"op-4", "op-3", "op-2"});
  CHECK(backend.Read([](Reader& r) { return r.ListOutcomes("op-1", 0, 10); }).empty());
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindPlan("d"); }));
  CHECK_FALSE(backend.Read([](Reader& r) { return r.FindIdempotency("default", "alice", "old"); }));
  CHECK(backend.Read([](Reader& r) { return r.FindIdempotency("default", "alice", "new"); }));
  backend.Write([](Transaction& tx) { CHECK(Take(tx.AddEvent(SampleEvent("x/1"))) == 6); });
}

TEST_CASE("retention stops at the first event that is young enough") {
  Backend backend(AnyBackend());
  backend.Write([](Transaction& tx) {
    for (const UnixMs time : {10, 90, 10, 95}) {
      EventRecord event = SampleEvent("x/1");
      event.time_unix_ms = time;
      Take(tx.AddEvent(event));
    }
    Take(tx.DeleteExpired(50, 0, 0, 0, 100));
  });
  CHECK(Seen(backend, {}) == Seqs{2, 3, 4});
}
