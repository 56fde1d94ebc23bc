#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace meshplay::test {

/// A program that a test starts, breaks and waits for; killed with this object, and when the test's process dies.
/// Its output is appended to a file. Threads: one.
class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment,
               const std::string& log_path);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  pid_t pid() const { return pid_; }
  bool running();
  void Signal(int signal) const;
  /// SIGKILL, and waits until the process is gone.
  void KillHard();
  /// The exit code, or 128 + the signal that ended it; nullopt when it still runs after `time`.
  std::optional<int> WaitExit(std::chrono::milliseconds time);
  /// True as soon as the process is stopped, as by SIGSTOP or a failpoint.
  bool WaitStopped(std::chrono::milliseconds time);

 private:
  bool Look(bool& stopped);
  pid_t pid_ = -1;
  std::optional<int> exit_;
};

/// PATH, HOME and what else a program of ours needs of the test's environment, with `more` added.
std::map<std::string, std::string> ChildEnvironment(const std::map<std::string, std::string>& more = {});

}  // namespace meshplay::test
