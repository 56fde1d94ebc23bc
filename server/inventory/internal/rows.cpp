#include "server/inventory/internal/rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "server/inventory/internal/conditions.h"

namespace meshplay::inventory {
namespace {

using nlohmann::json;

constexpr std::uint32_t kPage = 500;
constexpr std::size_t kMaxText = 256;

template <class Row>
Status PutNext(store::Transaction& unit, Row& row, UnixMs now, Status (store::Transaction::*put)(const Row&)) {
  row.version += 1;
  row.updated_unix_ms = now;
  if (row.created_unix_ms == 0) row.created_unix_ms = now;
  return (unit.*put)(row);
}

/// A resource name from what a person typed into a kubeconfig.
std::string NameFrom(const std::string& display_name) {
  std::string name;
  for (const char c : display_name) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (upper || plain) {
      name += upper ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  if (!name.empty() && name.front() >= '0' && name.front() <= '9') name.insert(0, "c-");
  name = name.substr(0, 56);  // leaves room for a number that makes it unique
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "cluster" : name;
}

Result<std::string> UniqueClusterId(store::Reader& reader, const std::string& tenant, const Claim& claim) {
  const std::string name = NameFrom(claim.display_name);
  for (int number = 1; number < 1000; ++number) {
    const std::string id = number == 1 ? name : name + "-" + std::to_string(number);
    MP_TRY(const auto taken, reader.FindCluster(tenant, id));
    if (!taken) return id;
  }
  return "c-" + claim.cluster_uid.substr(0, 60);
}

}  // namespace

Result<store::AdapterRecord> GetAdapter(store::Reader& reader, const std::string& adapter_id) {
  MP_TRY(auto adapter, reader.FindAdapter("", adapter_id));
  if (!adapter) {
    return Error(ErrorCode::kPermissionDenied, "ADAPTER_UNKNOWN", "no such adapter is enrolled")
        .WithRemediation("Enrol the adapter with a new token.");
  }
  if (adapter->state == "REVOKED") {
    return Error(ErrorCode::kPermissionDenied, "ADAPTER_REVOKED", "the adapter was revoked")
        .WithRemediation("Enrol it again as a new adapter.");
  }
  return std::move(*adapter);
}

Status PutChanged(store::Transaction& unit, store::AdapterRecord& adapter, UnixMs now) {
  return PutNext(unit, adapter, now, &store::Transaction::PutAdapter);
}
Status PutChanged(store::Transaction& unit, store::ClusterRecord& cluster, UnixMs now) {
  return PutNext(unit, cluster, now, &store::Transaction::PutCluster);
}
Status PutChanged(store::Transaction& unit, store::TargetRecord& target, UnixMs now) {
  return PutNext(unit, target, now, &store::Transaction::PutTarget);
}
Status PutChanged(store::Transaction& unit, store::MeshRecord& mesh, UnixMs now) {
  return PutNext(unit, mesh, now, &store::Transaction::PutMesh);
}

Status AddEvent(store::Transaction& unit, const std::string& tenant, const std::string& subject,
                const std::string& kind, const json& body, UnixMs now) {
  store::EventRecord event;
  event.tenant = tenant;
  event.subject = subject;
  event.kind = kind;
  event.body_json = CanonicalJson(body);
  event.time_unix_ms = now;
  const auto added = unit.AddEvent(event);
  if (!added) return added.error();
  return {};
}

Result<std::vector<store::AdapterRecord>> AllAdapters(store::Reader& reader, const std::string& tenant,
                                                      const std::string& mesh_type) {
  std::vector<store::AdapterRecord> all;
  std::string after;
  for (;;) {
    MP_TRY(std::vector<store::AdapterRecord> page, reader.ListAdapters(tenant, mesh_type, after, kPage));
    if (page.empty()) return all;
    after = page.back().id;
    std::move(page.begin(), page.end(), std::back_inserter(all));
  }
}

Result<std::vector<store::MeshRecord>> AllMeshes(store::Reader& reader, const std::string& tenant,
                                                 const std::string& cluster_id, const std::string& mesh_type) {
  std::vector<store::MeshRecord> all;
  std::string after;
  for (;;) {
    MP_TRY(std::vector<store::MeshRecord> page, reader.ListMeshes(tenant, cluster_id, mesh_type, after, kPage));
    if (page.empty()) return all;
    after = page.back().id;
    std::move(page.begin(), page.end(), std::back_inserter(all));
  }
}

Status CheckClaim(const Claim& claim) {
  const bool good_uid = !claim.cluster_uid.empty() && claim.cluster_uid.size() <= 64 &&
                        std::all_of(claim.cluster_uid.begin(), claim.cluster_uid.end(), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
                        });
  if (!good_uid) {
    return InvalidArgument("CLAIM_INVALID", "a claim needs the UID of the namespace kube-system")
        .WithViolation("/target/cluster_uid", "1 to 64 letters, digits and dashes");
  }
  for (const std::string* text : {&claim.display_name, &claim.server_host, &claim.kubernetes_version}) {
    if (text->size() > kMaxText) return InvalidArgument("CLAIM_INVALID", "a text of a claim is longer than 256 bytes");
  }
  MP_CHECK(ParseConditions(claim.conditions_json).map([](const auto&) {}));
  return {};
}

Result<store::ClusterRecord> UpsertCluster(store::Transaction& unit, const std::string& tenant, const Claim& claim,
                                           UnixMs now) {
  MP_TRY(auto found, unit.FindClusterByUid(tenant, claim.cluster_uid));
  store::ClusterRecord cluster;
  if (found) {
    cluster = *found;
  } else {
    MP_TRY(cluster.id, UniqueClusterId(unit, tenant, claim));
    cluster.tenant = tenant;
    cluster.uid = claim.cluster_uid;
    cluster.display_name = claim.display_name.empty() ? cluster.id : claim.display_name;
  }
  const store::ClusterRecord before = cluster;
  if (!claim.kubernetes_version.empty()) cluster.kubernetes_version = claim.kubernetes_version;
  if (!claim.server_host.empty()) cluster.server_host = claim.server_host;
  if (found && cluster == before) return cluster;
  MP_CHECK(PutChanged(unit, cluster, now));
  const json body = {{"cluster", cluster.id}, {"uid", cluster.uid}, {"kubernetes_version", cluster.kubernetes_version}};
  MP_CHECK(AddEvent(unit, tenant, "cluster/" + cluster.id, found ? "cluster.changed" : "cluster.appeared", body, now));
  return cluster;
}

bool IsReachable(const store::ClaimRecord& claim) {
  return ConditionStatus(claim.conditions_json, "Reachable") != "False";
}

Status UpdateReachability(store::Transaction& unit, const std::string& tenant, const std::string& cluster_uid,
                          UnixMs now) {
  MP_TRY(auto cluster, unit.FindClusterByUid(tenant, cluster_uid));
  if (!cluster) return {};
  MP_TRY(const std::vector<store::ClaimRecord> claims, unit.ListClaims(tenant, "", cluster_uid, ""));
  Condition condition{"Reachable", "Unknown", "NoAdapter", "No adapter with an open session claims the cluster.", ""};
  for (const store::ClaimRecord& claim : claims) {
    if (!claim.live) continue;
    if (IsReachable(claim)) {
      condition = {"Reachable", "True", "AdapterReaches", "", ""};
      break;
    }
    condition = {"Reachable", "False", "AdapterCannotReach", "No adapter reaches the cluster's API.", ""};
  }
  const std::string conditions = SetCondition(cluster->conditions_json, condition, now);
  if (conditions == cluster->conditions_json) return {};
  cluster->conditions_json = conditions;
  MP_CHECK(PutChanged(unit, *cluster, now));
  return AddEvent(unit, tenant, "cluster/" + cluster->id, "cluster.changed",
                  {{"cluster", cluster->id}, {"reachable", condition.status}}, now);
}

std::string KindsKey(const std::vector<std::pair<std::string, std::string>>& kinds) {
  json list = json::array();
  for (const auto& [api_version, kind] : kinds) list.push_back({api_version, kind});
  return CanonicalJson(list);
}

std::string ObjectId(const std::string& adapter_id, const std::string& cluster_uid, const Item& item) {
  return DeriveUuid({"object", adapter_id, cluster_uid, item.api_version, item.kind, item.namespace_name, item.name});
}
std::string MeshId(const std::string& cluster_uid, const std::string& mesh_type, const std::string& mesh_key) {
  return DeriveUuid({"mesh", cluster_uid, mesh_type, mesh_key});
}
std::string TargetId(const std::string& cluster_uid, const std::string& mesh_type) {
  return DeriveUuid({"target", cluster_uid, mesh_type});
}

}  // namespace meshplay::inventory
