#pragma once

#include <string>
#include <vector>

#include "adapters/sdk/adapter.h"

/// What is known of Istio's releases; a newer release is another row.
namespace meshplay::istio {

namespace pb = meshplay::adapter::v1;

inline constexpr char kDefaultVersion[] = "1.30.3";
inline constexpr int kTestedKubernetesMinor = 37;

/// The oldest Kubernetes minor version a release runs on.
int LeastKubernetesMinor(const std::string& istio_version);

std::vector<pb::MeshVersionSupport> SupportedVersions();
std::vector<pb::SmiSupport> SmiSupports();
std::vector<pb::PermissionRule> RequiredPermissions();

}  // namespace meshplay::istio
