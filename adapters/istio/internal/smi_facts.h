#pragma once

#include <set>
#include <string>

#include "adapters/istio/control_planes.h"
#include "adapters/kube/client.h"
#include "libs/smi/facts.h"

namespace meshplay::istio {

/// Reads live what translation needs: Services, workloads and accounts of these namespaces, every Istio route and
/// policy of the cluster, the served versions, and the mesh's trust domain.
/// Errors: those of the client; a kind the cluster does not serve is simply not there.
Result<smi::ClusterFacts> ReadSmiFacts(kube::Client& client, const ControlPlane& plane,
                                       const std::set<std::string>& namespaces, const kube::Call& call);

/// Fills in what the mesh itself tells: its version and its trust domain. Errors: those of the client.
Status CompleteFacts(kube::Client& client, const ControlPlane& plane, const kube::Call& call, smi::ClusterFacts& facts);

/// The value of trustDomain in istiod's mesh configuration; "cluster.local" when it says none.
std::string TrustDomainOf(const nlohmann::json& mesh_config_map);

}  // namespace meshplay::istio
