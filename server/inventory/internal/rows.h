#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "server/inventory/inventory.h"
#include "server/store/store.h"

/// Small steps of a unit of work that several files of this room share.
namespace meshplay::inventory {

/// Errors: kPermissionDenied ADAPTER_UNKNOWN, ADAPTER_REVOKED.
Result<store::AdapterRecord> GetAdapter(store::Reader& reader, const std::string& adapter_id);

/// Raises the version, sets the time and puts the row.
Status PutChanged(store::Transaction& unit, store::AdapterRecord& adapter, UnixMs now);
Status PutChanged(store::Transaction& unit, store::ClusterRecord& cluster, UnixMs now);
Status PutChanged(store::Transaction& unit, store::TargetRecord& target, UnixMs now);
Status PutChanged(store::Transaction& unit, store::MeshRecord& mesh, UnixMs now);

Status AddEvent(store::Transaction& unit, const std::string& tenant, const std::string& subject,
                const std::string& kind, const nlohmann::json& body, UnixMs now);

/// Every adapter of a tenant and mesh type (both may be empty: any), page by page.
Result<std::vector<store::AdapterRecord>> AllAdapters(store::Reader& reader, const std::string& tenant,
                                                      const std::string& mesh_type);
Result<std::vector<store::MeshRecord>> AllMeshes(store::Reader& reader, const std::string& tenant,
                                                 const std::string& cluster_id, const std::string& mesh_type);

/// Errors: kInvalidArgument CLAIM_INVALID.
Status CheckClaim(const Claim& claim);

/// The cluster's row, made or brought up to date from a claim, with its event.
Result<store::ClusterRecord> UpsertCluster(store::Transaction& unit, const std::string& tenant, const Claim& claim,
                                           UnixMs now);

/// Puts the cluster's condition Reachable from its claims, with an event when it changed.
Status UpdateReachability(store::Transaction& unit, const std::string& tenant, const std::string& cluster_uid,
                          UnixMs now);

bool IsReachable(const store::ClaimRecord& claim);  ///< Unless the claim says Reachable=False.

std::string KindsKey(const std::vector<std::pair<std::string, std::string>>& kinds);
std::string ObjectId(const std::string& adapter_id, const std::string& cluster_uid, const Item& item);
std::string MeshId(const std::string& cluster_uid, const std::string& mesh_type, const std::string& mesh_key);
std::string TargetId(const std::string& cluster_uid, const std::string& mesh_type);

}  // namespace meshplay::inventory
