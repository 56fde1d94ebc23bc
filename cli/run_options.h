#pragma once

#include <chrono>

#include "cli/operations.h"

namespace CLI {
class App;
}

namespace meshplay::cli {

/// Target, waiting and ownership options of every command that starts an operation.
void AddRunOptions(CLI::App& command, RunRequest& request);

/// --timeout SECONDS.
void AddTimeout(CLI::App& command, std::chrono::seconds& timeout);

}  // namespace meshplay::cli
