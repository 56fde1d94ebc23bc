#include "cli/run_options.h"

#include <CLI/CLI.hpp>

namespace meshplay::cli {

void AddRunOptions(CLI::App& command, RunRequest& request) {
  command.add_option("--cluster", request.cluster, "Cluster id")->required();
  command.add_option("--mesh", request.mesh, "Mesh id");
  command.add_option("--mesh-type", request.mesh_type, "Mesh type, for example istio");
  command.add_option("-n,--namespace", request.name_space, "Namespace, where the operation takes one");
  command.add_option("--reason", request.reason, "Why, for the audit record");
  command.add_option("--idempotency-key", request.idempotency_key, "The same key never starts a second operation");
  command.add_option("--owner", request.owner_id, "Name of the set that the objects belong to");
  command.add_flag("--plan", request.plan, "Show what would change; change nothing");
  command.add_flag("--wait", request.wait, "Show the steps until it is done; the exit code says how it ended");
  command.add_flag("--force-conflicts", request.force_conflicts, "Take fields that another manager owns");
  command.add_flag("--prune", request.prune, "Delete objects of the owner that are no longer in the set");
  AddTimeout(command, request.timeout);
}

void AddTimeout(CLI::App& command, std::chrono::seconds& timeout) {
  command.add_option_function<int>(
      "--timeout", [&timeout](int seconds) { timeout = std::chrono::seconds(seconds); }, "Seconds to wait");
}

}  // namespace meshplay::cli
