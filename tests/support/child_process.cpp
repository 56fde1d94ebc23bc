#include "tests/support/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "tests/support/eventually.h"

namespace meshplay::test {

std::map<std::string, std::string> ChildEnvironment(const std::map<std::string, std::string>& more) {
  std::map<std::string, std::string> all = more;
  for (const char* name : {"PATH", "HOME", "MESHPLAY_CACHE"}) {
    if (const char* value = std::getenv(name)) all.emplace(name, value);
  }
  return all;
}

ChildProcess::ChildProcess(const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment,
                           const std::string& log_path) {
  std::vector<std::string> words = argv;
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> arguments, settings;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& variable : variables) settings.push_back(variable.data());
  arguments.push_back(nullptr);
  settings.push_back(nullptr);
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  REQUIRE(log >= 0);
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    // Only calls that are safe between fork and exec.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execve(arguments[0], arguments.data(), settings.data());
    _exit(127);
  }
  close(log);
}

ChildProcess::~ChildProcess() {
  KillHard();
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_(std::exchange(other.exit_, std::nullopt)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  KillHard();
  pid_ = std::exchange(other.pid_, -1);
  exit_ = std::exchange(other.exit_, std::nullopt);
  return *this;
}

bool ChildProcess::Look(bool& stopped) {
  stopped = false;
  if (pid_ < 0 || exit_) return true;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG | WUNTRACED) != pid_) return false;
  if (WIFSTOPPED(status)) {
    stopped = true;
    return false;
  }
  exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool ChildProcess::running() {
  bool stopped = false;
  return !Look(stopped);
}

void ChildProcess::Signal(int signal) const {
  if (pid_ > 0 && !exit_) kill(pid_, signal);
}

void ChildProcess::KillHard() {
  if (pid_ < 0 || exit_) return;
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  exit_ = 128 + SIGKILL;
}

std::optional<int> ChildProcess::WaitExit(std::chrono::milliseconds time) {
  bool stopped = false;
  Eventually(time, [&] { return Look(stopped); });
  return exit_;
}

bool ChildProcess::WaitStopped(std::chrono::milliseconds time) {
  bool stopped = false;
  Eventually(time, [&] { return Look(stopped) || stopped; });
  return stopped;
}

}  // namespace meshplay::test
