#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kube/client.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::common {

namespace pb = meshplay::adapter::v1;

/// What was found before anything is changed: remarks for the plan, and the first reason not to begin.
struct Preflight {
  std::vector<pb::Diagnostic> diagnostics;
  std::optional<Error> blocker;

  void Warn(std::string code, std::string summary, std::string detail = {});
  void Block(Error error);  ///< Keeps the first; every one becomes a diagnostic.
};

/// The server must be at least 1.`min_minor`; above 1.`max_minor` is a warning.
void CheckKubernetes(Preflight& preflight, const std::string& git_version, int min_minor, int max_minor);

/// Control planes and injectors of other meshes, by their webhooks' names: a warning each.
/// Errors: those of the client.
Status CheckOtherMeshes(Preflight& preflight, kube::Client& client, std::string_view own_mesh_type,
                        const kube::Call& call);

/// Everything this identity needs and may not do blocks as TARGET_FORBIDDEN, all of it named.
Status CheckPermissions(Preflight& preflight, kube::Client& client, const std::vector<kube::AccessQuestion>& needed,
                        const kube::Call& call);

/// CustomResourceDefinitions whose group ends in `group_suffix` must belong to this helm release or to nobody.
Status CheckCrdOwnership(Preflight& preflight, kube::Client& client, std::string_view group_suffix,
                         const std::string& release, const std::string& name_space, const kube::Call& call);

/// Webhooks of anybody with failurePolicy Fail whose Service is gone: they would refuse our objects. A warning each.
Status CheckDeadWebhooks(Preflight& preflight, kube::Client& client, const kube::Call& call);

}  // namespace meshplay::common
