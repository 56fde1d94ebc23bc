#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "server/store/sqlite/migrations.h"
#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;
using namespace std::chrono_literals;

namespace {

struct Place {
  TemporaryDirectory folder = Take(TemporaryDirectory::Create("meshplay-open"));
  SqliteOptions options;
  Place() {
    options.path = folder.path() + "/meshplay.db";
    options.reserve_bytes = 64 * 1024;
  }
  std::string OpenReason() const {
    auto opened = OpenSqliteStore(options);
    return opened ? "" : opened.error().reason();
  }
};

std::uint64_t Epoch(Store& store) {
  std::uint64_t epoch = 0;
  Take(store.Read([&](Reader& r) -> Status {
    epoch = Take(r.Horizon()).epoch;
    return {};
  }));
  return epoch;
}

void RunSql(const std::string& path, const std::string& sql) {
  SQLite::Database db(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec(sql);
}

std::string FileText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Runs `work` in a child that ends without destructors, and waits for it.
template <class Work>
void InChild(Work work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

}  // namespace

TEST_CASE("a reopened database has everything, the same epoch, and goes on counting") {
  Place place;
  std::uint64_t epoch = 0;
  {
    auto store = Take(OpenSqliteStore(place.options));
    epoch = Epoch(*store);
    Take(store->Write([](Transaction& tx) -> Status {
      MP_CHECK(tx.InsertOperation(SampleOperation("op-1")));
      MP_CHECK(tx.AddEvent(SampleEvent("operation/op-1")));
      MP_CHECK(tx.AddEvent(SampleEvent("operation/op-1")));
      return {};
    }));
  }
  auto store = Take(OpenSqliteStore(place.options));
  CHECK(store->NewestEventSeq() == 2);
  CHECK(Epoch(*store) == epoch);
  CHECK(epoch > 0);
  bool found = false;
  std::uint64_t seq = 0;
  Take(store->Write([&](Transaction& tx) -> Status {
    MP_TRY(const auto operation, tx.FindOperation("", "op-1"));
    found = operation.has_value();
    MP_TRY(seq, tx.AddEvent(SampleEvent("operation/op-1")));
    return {};
  }));
  CHECK(found);
  CHECK(seq == 3);
}

TEST_CASE("a database that is made anew has another epoch") {
  Place first;
  Place second;
  const std::uint64_t epoch = Epoch(*Take(OpenSqliteStore(first.options)));
  std::this_thread::sleep_until(std::chrono::system_clock::time_point(std::chrono::milliseconds(epoch + 1)));
  CHECK(Epoch(*Take(OpenSqliteStore(second.options))) > epoch);
}

TEST_CASE("nobody but the owner may read the database") {
  Place place;
  auto store = Take(OpenSqliteStore(place.options));
  for (const auto& entry : std::filesystem::directory_iterator(place.folder.path())) {
    struct stat facts {};
    REQUIRE(::stat(entry.path().c_str(), &facts) == 0);
    INFO(entry.path());
    CHECK((facts.st_mode & 077) == 0);
  }
}

TEST_CASE("a second store of the same process or another one is refused while the first lives") {
  Place place;
  {
    auto store = Take(OpenSqliteStore(place.options));
    CHECK(place.OpenReason() == "STORE_LOCKED");
  }
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto store = OpenSqliteStore(place.options);
    const char mark = store ? 'y' : 'n';
    if (::write(ready[1], &mark, 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  char mark = 0;
  REQUIRE(::read(ready[0], &mark, 1) == 1);
  CHECK(mark == 'y');
  CHECK(place.OpenReason() == "STORE_LOCKED");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(place.OpenReason().empty());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("files of other programs are refused and stay as they are") {
  Place place;
  SECTION("text") {
    std::ofstream(place.options.path) << std::string(8'192, 'x');
  }
  SECTION("a database with another application id") {
    RunSql(place.options.path, "PRAGMA application_id = 7; CREATE TABLE t (a)");
  }
  SECTION("a database with tables and no application id") {
    RunSql(place.options.path, "CREATE TABLE t (a)");
  }
  SECTION("a database with a user version and no tables") {
    RunSql(place.options.path, "PRAGMA user_version = 3");
  }
  const std::string before = FileText(place.options.path);
  REQUIRE_FALSE(before.empty());

  CHECK(place.OpenReason() == "STORE_FOREIGN");
  CHECK(FileText(place.options.path) == before);
}

TEST_CASE("a schema of a newer server is refused") {
  Place place;
  { auto store = Take(OpenSqliteStore(place.options)); }
  RunSql(place.options.path, "PRAGMA user_version = 9999");
  CHECK(place.OpenReason() == "STORE_NEWER");
}

TEST_CASE("an older schema is brought up to date and keeps its rows") {
  Place place;
  const sqlite::Migration& first = sqlite::EmbeddedMigrations().front();
  RunSql(place.options.path, std::string(first.sql) +
                                 "; PRAGMA application_id = " + std::to_string(sqlite::kApplicationId) +
                                 "; PRAGMA user_version = 1; INSERT INTO meta VALUES ('server_epoch', '42')");
  auto store = Take(OpenSqliteStore(place.options));
  CHECK(Epoch(*store) == 42);
  Take(store->Write([](Transaction& tx) { return tx.PutApiToken({"k-1", "default", "n", {}, "h", 1, 2, 3}); }));
}

TEST_CASE("bad options and a missing folder are refused") {
  Place place;
  SECTION("memory") {
    place.options.path = ":memory:";
  }
  SECTION("no path") {
    place.options.path = "";
  }
  SECTION("an address") {
    place.options.path = "file:x?mode=memory";
  }
  SECTION("no readers") {
    place.options.readers = 0;
  }
  SECTION("too many readers") {
    place.options.readers = 33;
  }
  SECTION("no batch") {
    place.options.max_batch = 0;
  }
  CHECK(place.OpenReason() == "STORE_OPTIONS_INVALID");
}

TEST_CASE("a folder that does not exist is an error, not a crash") {
  Place place;
  place.options.path = place.folder.path() + "/missing/meshplay.db";
  CHECK(place.OpenReason() == "STORE_FAILED");
}

TEST_CASE("damage is found in the background after an unclean stop, and nothing is acknowledged from then on") {
  Place place;
  InChild([&] {
    auto store = Take(OpenSqliteStore(place.options));
    Take(store->Write([](Transaction& tx) -> Status {
      for (int i = 0; i < 2'000; ++i) {
        MP_CHECK(tx.PutObject({"o-" + std::to_string(i),
                               "default",
                               "a",
                               "c",
                               "u",
                               "istio",
                               "m",
                               "v1",
                               "Service",
                               "ns",
                               "name",
                               "uid",
                               "1",
                               "d",
                               std::string(500, 'b'),
                               "",
                               "",
                               "",
                               "",
                               1,
                               false,
                               1}));
      }
      return {};
    }));
    ::_exit(0);  // no Stop: the mark of a clean stop is missing
  });
  RunSql(place.options.path, "PRAGMA wal_checkpoint(TRUNCATE)");
  const auto size = std::filesystem::file_size(place.options.path);
  {
    std::fstream file(place.options.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size / 2));
    const std::string noise(64 * 1024, '\x5a');
    file.write(noise.data(), static_cast<std::streamsize>(noise.size()));
  }

  auto store = Take(OpenSqliteStore(place.options));
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (store->Health() != StoreHealth::kFailed && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(5ms);
  }
  CHECK(store->Health() == StoreHealth::kFailed);
  const Status refused = store->Write([](Transaction& tx) { return tx.PutMeta("k", "v"); });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason() == "STORE_FAILED");
}
