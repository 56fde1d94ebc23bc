#include "adapters/sdk/internal/outbox.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "libs/base/files.h"

namespace meshplay::sdk {
namespace {

namespace fs = std::filesystem;
namespace pb = meshplay::adapter::v1;

FinishedTask Finished(const std::string& id, const std::string& key = "") {
  FinishedTask task;
  task.task_id = id;
  task.attempt = 2;
  task.fence = 7;
  task.idempotency_key = key;
  task.result.set_task_id(id);
  task.result.set_attempt(2);
  task.result.set_fence(7);
  task.result.set_seq(5);
  task.result.set_outcome(pb::OUTCOME_SUCCEEDED);
  pb::TaskUpdate& update = task.updates.emplace_back();
  update.set_task_id(id);
  update.set_seq(4);
  return task;
}

struct Folder {
  TemporaryDirectory directory = std::move(*TemporaryDirectory::Create("outbox"));
  std::string path = directory.path() + "/outbox";

  std::vector<FinishedTask> Open() const {
    auto opened = Outbox(path).Open();
    REQUIRE(opened);
    return *opened;
  }
  std::string OnlyFile(const std::string& suffix) const {
    std::string found;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().string().ends_with(suffix)) found = entry.path().string();
    }
    REQUIRE_FALSE(found.empty());
    return found;
  }
};

TEST_CASE("A result that was put is there after a restart, with its updates") {
  const Folder folder;
  Outbox outbox(folder.path);
  REQUIRE(outbox.Open());
  REQUIRE(outbox.Put(Finished("task-1")));
  const auto kept = folder.Open();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].task_id == "task-1");
  CHECK(kept[0].attempt == 2);
  CHECK(kept[0].fence == 7);
  CHECK(kept[0].result.seq() == 5);
  REQUIRE(kept[0].updates.size() == 1);
  CHECK(kept[0].updates[0].seq() == 4);
}

TEST_CASE("A forgotten result is gone after a restart") {
  const Folder folder;
  Outbox outbox(folder.path);
  REQUIRE(outbox.Open());
  REQUIRE(outbox.Put(Finished("task-1")));
  outbox.Forget("task-1", 2);
  CHECK(folder.Open().empty());
}

TEST_CASE("A file torn at any byte is set aside and never read as a result") {
  const Folder folder;
  Outbox outbox(folder.path);
  REQUIRE(outbox.Open());
  REQUIRE(outbox.Put(Finished("task-1")));
  const std::string file = folder.OnlyFile(".task");
  const std::string whole = *ReadFile(file);
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    CHECK(folder.Open().empty());
    CHECK_FALSE(fs::exists(file));
    CHECK(fs::exists(file + ".broken"));
  }
}

TEST_CASE("A file with one wrong byte is set aside") {
  const Folder folder;
  Outbox outbox(folder.path);
  REQUIRE(outbox.Open());
  REQUIRE(outbox.Put(Finished("task-1")));
  const std::string file = folder.OnlyFile(".task");
  std::string text = *ReadFile(file);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  CHECK(folder.Open().empty());
}

TEST_CASE("What a kill before the rename leaves behind is removed and disturbs nothing") {
  const Folder folder;
  Outbox outbox(folder.path);
  REQUIRE(outbox.Open());
  REQUIRE(outbox.Put(Finished("task-1")));
  const std::string half = folder.path + "/half.task.tmp";
  std::ofstream(half) << "half";
  CHECK(folder.Open().size() == 1);
  CHECK_FALSE(fs::exists(half));
}

TEST_CASE("The result of an idempotency key outlives its acknowledgement by a day and no more") {
  const Folder folder;
  Outbox outbox(folder.path);
  REQUIRE(outbox.Open());
  REQUIRE(outbox.Put(Finished("task-1", "key-1")));
  outbox.Forget("task-1", 2);
  pb::TaskResult result;
  CHECK(outbox.FindKeyed("key-1", result));
  CHECK(result.seq() == 5);
  CHECK_FALSE(outbox.FindKeyed("key-2", result));

  const std::string file = folder.OnlyFile(".keyed");
  fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(23));
  CHECK(folder.Open().empty());
  CHECK(outbox.FindKeyed("key-1", result));
  fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(25));
  CHECK(folder.Open().empty());
  CHECK_FALSE(outbox.FindKeyed("key-1", result));
}

TEST_CASE("Files of the outbox are for the adapter's user alone") {
  const Folder folder;
  Outbox outbox(folder.path);
  REQUIRE(outbox.Open());
  REQUIRE(outbox.Put(Finished("task-1", "key-1")));
  for (const auto& entry : fs::directory_iterator(folder.path)) {
    CHECK((entry.status().permissions() & fs::perms(0077)) == fs::perms::none);
  }
}

}  // namespace
}  // namespace meshplay::sdk
