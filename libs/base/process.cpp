#include "libs/base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

namespace meshplay {
namespace {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr milliseconds kAskEvery{50};
/// How long we read on after the whole group is dead: only a process that left the group can still hold the pipes.
constexpr milliseconds kLastOutput{500};

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { Close(); }
  void Close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  int get() const { return number_; }

 private:
  int number_ = -1;
};

struct Pipe {
  Descriptor reader;
  Descriptor writer;
};

/// Both ends are 3 or higher, so that the child can put them on 0, 1 and 2 in any order.
bool OpenPipe(Pipe& pipe) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  const Descriptor low_reader(ends[0]);
  const Descriptor low_writer(ends[1]);
  pipe.reader = Descriptor(::fcntl(ends[0], F_DUPFD_CLOEXEC, 3));
  pipe.writer = Descriptor(::fcntl(ends[1], F_DUPFD_CLOEXEC, 3));
  return pipe.reader.get() >= 0 && pipe.writer.get() >= 0;
}

void MakeNonBlocking(const Descriptor& end) {
  ::fcntl(end.get(), F_SETFL, ::fcntl(end.get(), F_GETFL) | O_NONBLOCK);
}

/// A write to a child that closed its input must not end us; the signal is swallowed for this thread only.
class SigpipeBlocker {
 public:
  SigpipeBlocker() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
  }
  SigpipeBlocker(const SigpipeBlocker&) = delete;
  SigpipeBlocker& operator=(const SigpipeBlocker&) = delete;
  ~SigpipeBlocker() {
    const timespec now{};
    while (!was_pending_ && ::sigtimedwait(&set_, nullptr, &now) == -1 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t set_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

/// The only owner of the child: whatever happens, the group is killed and the child reaped.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) Reap();
  }
  pid_t pid() const { return pid_; }
  void Signal(int number) const { ::kill(-pid_, number); }
  /// True when the child ended; it stays a zombie so that its group id cannot be taken by others.
  bool Ended() const {
    siginfo_t facts{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &facts, WEXITED | WNOHANG | WNOWAIT) == 0 && facts.si_pid == pid_;
  }
  int Reap() {
    Signal(SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

/// Everything the child needs, prepared before the fork: after it only async-signal-safe calls are allowed.
struct Launch {
  const char* program;
  const char* folder;
  char* const* argv;
  char* const* environment;
  int input;
  int output;
  int errors;
  int report;
  pid_t parent;
};

[[noreturn]] void BecomeProgram(const Launch& launch) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != launch.parent) ::_exit(127);  // The parent died before the line above took effect.
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool good = ::dup2(launch.input, 0) >= 0 && ::dup2(launch.output, 1) >= 0 && ::dup2(launch.errors, 2) >= 0 &&
                    (*launch.folder == '\0' || ::chdir(launch.folder) == 0) &&
                    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
  if (good) ::execve(launch.program, launch.argv, launch.environment);
  const int code = errno;
  const ssize_t ignored = ::write(launch.report, &code, sizeof code);
  static_cast<void>(ignored);
  ::_exit(127);
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

Error StartFailed(int code) {
  if (code == ENOENT) return NotFound("PROGRAM_NOT_FOUND", "the program or its working folder does not exist");
  return Internal("PROCESS_START_FAILED", "a program could not be started: " + std::generic_category().message(code));
}

/// One run: feeds and drains the pipes and ends the child when it must end.
class Run {
 public:
  Run(const ProcessSpec& spec, const std::function<bool()>& should_stop, Child& child, Descriptor input,
      Descriptor output, Descriptor errors)
      : spec_(spec),
        should_stop_(should_stop),
        child_(child),
        watch_(static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0))),
        input_(std::move(input)),
        output_(std::move(output)),
        errors_(std::move(errors)) {
    for (const Descriptor* end : {&input_, &output_, &errors_}) MakeNonBlocking(*end);
    if (spec_.stdin_text.empty()) input_.Close();
  }

  Result<ProcessOutcome> UntilEnd(SteadyTime started) {
    deadline_ = started + spec_.timeout;
    while (!child_.Ended()) {
      Transfer(kAskEvery);
      DecideEnd(std::chrono::steady_clock::now());
    }
    child_.Signal(SIGKILL);  // What is left of the group.
    const SteadyTime last = std::chrono::steady_clock::now() + kLastOutput;
    while ((output_.get() >= 0 || errors_.get() >= 0) && std::chrono::steady_clock::now() < last) {
      watch_.Close();
      Transfer(milliseconds(10));
    }
    const int status = child_.Reap();
    if (too_large_) {
      return Error(ErrorCode::kResourceExhausted, "PROCESS_OUTPUT_TOO_LARGE",
                   "a program printed more than " + std::to_string(spec_.max_output_bytes) + " bytes");
    }
    if (WIFEXITED(status)) outcome_.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) outcome_.signal = WTERMSIG(status);
    outcome_.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - started);
    return std::move(outcome_);
  }

 private:
  void Transfer(milliseconds wait) {
    std::array<pollfd, 4> ends{{{input_.get(), POLLOUT, 0},
                                {output_.get(), POLLIN, 0},
                                {errors_.get(), POLLIN, 0},
                                {watch_.get(), POLLIN, 0}}};
    // With nothing to wake us at the child's end, look often.
    if (watch_.get() < 0 && output_.get() < 0) wait = milliseconds(5);
    if (::poll(ends.data(), ends.size(), static_cast<int>(wait.count())) <= 0) return;
    if (ends[0].revents != 0) Feed();
    if (ends[1].revents != 0) Drain(output_, outcome_.stdout_text);
    if (ends[2].revents != 0) Drain(errors_, outcome_.stderr_text);
  }

  void Feed() {
    const std::string_view rest = std::string_view(spec_.stdin_text).substr(fed_);
    const ssize_t wrote = ::write(input_.get(), rest.data(), rest.size());
    if (wrote > 0) fed_ += static_cast<std::size_t>(wrote);
    const bool broken = wrote < 0 && errno != EAGAIN && errno != EINTR;
    if (broken || fed_ == spec_.stdin_text.size()) input_.Close();
  }

  void Drain(Descriptor& end, std::string& text) {
    std::array<char, 65536> buffer;
    const ssize_t got = ::read(end.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return end.Close();
    const auto count = static_cast<std::size_t>(got);
    if (too_large_ || count > spec_.max_output_bytes - text.size()) {
      too_large_ = true;  // Goes on reading, so that the child can end in order, but keeps nothing.
      return;
    }
    text.append(buffer.data(), count);
  }

  void DecideEnd(SteadyTime now) {
    if (ending_) {
      if (now >= kill_at_) child_.Signal(SIGKILL);
      return;
    }
    if (now >= deadline_) {
      outcome_.timed_out = true;
    } else if (should_stop_ && now >= ask_at_) {
      ask_at_ = now + kAskEvery;
      outcome_.cancelled = should_stop_();
    }
    if (!outcome_.timed_out && !outcome_.cancelled && !too_large_) return;
    ending_ = true;
    kill_at_ = now + spec_.kill_after;
    child_.Signal(SIGTERM);
  }

  const ProcessSpec& spec_;
  const std::function<bool()>& should_stop_;
  Child& child_;
  Descriptor watch_;
  Descriptor input_;
  Descriptor output_;
  Descriptor errors_;
  std::size_t fed_ = 0;
  ProcessOutcome outcome_;
  SteadyTime deadline_;
  SteadyTime ask_at_;
  SteadyTime kill_at_;
  bool ending_ = false;
  bool too_large_ = false;
};

bool IsExecutableFile(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

bool HoldsZeroByte(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

}  // namespace

std::optional<std::string> FindProgram(const std::string& program) {
  if (program.empty()) return std::nullopt;
  if (program.find('/') != std::string::npos) {
    return IsExecutableFile(program) ? std::optional(program) : std::nullopt;
  }
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + '/' + program;
    // An empty or relative entry would run whatever lies in the current folder.
    if (candidate.front() == '/' && end > 0 && IsExecutableFile(candidate)) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

Result<ProcessOutcome> RunProcess(const ProcessSpec& spec, const std::function<bool()>& should_stop) {
  std::vector<std::string> arguments = spec.argv;
  std::vector<std::string> environment;
  for (const auto& [name, value] : spec.environment) environment.push_back(name + '=' + value);
  const auto bad = [](const std::vector<std::string>& texts) {
    return std::any_of(texts.begin(), texts.end(), HoldsZeroByte);
  };
  if (bad(arguments) || bad(environment)) {
    return Internal("PROCESS_START_FAILED", "an argument of a program holds a zero byte");
  }
  const std::optional<std::string> program = arguments.empty() ? std::nullopt : FindProgram(arguments[0]);
  if (!program) return NotFound("PROGRAM_NOT_FOUND", "the program is not there or not executable");

  Pipe input;
  Pipe output;
  Pipe errors;
  Pipe report;
  if (!OpenPipe(input) || !OpenPipe(output) || !OpenPipe(errors) || !OpenPipe(report)) return StartFailed(errno);
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(environment);
  const Launch launch{program->c_str(),    spec.working_directory.c_str(),
                      argv.data(),         envp.data(),
                      input.reader.get(),  output.writer.get(),
                      errors.writer.get(), report.writer.get(),
                      ::getpid()};

  const SigpipeBlocker no_sigpipe;
  const SteadyTime started = std::chrono::steady_clock::now();
  const pid_t pid = ::fork();
  if (pid < 0) return StartFailed(errno);
  if (pid == 0) BecomeProgram(launch);
  Child child(pid);
  ::setpgid(pid, pid);  // Both sides set it, so neither has to wait for the other.
  input.reader.Close();
  output.writer.Close();
  errors.writer.Close();
  report.writer.Close();
  int code = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.reader.get(), &code, sizeof code);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof code)) return StartFailed(code);
  Run run(spec, should_stop, child, std::move(input.writer), std::move(output.reader), std::move(errors.reader));
  return run.UntilEnd(started);
}

}  // namespace meshplay
