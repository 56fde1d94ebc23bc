#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/policy/spec.h"
#include "server/store/store.h"

/// Which meshes a selector means. Pure functions over one picture of the world. Threads: any.
namespace meshplay::policy {

/// What one tenant has: read in one snapshot.
struct World {
  std::map<std::string, store::MeshRecord> meshes;               ///< By id.
  std::map<std::string, store::ClusterRecord> clusters;          ///< By id.
  std::map<std::string, store::EnvironmentRecord> environments;  ///< By id.
  /// Claims by (cluster uid, mesh type).
  std::map<std::pair<std::string, std::string>, std::vector<store::ClaimRecord>> claims;
};

Result<World> ReadWorld(store::Reader& reader, const std::string& tenant);

bool Matches(const LabelSelector& selector, const std::map<std::string, std::string>& labels);
bool Matches(const Selector& selector, const store::MeshRecord& mesh, const World& world);
/// The stage of a mesh: the first whose selector matches; those of none come last.
std::uint32_t StageOf(const Spec& spec, const store::MeshRecord& mesh, const World& world);
/// How many stages there are, the implicit last one included when there are any.
std::uint32_t StageCount(const Spec& spec);

/// Environments that the target or a stage names.
std::set<std::string> EnvironmentsOf(const Spec& spec);

}  // namespace meshplay::policy
