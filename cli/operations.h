#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/print.h"
#include "cli/server.h"

namespace meshplay::cli {

struct RunRequest {
  std::string type;
  std::string cluster;
  std::string mesh;
  std::string mesh_type;
  std::string name_space;
  std::vector<std::string> parameters;  ///< KEY=VALUE
  std::string documents;                ///< Of smi.apply and smi.delete: the parameter of that name.
  std::string parameters_file;          ///< JSON or YAML object; -p wins.
  std::string reason;
  std::string idempotency_key;  ///< Made when empty.
  std::string plan_digest;
  std::string owner_id;
  bool plan = false;
  bool wait = false;
  bool force_conflicts = false;
  bool prune = false;
  std::chrono::seconds timeout{1'800};
};

/// Starts an operation, or plans it; with `wait` shows its steps until it is final. Returns an exit code.
int RunOperation(Server& server, const RunRequest& request, Format format);

/// Shows the steps of an operation as they happen and returns the exit code of its end.
int WatchOperation(Server& server, const std::string& id, Format format, std::chrono::seconds timeout);

/// The exit code that a final operation stands for; kDone for one that is not final.
int ExitCodeOf(const nlohmann::ordered_json& operation);

}  // namespace meshplay::cli
