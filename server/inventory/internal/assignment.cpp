#include "server/inventory/internal/assignment.h"

#include <nlohmann/json.hpp>

#include "server/inventory/internal/rows.h"

namespace meshplay::inventory {
namespace {

int Rank(const store::ClaimRecord& claim) {
  if (!claim.live) return 0;
  return IsReachable(claim) ? 2 : 1;
}

std::string Choose(const std::vector<store::ClaimRecord>& claims, const std::string& incumbent) {
  const store::ClaimRecord* best = nullptr;
  for (const store::ClaimRecord& claim : claims) {  // oldest first
    const bool better =
        best == nullptr || Rank(claim) > Rank(*best) || (Rank(claim) == Rank(*best) && claim.adapter_id == incumbent);
    if (better) best = &claim;
  }
  return best == nullptr ? std::string() : best->adapter_id;
}

}  // namespace

Status Assign(store::Transaction& unit, const std::string& tenant, const std::string& cluster_id,
              const std::string& cluster_uid, const std::string& mesh_type, UnixMs now) {
  const std::string id = TargetId(cluster_uid, mesh_type);
  MP_TRY(const std::vector<store::ClaimRecord> claims, unit.ListClaims(tenant, "", cluster_uid, mesh_type));
  MP_TRY(auto target, unit.FindTarget(tenant, id));
  if (!target && claims.empty()) return {};
  const std::string chosen = Choose(claims, target ? target->adapter_id : std::string());
  for (store::ClaimRecord claim : claims) {
    if (claim.assigned == (claim.adapter_id == chosen)) continue;
    claim.assigned = claim.adapter_id == chosen;
    MP_CHECK(unit.PutClaim(claim));
  }
  if (target && target->adapter_id == chosen) return {};
  if (!target) {
    target.emplace();
    target->id = id;
    target->tenant = tenant;
    target->cluster_id = cluster_id;
    target->cluster_uid = cluster_uid;
    target->mesh_type = mesh_type;
  }
  target->adapter_id = chosen;
  MP_CHECK(PutChanged(unit, *target, now));
  return AddEvent(unit, tenant, "target/" + id, "target.assigned",
                  {{"target", id}, {"cluster", target->cluster_id}, {"mesh_type", mesh_type}, {"adapter_id", chosen}},
                  now);
}

Result<bool> IsAssigned(store::Reader& reader, const std::string& adapter_id, const std::string& cluster_uid,
                        const std::string& mesh_type) {
  MP_TRY(const auto target, reader.FindTarget("", TargetId(cluster_uid, mesh_type)));
  return target.has_value() && target->adapter_id == adapter_id;
}

}  // namespace meshplay::inventory
