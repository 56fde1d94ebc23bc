#pragma once

#include <signal.h>

#include <memory>

#include "libs/base/result.h"
#include "server/app/config.h"

namespace meshplay::app {

/// The server: every part built and wired in start order. The only place that knows everyone.
class App {
 public:
  /// Opens the data folder, recovers operations, then opens the hub and the doors; writes the ports file last.
  /// Errors: those of the parts, each with what to do.
  static Result<std::unique_ptr<App>> Start(const Config& config);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  /// Waits for one of `signals` (blocked in every thread) or a failed store, then stops gracefully. A second signal
  /// ends the process at once. Exit code: 0 after a signal, 1 when the store failed.
  int RunUntilSignal(const sigset_t& signals);

 private:
  struct Parts;
  explicit App(std::unique_ptr<Parts> parts);
  void Stop();
  std::unique_ptr<Parts> parts_;
};

}  // namespace meshplay::app
