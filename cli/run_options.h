#pragma once

#include <string>
#include <vector>

#include "cli/operations.h"
#include "libs/base/result.h"

namespace CLI {
class App;
}

namespace meshplay::cli {

/// Target, waiting and ownership options of every command that starts an operation.
void AddRunOptions(CLI::App& command, RunRequest& request);

/// The files one after the other as YAML documents; "-" is standard input. Errors: those of ReadFile.
Result<std::string> ReadDocuments(const std::vector<std::string>& files);

}  // namespace meshplay::cli
