#pragma once

#include "cli/operations.h"

namespace CLI {
class App;
}

namespace meshplay::cli {

/// Target, waiting and ownership options of every command that starts an operation.
void AddRunOptions(CLI::App& command, RunRequest& request);

}  // namespace meshplay::cli
