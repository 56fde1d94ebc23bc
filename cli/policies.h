#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/print.h"
#include "cli/server.h"

namespace meshplay::cli {

/// Parts of a policy as given on the command line; what was not given stays as it is, or as the server has it.
struct PolicyRequest {
  std::string id;
  std::string spec_file;           ///< YAML or JSON of the whole spec; the parts below win.
  std::vector<std::string> files;  ///< SMI documents.
  std::string name_space;
  std::vector<std::string> options;         ///< KEY=VALUE
  bool all = false;                         ///< Every mesh.
  std::vector<std::string> cluster_labels;  ///< KEY=VALUE
  std::vector<std::string> clusters, environments, mesh_types, meshes;
  std::string on_drift;
  std::string display_name;
  std::string note;
  std::string key;  ///< Idempotency key; made when empty.
  bool paused = false;
  bool orphan = false;   ///< Of a deletion: leave the objects.
  bool dry_run = false;  ///< Only tell what would change.
  bool wait = false;
  std::chrono::seconds timeout{1'800};
};

/// Changes `spec` to what was asked for. Errors: kInvalidArgument PARAMETER_INVALID; those of reading files.
Status MergeSpec(const PolicyRequest& request, nlohmann::ordered_json& spec);

int CreatePolicy(Server& server, const PolicyRequest& request, Format format);
int UpdatePolicy(Server& server, const PolicyRequest& request, Format format);
/// With `wait` returns when the policy is gone, telling how far its meshes are.
int DeletePolicy(Server& server, const PolicyRequest& request, Format format);
/// Meshes and what they have; with `wait` only once every mesh has the wanted revision or one failed, telling changes
/// on stderr.
int ShowPolicyStatus(Server& server, const std::string& id, bool wait, std::chrono::seconds timeout, Format format);

/// The exit code that the worst mesh stands for; kDone for none.
int ExitCodeOfMeshes(const nlohmann::ordered_json& meshes);

/// A line for each change of a plan: "WHAT: ACTION KIND NAME PATCH".
void PrintChanges(const std::string& what, const nlohmann::ordered_json& changes);

}  // namespace meshplay::cli
