#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/store/backend.h"

using namespace meshplay;
using namespace meshplay::store;
using namespace meshplay::testing;
using namespace std::chrono_literals;

namespace {

/// A small file system of its own, seen by this process alone.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& size) : folder_(Take(TemporaryDirectory::Create("meshplay-full"))) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    mounted_ = ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  const std::string& path() const { return folder_.path(); }

 private:
  TemporaryDirectory folder_;
  bool mounted_ = false;
};

/// Lowers the size that files may have, for as long as it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    rlimit low = old_;
    low.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &low);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

Status WriteOne(Store& store, int number) {
  OperationRecord row = SampleOperation("op-" + std::to_string(100'000 + number));
  row.parameters_json = std::string(16 * 1024, 'p');
  return store.Write([&](Transaction& tx) -> Status {
    MP_CHECK(tx.InsertOperation(row));
    MP_CHECK(tx.AddEvent(SampleEvent("operation/" + row.id)));
    return {};
  });
}

/// Writes until a write fails; the number of acknowledged ones.
int WriteUntilRefused(Store& store, int from, Status& refused) {
  int number = from;
  while (number < from + 2'000) {
    refused = WriteOne(store, number);
    if (!refused) break;
    ++number;
  }
  return number - from;
}

std::pair<std::size_t, std::uint64_t> Count(Store& store) {
  std::size_t operations = 0;
  std::uint64_t newest = 0;
  Take(store.Read([&](Reader& r) -> Status {
    operations = Take(r.ListOperations({.limit = 10'000})).size();
    newest = Take(r.Horizon()).newest;
    return {};
  }));
  return {operations, newest};
}

}  // namespace

TEST_CASE("a full disk makes the store read-only, and room makes it writable again") {
  const SmallDisk disk("8m");
  if (!disk.mounted()) {
    WARN("skipped: mounting a small tmpfs needs root");
    return;
  }
  SqliteOptions options;
  options.path = disk.path() + "/meshplay.db";
  options.reserve_bytes = 1024 * 1024;
  const std::string ballast = disk.path() + "/ballast";
  { std::ofstream(ballast) << std::string(3 * 1024 * 1024, 'b'); }
  int acknowledged = 0;
  {
    auto store = Take(OpenSqliteStore(options));
    Status refused;
    acknowledged = WriteUntilRefused(*store, 0, refused);
    REQUIRE_FALSE(refused);
    CHECK(acknowledged > 20);
    CHECK(refused.error().code() == ErrorCode::kResourceExhausted);
    CHECK(refused.error().reason() == "STORAGE_FULL");
    CHECK(store->Health() == StoreHealth::kReadOnly);
    CHECK_FALSE(std::filesystem::exists(options.path + ".reserve"));
    CHECK(WriteOne(*store, 99'999).error().reason() == "STORAGE_FULL");
    CHECK(Count(*store) == std::pair(static_cast<std::size_t>(acknowledged), static_cast<std::uint64_t>(acknowledged)));
    CHECK(store->NewestEventSeq() == static_cast<std::uint64_t>(acknowledged));

    std::filesystem::remove(ballast);
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (store->Health() != StoreHealth::kOk && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(10ms);
    }
    REQUIRE(store->Health() == StoreHealth::kOk);
    CHECK(std::filesystem::file_size(options.path + ".reserve") == options.reserve_bytes);
    Take(WriteOne(*store, acknowledged));
    ++acknowledged;
  }
  auto store = Take(OpenSqliteStore(options));
  CHECK(Count(*store) == std::pair(static_cast<std::size_t>(acknowledged), static_cast<std::uint64_t>(acknowledged)));
}

TEST_CASE("an input/output error ends all acknowledging, and what was acknowledged is there afterwards") {
  const TemporaryDirectory folder = Take(TemporaryDirectory::Create("meshplay-ioerr"));
  SqliteOptions options;
  options.path = folder.path() + "/meshplay.db";
  options.reserve_bytes = 64 * 1024;
  int acknowledged = 0;
  {
    auto store = Take(OpenSqliteStore(options));
    Take(WriteOne(*store, 0));
    Status refused;
    {
      const FileSizeLimit limit(std::filesystem::file_size(options.path + "-wal") + 200 * 1024);
      acknowledged = 1 + WriteUntilRefused(*store, 1, refused);
    }
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason() == "STORE_FAILED");
    CHECK(store->Health() == StoreHealth::kFailed);
    CHECK(WriteOne(*store, 99'999).error().reason() == "STORE_FAILED");
    CHECK(Count(*store).first == static_cast<std::size_t>(acknowledged));
  }
  auto store = Take(OpenSqliteStore(options));
  CHECK(Count(*store) == std::pair(static_cast<std::size_t>(acknowledged), static_cast<std::uint64_t>(acknowledged)));
  CHECK(store->Health() == StoreHealth::kOk);
}
