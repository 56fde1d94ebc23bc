#include "libs/base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "libs/base/files.h"

namespace meshplay {
namespace {

using std::chrono::milliseconds;

ProcessSpec Script(const std::string& text) {
  ProcessSpec spec;
  spec.argv = {"/bin/sh", "-c", text};
  spec.environment = {{"PATH", "/usr/bin:/bin"}};
  spec.kill_after = milliseconds(300);
  return spec;
}

ProcessOutcome Outcome(const ProcessSpec& spec, const std::function<bool()>& should_stop = {}) {
  auto outcome = RunProcess(spec, should_stop);
  if (!outcome) FAIL(outcome.error().ToString());
  return std::move(*outcome);
}

/// True once the process is gone or a zombie of somebody else, within a minute.
bool Gone(pid_t pid) {
  for (int i = 0; i < 6'000; ++i) {
    if (::kill(pid, 0) != 0) return true;
    const auto stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
    if (!stat || stat->find(") Z") != std::string::npos) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

}  // namespace

TEST_CASE("a child gets its arguments, environment, input and folder, and gives output and exit code") {
  ProcessSpec spec = Script("cat; pwd; echo \"$NAME\" >&2; exit 7");
  spec.environment["NAME"] = "a b";
  spec.stdin_text = "input\n";
  spec.working_directory = "/";
  const ProcessOutcome outcome = Outcome(spec);
  CHECK(outcome.exit_code == 7);
  CHECK(outcome.signal == 0);
  CHECK(outcome.stdout_text == "input\n/\n");
  CHECK(outcome.stderr_text == "a b\n");
}

TEST_CASE("nothing of our environment and none of our descriptors reach the child") {
  ::setenv("MESHPLAY_TEST_LEAK", "1", 1);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int leak = ::fcntl(null, F_DUPFD, 200);  // Without O_CLOEXEC on purpose.
  ::close(null);
  const ProcessOutcome outcome = Outcome(Script("env; for f in /proc/self/fd/*; do echo \"$f\"; done"));
  ::close(leak);
  CHECK(outcome.stdout_text.find("MESHPLAY_TEST_LEAK") == std::string::npos);
  CHECK(outcome.stdout_text.find("/fd/" + std::to_string(leak) + "\n") == std::string::npos);
}

TEST_CASE("large input and output in both directions do not block each other") {
  ProcessSpec spec = Script("tee /dev/stderr");
  spec.stdin_text = std::string(3'000'000, 'x');
  const ProcessOutcome outcome = Outcome(spec);
  CHECK(outcome.stdout_text.size() == 3'000'000);
  CHECK(outcome.stderr_text.size() == 3'000'000);
}

TEST_CASE("a child that does not read its input does not end us") {
  ProcessSpec spec = Script("exec 0<&-; exit 3");
  spec.stdin_text = std::string(1'000'000, 'x');
  CHECK(Outcome(spec).exit_code == 3);
}

TEST_CASE("programs that are missing or cannot start are errors") {
  ProcessSpec spec;
  spec.argv = {"meshplay-no-such-program"};
  CHECK(RunProcess(spec).error().reason() == "PROGRAM_NOT_FOUND");
  spec.argv = {};
  CHECK(RunProcess(spec).error().reason() == "PROGRAM_NOT_FOUND");
  spec.argv = {"/etc/passwd"};
  CHECK(RunProcess(spec).error().reason() == "PROGRAM_NOT_FOUND");
  spec = Script("true");
  spec.working_directory = "/no/such/folder";
  CHECK(RunProcess(spec).error().reason() == "PROGRAM_NOT_FOUND");
  spec = Script("true");
  spec.argv.push_back(std::string("a\0b", 3));
  CHECK(RunProcess(spec).error().reason() == "PROCESS_START_FAILED");
  CHECK(FindProgram("sh"));
  CHECK_FALSE(FindProgram(""));
}

TEST_CASE("a child that ignores SIGTERM is killed after the grace time") {
  ProcessSpec spec = Script("trap '' TERM; while :; do sleep 0.05; done");
  spec.timeout = milliseconds(2'000);  // the shell has to come as far as to its trap
  const ProcessOutcome outcome = Outcome(spec);
  CHECK(outcome.timed_out);
  CHECK(outcome.exit_code == -1);
  CHECK(outcome.signal == SIGKILL);
  CHECK(outcome.took >= milliseconds(2'300));
  CHECK(outcome.took < milliseconds(60'000));
}

TEST_CASE("a child may end in its own way after SIGTERM") {
  const auto folder = TemporaryDirectory::Create("meshplay-process");
  REQUIRE(folder);
  const std::string ready = folder->path() + "/ready";
  ProcessSpec spec = Script("trap 'echo bye; exit 4' TERM; : > " + ready + "; while :; do sleep 0.02; done");
  spec.kill_after = milliseconds(60'000);
  const ProcessOutcome outcome = Outcome(spec, [&] { return ReadFile(ready).has_value(); });
  CHECK(outcome.cancelled);
  CHECK(outcome.exit_code == 4);
  CHECK(outcome.stdout_text == "bye\n");
}

TEST_CASE("should_stop ends the child") {
  const ProcessOutcome outcome = Outcome(Script("exec sleep 60"), [] { return true; });
  CHECK(outcome.cancelled);
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.signal == SIGTERM);
}

TEST_CASE("an exception of should_stop leaves no child behind") {
  CHECK_THROWS(RunProcess(Script("exec sleep 60"), []() -> bool { throw std::runtime_error("stop"); }));
}

TEST_CASE("a child that prints too much is ended and reported") {
  ProcessSpec spec = Script("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done");
  spec.max_output_bytes = 100'000;
  const auto outcome = RunProcess(spec);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().reason() == "PROCESS_OUTPUT_TOO_LARGE");
  spec = Script("printf 12345");
  spec.max_output_bytes = 5;
  CHECK(Outcome(spec).stdout_text == "12345");
}

TEST_CASE("grandchildren do not outlive the child and do not keep us waiting") {
  ProcessSpec spec = Script("sh -c 'trap \"\" TERM; sleep 60' & echo $!");
  const ProcessOutcome outcome = Outcome(spec);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.took < milliseconds(50'000));
  CHECK(Gone(static_cast<pid_t>(std::stol(outcome.stdout_text))));
}

TEST_CASE("a process that left the group and holds the pipes does not keep us waiting") {
  const ProcessOutcome outcome = Outcome(Script("setsid sleep 20 & sleep 0.3; exit 0"));
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.took < milliseconds(15'000));
}

}  // namespace meshplay
