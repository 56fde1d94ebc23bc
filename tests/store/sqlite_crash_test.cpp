#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <random>
#include <set>
#include <thread>

#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;

namespace {

constexpr std::size_t kIdBytes = 24;

/// Writes until it is killed. Each acknowledged id goes down the pipe as one record.
[[noreturn]] void WriteForever(const SqliteOptions& options, int round, int pipe) {
  auto store = OpenSqliteStore(options);
  if (!store) ::_exit(3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0;; ++i) {
        char id[kIdBytes] = {};
        std::snprintf(id, sizeof(id), "op-%03d-%d-%08d", round, t, i);
        const Status done = (*store)->Write([&](Transaction& tx) -> Status {
          MP_CHECK(tx.InsertOperation(SampleOperation(id)));
          MP_CHECK(tx.AddEvent(SampleEvent(std::string("operation/") + id)));
          return {};
        });
        if (!done || ::write(pipe, id, sizeof(id)) != static_cast<ssize_t>(sizeof(id))) ::_exit(4);
      }
    });
  }
  while (true) ::pause();
}

std::vector<std::string> ReadUntil(int pipe, std::size_t count) {
  std::vector<std::string> ids;
  char id[kIdBytes];
  while (ids.size() < count) {
    std::size_t got = 0;
    while (got < sizeof(id)) {
      const ssize_t n = ::read(pipe, id + got, sizeof(id) - got);
      if (n <= 0) return ids;
      got += static_cast<std::size_t>(n);
    }
    ids.emplace_back(id);
  }
  return ids;
}

/// Every event and every operation of the database, checked against each other. A snapshot is kept for one small page
/// only: nobody writes meanwhile, and a read may take a second at most, also on a busy machine.
std::set<std::string> CheckWholeDatabase(Store& store) {
  std::set<std::string> with_event;
  std::set<std::string> operations;
  std::uint64_t last = 0;
  for (bool more = true; more;) {
    Take(store.Read([&](Reader& reader) -> Status {
      const auto page = Take(reader.ListEvents({.after_seq = last, .limit = 50}));
      more = !page.empty();
      for (const EventRecord& event : page) {
        if (event.seq != last + 1) FAIL("hole after " << last);
        last = event.seq;
        with_event.insert(event.subject.substr(std::strlen("operation/")));
      }
      if (!more) CHECK(Take(reader.Horizon()).newest == last);
      return {};
    }));
  }
  std::string before;
  for (bool more = true; more;) {
    Take(store.Read([&](Reader& reader) -> Status {
      const auto page = Take(reader.ListOperations({.before_id = before, .limit = 50}));
      more = !page.empty();
      for (const OperationRecord& row : page) operations.insert(row.id);
      if (more) before = page.back().id;
      return {};
    }));
  }
  CHECK(with_event == operations);
  return operations;
}

}  // namespace

TEST_CASE("kill -9 at random points loses nothing that was acknowledged and leaves no hole") {
  const TemporaryDirectory folder = Take(TemporaryDirectory::Create("meshplay-crash"));
  SqliteOptions options;
  options.path = folder.path() + "/meshplay.db";
  options.reserve_bytes = 64 * 1024;
  std::mt19937 random(20'240'707);
  std::set<std::string> acknowledged;

  for (int round = 0; round < 12; ++round) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(ends[0]);
      WriteForever(options, round, ends[1]);
    }
    ::close(ends[1]);
    // Round 0 dies while the database is being made; the others after some acknowledgements and a little more.
    if (round > 0) {
      for (const std::string& id : ReadUntil(ends[0], 1 + random() % 300)) acknowledged.insert(id);
    }
    ::usleep(static_cast<useconds_t>(random() % 3'000));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    for (const std::string& id : ReadUntil(ends[0], SIZE_MAX)) acknowledged.insert(id);
    ::close(ends[0]);

    auto store = Take(OpenSqliteStore(options));
    const std::set<std::string> stored = CheckWholeDatabase(*store);
    std::size_t missing = 0;
    for (const std::string& id : acknowledged) missing += stored.count(id) == 0 ? 1U : 0U;
    CHECK(missing == 0);
    Take(store->Write([](Transaction& tx) { return tx.PutMeta("after", "crash"); }));
  }
  CHECK(acknowledged.size() > 11);
}
