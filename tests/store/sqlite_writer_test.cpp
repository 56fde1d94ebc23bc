#include <atomic>
#include <future>
#include <thread>

#include "server/store/sqlite/connection.h"
#include "server/store/sqlite/errors.h"
#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;
using namespace std::chrono_literals;

namespace {

struct Small {
  TemporaryDirectory folder = Take(TemporaryDirectory::Create("meshplay-writer"));
  SqliteOptions options;
  Small() {
    options.path = folder.path() + "/meshplay.db";
    options.reserve_bytes = 0;
    options.durable = false;
  }
};

/// Holds the writer thread inside a unit until it is told to go on.
class Blocker {
 public:
  explicit Blocker(Store& store)
      : done_(std::async(std::launch::async, [this, &store] {
          return store.Write([this](Transaction& tx) -> Status {
            inside_.set_value();
            go_on_.get_future().wait();
            return tx.PutMeta("blocker", "1");
          });
        })) {
    inside_.get_future().wait();
  }
  Status Release() {
    go_on_.set_value();
    return done_.get();
  }

 private:
  std::promise<void> inside_;
  std::promise<void> go_on_;
  std::future<Status> done_;
};

Status PutMeta(Store& store, const std::string& key) {
  return store.Write([&](Transaction& tx) { return tx.PutMeta(key, "1"); });
}

}  // namespace

TEST_CASE("a write that waits longer than the busy timeout is given up and never runs") {
  Small small;
  small.options.busy_timeout = 50ms;
  auto store = Take(OpenSqliteStore(small.options));
  Blocker blocker(*store);

  const Status late = PutMeta(*store, "late");

  REQUIRE_FALSE(late);
  CHECK(late.error().code() == ErrorCode::kUnavailable);
  CHECK(late.error().reason() == "STORE_BUSY");
  Take(blocker.Release());
  Take(PutMeta(*store, "next"));
  Take(store->Read([](Reader& r) -> Status {
    CHECK_FALSE(Take(r.FindMeta("late")));
    CHECK(Take(r.FindMeta("blocker")));
    CHECK(Take(r.FindMeta("next")));
    return {};
  }));
}

TEST_CASE("writes beyond the queue are refused at once, those in it are committed, also by Stop") {
  Small small;
  small.options.max_queued_writes = 2;
  auto store = Take(OpenSqliteStore(small.options));
  Blocker blocker(*store);
  std::atomic<int> refused{0};
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      const Status status = PutMeta(*store, "k" + std::to_string(i));
      if (status) {
        ++done;
      } else if (status.error().reason() == "STORE_BUSY") {
        ++refused;
      }
    });
  }
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (refused < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  CHECK(refused == 3);
  std::thread stopper([&] { store->Stop(); });
  Take(blocker.Release());
  for (std::thread& thread : threads) thread.join();
  stopper.join();
  CHECK(done == 2);
}

TEST_CASE("one failing unit of a shared commit is undone alone") {
  Small small;
  auto store = Take(OpenSqliteStore(small.options));
  Blocker blocker(*store);
  std::vector<std::future<Status>> units;
  for (int i = 0; i < 9; ++i) {
    units.push_back(std::async(std::launch::async, [&store, i] {
      return store->Write([i](Transaction& tx) -> Status {
        MP_CHECK(tx.InsertOperation(SampleOperation("op-" + std::to_string(i))));
        MP_CHECK(tx.AddEvent(SampleEvent("operation/" + std::to_string(i))));
        if (i % 3 == 0) return Internal("ON_PURPOSE", "fails");
        return {};
      });
    }));
  }
  Take(blocker.Release());
  int good = 0;
  for (auto& unit : units) good += unit.get().has_value() ? 1 : 0;
  CHECK(good == 6);
  Take(store->Read([](Reader& r) -> Status {
    CHECK(Take(r.ListOperations({})).size() == 6);
    CHECK(Take(r.ListEvents({})).back().seq == 6);
    return {};
  }));
}

TEST_CASE("a read without a free connection gives up after the busy timeout") {
  Small small;
  small.options.readers = 1;
  small.options.busy_timeout = 50ms;
  auto store = Take(OpenSqliteStore(small.options));
  Take(store->Read([&](Reader&) -> Status {
    const Status second =
        std::async(std::launch::async, [&] { return store->Read([](Reader&) -> Status { return {}; }); }).get();
    REQUIRE_FALSE(second);
    CHECK(second.error().reason() == "STORE_BUSY");
    return {};
  }));
  Take(store->Read([](Reader&) -> Status { return {}; }));
}

TEST_CASE("a statement that runs too long is ended and counts as busy") {
  Small small;
  { auto store = Take(OpenSqliteStore(small.options)); }
  sqlite::Connection connection(small.options, sqlite::Access::kRead);
  connection.SetTimeLimit(20ms);
  try {
    sqlite::Query endless(connection,
                          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
    endless.Step();
    FAIL("an endless statement ended");
  } catch (const SQLite::Exception& exception) {
    const sqlite::Failure failure = sqlite::Classify(exception, small.options.path);
    CHECK(failure.fault == sqlite::Fault::kBusy);
    CHECK(failure.error.reason() == "STORE_BUSY");
  }
  connection.SetTimeLimit(0ms);
  sqlite::Query fine(connection, "SELECT 1");
  CHECK(fine.Step());
}

TEST_CASE("reading connections cannot write") {
  Small small;
  { auto store = Take(OpenSqliteStore(small.options)); }
  sqlite::Connection connection(small.options, sqlite::Access::kRead);
  CHECK_THROWS_AS(connection.Run("INSERT INTO meta VALUES ('a', 'b')"), SQLite::Exception);
}
