#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/kube/client.h"
#include "adapters/sdk/adapter.h"

namespace meshplay::istio {

namespace pb = meshplay::adapter::v1;

/// What detection looks at. Lists of one moment; any may be empty.
struct ClusterObjects {
  std::vector<nlohmann::json> deployments;  ///< At least those with the label app=istiod.
  std::vector<nlohmann::json> namespaces;
  std::vector<nlohmann::json> mutating_webhooks;  ///< Revision tags are read from them.
};

/// One istiod: sidecar mode's control plane of one revision.
struct ControlPlane {
  std::string name_space;
  std::string revision;  ///< "default" when the Deployment names none.
  std::string version;   ///< From the label app.kubernetes.io/version, else the tag of the image; may be empty.
  std::string deployment;
  bool managed = false;                          ///< Carries Meshplay's ownership label.
  bool stand_in = false;                         ///< Stand-in charts: no mesh runs.
  std::vector<std::string> tags;                 ///< Revision tags that point to it.
  std::vector<std::string> injected_namespaces;  ///< Sorted.
  nlohmann::json object;
  std::string key() const { return name_space + "/" + revision; }
};

/// Finds control planes by labels, image names and webhooks, never by the name of a namespace. Sorted by key. Pure.
std::vector<ControlPlane> FindControlPlanes(const ClusterObjects& objects);

/// Reads what detection needs. Errors: those of the client.
Result<ClusterObjects> ReadClusterObjects(kube::Client& client, const kube::Call& call);

/// "1.30.3" of "registry.istio.io/release/pilot:1.30.3-distroless@sha256:..."; empty when the tag is no version.
std::string VersionOfImage(const std::string& image);

/// The revision that injects into a namespace: "default" for istio-injection=enabled (which wins), the value of
/// istio.io/rev otherwise (a revision or a tag); empty when the namespace is in no mesh.
std::string RevisionOfNamespace(const nlohmann::json& name_space);

pb::MeshFacts ToFacts(const ControlPlane& plane);
pb::DetectedMesh ToDetected(const ControlPlane& plane);

}  // namespace meshplay::istio
