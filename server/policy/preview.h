#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "server/policy/policies.h"
#include "server/policy/spec.h"
#include "server/store/store.h"

namespace meshplay::policy {

/// What one mesh would be asked for.
struct PreviewMesh {
  store::MeshRecord mesh;
  std::uint32_t stage = 0;
  OperationWish wish;       ///< APPLY, or DELETE where the mesh is no longer selected; principal and reason are empty.
  std::string unreachable;  ///< Why nobody can be asked; empty when somebody can.
};

/// A policy as it would be with another spec.
struct Preview {
  std::uint32_t revision = 0;  ///< That it has now; 0 when there is no such policy.
  Spec before;                 ///< Of that revision.
  std::vector<PreviewMesh> meshes;
};

/// The worst level of SMI reports as adapters send them; empty when there is none. Pure.
std::string WorstLevel(const nlohmann::json& reports);

/// Reads only. Errors: kInvalidArgument POLICY_ID_INVALID and those of CheckSpec; kNotFound ENVIRONMENT_UNKNOWN;
/// kFailedPrecondition POLICY_DELETING.
Result<Preview> PreviewPolicy(store::Reader& reader, const std::string& tenant, const std::string& id,
                              const Spec& spec);

}  // namespace meshplay::policy
