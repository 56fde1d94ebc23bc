#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/sdk/adapter.h"
#include "libs/base/result.h"

namespace CLI {
class App;
}

namespace meshplay::serve {

inline constexpr int kBadOptions = 2;

/// What every `run` command of an adapter takes.
struct RunFlags {
  std::string state_dir;
  std::string enroll_file;
  std::string log_level = "info";
  std::string log_format = "text";
};
void AddRunFlags(CLI::App& command, RunFlags& flags);

/// Makes the state folder and its `folders` (0700), has `make` build the adapter, and serves until SIGTERM or SIGINT.
/// The exit code: that of sdk::RunAdapter, or kBadOptions with the reason on stderr. Blocks SIGTERM and SIGINT in all
/// threads, so call it before any other thread runs.
int Run(const RunFlags& flags, const std::string& adapter_type, const std::vector<std::string>& folders,
        const std::function<Result<std::unique_ptr<sdk::MeshAdapter>>()>& make);

/// Prints the manifest as JSON; an exit code.
int PrintCapabilities(sdk::MeshAdapter& adapter);

}  // namespace meshplay::serve
