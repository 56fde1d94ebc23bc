#pragma once

#include <optional>
#include <string>
#include <vector>

#include "meshplay/v1/inventory.pb.h"
#include "server/store/records.h"
#include "server/store/records_inventory.h"

/// Clusters, targets, meshes and objects: from rows to messages. Pure. Threads: any.
namespace meshplay::services {

v1::Cluster ToCluster(const store::ClusterRecord& record, const std::vector<store::ClaimRecord>& claims);
v1::Target ToTarget(const store::TargetRecord& record, const std::optional<store::HoldRecord>& hold);

/// Without what its workloads and certificates add: see AddFacts.
v1::Mesh ToMesh(const store::MeshRecord& record);
/// Counts a workload in, or adds a certificate; objects with other facts change nothing.
void AddFacts(const store::ObjectRecord& object, v1::Mesh& mesh);
v1::MeshChange ToMeshChange(const store::MeshHistoryRecord& record);
v1::MeshWorkload ToWorkload(const store::ObjectRecord& object);
v1::InventoryObject ToObject(const store::ObjectRecord& record);

}  // namespace meshplay::services
