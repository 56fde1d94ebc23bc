#include <spawn.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "libs/base/files.h"
#include "server/store/sqlite_store.h"
#include "tests/unit/engine/engine_fixture.h"

using meshplay::engine::AttemptPhase;
using meshplay::engine::TaskKind;
using meshplay::engine::TaskOffer;
using meshplay::engine::testing::EngineFixture;
using meshplay::store::OperationState;
using namespace std::chrono_literals;

namespace {

constexpr const char* kPathVariable = "MESHPLAY_TEST_DATABASE";

std::unique_ptr<meshplay::store::Store> OpenDatabase(const std::string& path) {
  meshplay::store::SqliteOptions options;
  options.path = path;
  auto opened = meshplay::store::OpenSqliteStore(options);
  REQUIRE(opened);
  return std::move(*opened);
}

/// Runs the hidden case below in a process of its own; true when the failpoint killed it.
bool KilledAt(const std::string& failpoint, const std::string& database) {
  std::vector<std::string> words = {"engine_unit_test", "a child that a failpoint kills"};
  std::vector<std::string> variables = {"MESHPLAY_FAILPOINT=" + failpoint + "=kill",
                                        std::string(kPathVariable) + "=" + database};
  std::vector<char*> arguments, environment;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& variable : variables) environment.push_back(variable.data());
  arguments.push_back(nullptr);
  environment.push_back(nullptr);
  pid_t child = 0;
  REQUIRE(posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments.data(), environment.data()) == 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

}  // namespace

TEST_CASE("a child that a failpoint kills", "[.child]") {
  const char* database = std::getenv(kPathVariable);
  REQUIRE(database != nullptr);
  EngineFixture fx({}, OpenDatabase(database));
  const TaskOffer offer = fx.Offered();
  fx.Accept(offer);
  fx.Update(offer, 1, AttemptPhase::kMutating);
  fx.Succeed(offer, 2);
}

TEST_CASE("a server that is killed at any commit or send recovers", "[engine][failpoint]") {
  const auto folder = meshplay::TemporaryDirectory::Create("meshplay-engine");
  REQUIRE(folder);
  struct Row {
    std::string failpoint;
    std::string state;  ///< What the next process finds; "" is no operation.
  };
  const std::vector<Row> rows = {
      {"engine.submit.before_commit", ""},
      {"engine.submit.after_commit", "QUEUED"},
      {"engine.dispatch.before_commit", "QUEUED"},
      {"engine.dispatch.after_commit", "DISPATCHING"},
      {"engine.send.offer", "DISPATCHING"},
      {"engine.offer_reply.before_commit", "DISPATCHING"},
      {"engine.offer_reply.after_commit", "RUNNING"},
      {"engine.update.before_commit", "RUNNING"},
      {"engine.update.after_commit", "RUNNING"},
      {"engine.send.ack", "RUNNING"},
      {"engine.result.before_commit", "RUNNING"},
      {"engine.result.after_commit", "SUCCEEDED"},
      {"engine.send.ack:2", "SUCCEEDED"},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(rows[i].failpoint);
    const std::string database = folder->path() + "/" + std::to_string(i) + ".db";
    REQUIRE(KilledAt(rows[i].failpoint, database));

    EngineFixture fx({}, OpenDatabase(database));
    std::vector<meshplay::store::OperationRecord> found;
    REQUIRE(fx.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
      MP_TRY(found, reader.ListOperations({}));
      return {};
    }));
    REQUIRE(found.size() == (rows[i].state.empty() ? 0U : 1U));
    if (found.empty()) continue;
    const std::string id = found[0].id;
    CHECK(fx.StateName(id) == rows[i].state);
    const bool writing = fx.StateName(id) == "RUNNING" && fx.Attempt(id, 1).phase == AttemptPhase::kMutating;
    fx.Connect("a1", "i2", {}, "i1");
    if (rows[i].state == "SUCCEEDED") continue;
    // The old process is proven dead: its attempt is repeated, or inspected when it may have written.
    CHECK(fx.LastOffer().kind == (writing ? TaskKind::kInspect : TaskKind::kApply));
    CHECK(fx.LastOffer().fence == fx.LastOffer().attempt);
  }
}
