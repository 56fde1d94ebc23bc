#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/result.h"

namespace meshplay {

/// What to run. No shell is involved: `argv[0]` is a path or is found on PATH.
struct ProcessSpec {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  ///< The child's whole environment; nothing is inherited.
  std::string working_directory;                   ///< Empty: ours.
  std::string stdin_text;
  std::size_t max_output_bytes = 16 * 1024 * 1024;  ///< For each of stdout and stderr; more ends the child.
  std::chrono::milliseconds timeout{60'000};        ///< Then SIGTERM to the group, and SIGKILL after `kill_after`.
  std::chrono::milliseconds kill_after{5'000};
};

struct ProcessOutcome {
  int exit_code = -1;      ///< -1 when a signal ended it.
  int signal = 0;          ///< The signal that ended it, or 0.
  bool timed_out = false;  ///< We ended it because of `timeout`.
  bool cancelled = false;  ///< We ended it because `should_stop` said so.
  std::string stdout_text;
  std::string stderr_text;
  std::chrono::milliseconds took{0};
};

/// Runs a child in its own process group and waits for it. The child gets SIGTERM when this thread's process dies
/// (PR_SET_PDEATHSIG), has no descriptor of ours but 0, 1 and 2, and is followed to its end whatever happens: no
/// zombie, no orphan of its group. `should_stop` (may be empty) is asked about every 50 ms; true ends the child like a
/// timeout. Threads: any thread; blocks until the child is gone. Errors: kNotFound PROGRAM_NOT_FOUND; kInternal
/// PROCESS_START_FAILED; kResourceExhausted PROCESS_OUTPUT_TOO_LARGE. A non-zero exit is not an error here: see
/// ProcessOutcome.
Result<ProcessOutcome> RunProcess(const ProcessSpec& spec, const std::function<bool()>& should_stop = {});

/// The full path of `program` on PATH (or itself when it holds a slash and is executable); nullopt when there is none.
std::optional<std::string> FindProgram(const std::string& program);

}  // namespace meshplay
