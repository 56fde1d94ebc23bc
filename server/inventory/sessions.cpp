// Sessions of adapters, what they claim, and who serves what.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/inventory/internal/assignment.h"
#include "server/inventory/internal/conditions.h"
#include "server/inventory/internal/mesh_rows.h"
#include "server/inventory/internal/rows.h"
#include "server/inventory/inventory.h"

namespace meshplay::inventory {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxClaims = 1'000;

MeshPlace PlaceOf(const store::AdapterRecord& adapter, const store::ClusterRecord& cluster) {
  return {adapter.tenant, cluster.id, cluster.uid, adapter.mesh_type};
}

/// Puts one claim of a live session and the cluster behind it; a claim that comes alive counts from now on.
Result<store::ClusterRecord> PutLiveClaim(store::Transaction& unit, const store::AdapterRecord& adapter,
                                          const Claim& claim, UnixMs now) {
  MP_TRY(store::ClusterRecord cluster, UpsertCluster(unit, adapter.tenant, claim, now));
  MP_TRY(const std::vector<store::ClaimRecord> known,
         unit.ListClaims(adapter.tenant, adapter.id, claim.cluster_uid, ""));
  store::ClaimRecord row;
  if (!known.empty()) row = known.front();
  row.tenant = adapter.tenant;
  row.adapter_id = adapter.id;
  row.cluster_uid = claim.cluster_uid;
  row.mesh_type = adapter.mesh_type;
  if (!claim.display_name.empty()) row.context = claim.display_name;
  if (!row.live) row.since_unix_ms = now;
  row.live = true;
  if (!claim.conditions_json.empty()) {
    MP_TRY(std::vector<Condition> conditions, ParseConditions(claim.conditions_json));
    row.conditions_json = MergeConditions(row.conditions_json, std::move(conditions), now);
  }
  MP_CHECK(unit.PutClaim(row));
  return cluster;
}

/// The claim is over: what the adapter reported there is stale, and another one may serve.
Status EndClaim(store::Transaction& unit, const store::AdapterRecord& adapter, store::ClaimRecord claim, bool forget,
                const std::string& reason, UnixMs now) {
  MP_TRY(const auto cluster, unit.FindClusterByUid(adapter.tenant, claim.cluster_uid));
  const bool served = claim.assigned;
  if (forget) {
    MP_CHECK(unit.DeleteClaim(adapter.id, claim.cluster_uid));
  } else {
    claim.live = false;
    claim.conditions_json = UnknownConditions(claim.conditions_json, reason, now);
    MP_CHECK(unit.PutClaim(claim));
  }
  if (!cluster) return {};
  MP_CHECK(unit.MarkObjectsStale(adapter.id, claim.cluster_uid, true));
  if (served) MP_CHECK(MarkMeshesStale(unit, PlaceOf(adapter, *cluster), reason, now));
  MP_CHECK(Assign(unit, adapter.tenant, cluster->id, cluster->uid, adapter.mesh_type, now));
  return UpdateReachability(unit, adapter.tenant, cluster->uid, now);
}

/// A hold for credentials ends when the adapter shows that they work again.
Status EndCredentialsHold(store::Transaction& unit, const store::AdapterRecord& adapter, const Claim& claim,
                          UnixMs now) {
  if (ConditionStatus(claim.conditions_json, "CredentialsValid") != "True") return {};
  const std::string target = TargetId(claim.cluster_uid, adapter.mesh_type);
  MP_TRY(const auto hold, unit.FindHold("target/" + target));
  if (!hold || hold->reason != "TARGET_UNAUTHENTICATED") return {};
  MP_CHECK(unit.DeleteHold(hold->scope));
  return AddEvent(unit, adapter.tenant, "target/" + target, "target.released",
                  {{"target", target}, {"reason", "CredentialsValid"}}, now);
}

}  // namespace

Status Inventory::CloseSession(store::Transaction& unit, store::AdapterRecord adapter, const char* reason) {
  const UnixMs now = clock_.NowUnixMs();
  const std::string session_id = adapter.session_id;
  const bool was_connected = adapter.connected;
  adapter.connected = false;
  adapter.session_id.clear();
  adapter.last_seen_unix_ms = now;
  MP_TRY(const std::vector<Condition> before, ParseConditions(adapter.conditions_json));
  adapter.conditions_json = UnknownConditions(adapter.conditions_json, "AdapterLost", now);
  for (const Condition& condition : before) {
    if (condition.type != "ManifestAccepted") continue;  // ours to say: stays true without a session
    adapter.conditions_json = SetCondition(adapter.conditions_json, condition, now);
  }
  adapter.conditions_json =
      SetCondition(adapter.conditions_json, {"Connected", "False", reason, "No session is open.", ""}, now);
  MP_CHECK(PutChanged(unit, adapter, now));
  MP_TRY(const std::vector<store::ClaimRecord> claims, unit.ListClaims(adapter.tenant, adapter.id, "", ""));
  for (const store::ClaimRecord& claim : claims) {
    const bool revoked = adapter.state == "REVOKED";
    MP_CHECK(EndClaim(unit, adapter, claim, revoked, "AdapterLost", now));
  }
  if (!was_connected) return {};
  return AddEvent(unit, adapter.tenant, "adapter/" + adapter.id, "adapter.disconnected",
                  {{"adapter_id", adapter.id}, {"session_id", session_id}, {"reason", reason}}, now);
}

Status Inventory::ForgetSessions() {
  std::vector<store::AdapterRecord> adapters;
  const auto read = [&](store::Reader& reader) -> Status {
    MP_TRY(adapters, AllAdapters(reader, "", ""));
    return {};
  };
  MP_CHECK(store_.Read(read));
  for (const store::AdapterRecord& known : adapters) {
    if (!known.connected) continue;
    const auto work = [&](store::Transaction& unit) -> Status {
      MP_TRY(const auto adapter, unit.FindAdapter(known.tenant, known.id));
      return adapter && adapter->connected ? CloseSession(unit, *adapter, "ServerRestarted") : Status();
    };
    MP_CHECK(store_.Write(work));
  }
  const std::lock_guard lock(mutex_);
  streams_.clear();
  return {};
}

Result<bool> Inventory::SessionOpened(const AdapterSession& session) {
  if (session.claims.size() > kMaxClaims) return InvalidArgument("CLAIM_INVALID", "more than 1,000 claims");
  for (const Claim& claim : session.claims) MP_CHECK(CheckClaim(claim));
  const UnixMs now = clock_.NowUnixMs();
  bool ask = true;
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(store::AdapterRecord adapter, GetAdapter(unit, session.adapter_id));
    adapter.connected = true;
    adapter.session_id = session.session_id;
    adapter.instance_id = session.instance_id;
    adapter.minor = session.minor;
    adapter.max_concurrent_tasks = std::max<std::uint32_t>(1, session.max_concurrent_tasks);
    adapter.software_name = session.software_name;
    adapter.software_version = session.software_version;
    adapter.last_seen_unix_ms = now;
    adapter.conditions_json = SetCondition(adapter.conditions_json, {"Connected", "True", "SessionOpen", "", ""}, now);
    ask = adapter.manifest_json.empty() || adapter.manifest_digest != session.capabilities_digest;
    MP_CHECK(PutChanged(unit, adapter, now));
    MP_CHECK(AddEvent(
        unit, adapter.tenant, "adapter/" + adapter.id, "adapter.connected",
        {{"adapter_id", adapter.id}, {"session_id", session.session_id}, {"mesh_type", adapter.mesh_type}}, now));

    MP_TRY(const std::vector<store::ClaimRecord> known, unit.ListClaims(adapter.tenant, adapter.id, "", ""));
    for (const store::ClaimRecord& claim : known) {
      const bool listed = std::any_of(session.claims.begin(), session.claims.end(),
                                      [&](const Claim& entry) { return entry.cluster_uid == claim.cluster_uid; });
      if (!listed) MP_CHECK(EndClaim(unit, adapter, claim, true, "ClaimEnded", now));
    }
    for (const Claim& claim : session.claims) {
      MP_TRY(const store::ClusterRecord cluster, PutLiveClaim(unit, adapter, claim, now));
      MP_CHECK(Assign(unit, adapter.tenant, cluster.id, cluster.uid, adapter.mesh_type, now));
      MP_CHECK(UpdateReachability(unit, adapter.tenant, cluster.uid, now));
    }
    return {};
  };
  MP_CHECK(store_.Write(work));
  const std::lock_guard lock(mutex_);
  streams_.erase(session.adapter_id);
  return ask;
}

Status Inventory::SessionClosed(const std::string& adapter_id, const std::string& session_id) {
  bool closed = false;
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(const auto adapter, unit.FindAdapter("", adapter_id));
    closed = adapter && adapter->connected && adapter->session_id == session_id;
    return closed ? CloseSession(unit, *adapter, "SessionClosed") : Status();
  };
  MP_CHECK(store_.Write(work));
  const std::lock_guard lock(mutex_);
  if (closed) streams_.erase(adapter_id);
  return {};
}

Result<std::vector<std::pair<std::string, bool>>> Inventory::Assignments(const std::string& adapter_id) {
  std::vector<std::pair<std::string, bool>> assignments;
  const auto work = [&](store::Reader& reader) -> Status {
    MP_TRY(const std::vector<store::ClaimRecord> claims, reader.ListClaims("", adapter_id, "", ""));
    for (const store::ClaimRecord& claim : claims) assignments.emplace_back(claim.cluster_uid, claim.assigned);
    return {};
  };
  MP_CHECK(store_.Read(work));
  return assignments;
}

Status Inventory::ReportTarget(const std::string& adapter_id, const Claim& claim) {
  MP_CHECK(CheckClaim(claim));
  const UnixMs now = clock_.NowUnixMs();
  const bool complete = HasCompleteStream(adapter_id, claim.cluster_uid);
  return store_.Write([&](store::Transaction& unit) -> Status {
    MP_TRY(store::AdapterRecord adapter, GetAdapter(unit, adapter_id));
    if (!adapter.connected) return FailedPrecondition("SESSION_UNKNOWN", "the adapter has no open session");
    MP_TRY(const auto known, unit.ListClaims(adapter.tenant, adapter_id, claim.cluster_uid, ""));
    const bool was_reachable = !known.empty() && known.front().live && IsReachable(known.front());
    MP_TRY(const store::ClusterRecord cluster, PutLiveClaim(unit, adapter, claim, now));
    MP_TRY(const auto claims, unit.ListClaims(adapter.tenant, adapter_id, claim.cluster_uid, ""));
    const bool reachable = !claims.empty() && IsReachable(claims.front());
    MP_TRY(const bool served, IsAssigned(unit, adapter_id, cluster.uid, adapter.mesh_type));
    const MeshPlace place = PlaceOf(adapter, cluster);
    if (was_reachable && !reachable) {
      MP_CHECK(unit.MarkObjectsStale(adapter_id, cluster.uid, true));
      if (served) MP_CHECK(MarkMeshesStale(unit, place, "ClusterUnreachable", now));
    }
    if (!was_reachable && reachable && complete) {
      MP_CHECK(unit.MarkObjectsStale(adapter_id, cluster.uid, false));
      if (served) MP_CHECK(RefreshPlace(unit, place, adapter_id, now));
    }
    MP_CHECK(Assign(unit, adapter.tenant, cluster.id, cluster.uid, adapter.mesh_type, now));
    MP_CHECK(EndCredentialsHold(unit, adapter, claim, now));
    return UpdateReachability(unit, adapter.tenant, cluster.uid, now);
  });
}

Status Inventory::ReportHealth(const std::string& adapter_id, const std::string& conditions_json) {
  MP_TRY(std::vector<Condition> conditions, ParseConditions(conditions_json));
  const UnixMs now = clock_.NowUnixMs();
  return store_.Write([&](store::Transaction& unit) -> Status {
    MP_TRY(store::AdapterRecord adapter, GetAdapter(unit, adapter_id));
    std::vector<Condition> all = conditions;
    all.push_back({"Connected", "True", "SessionOpen", "", ""});
    MP_TRY(const std::vector<Condition> before, ParseConditions(adapter.conditions_json));
    for (const Condition& condition : before) {
      if (condition.type == "ManifestAccepted") all.push_back(condition);  // ours to say, as Connected is
    }
    adapter.last_seen_unix_ms = now;
    const std::string merged = MergeConditions(adapter.conditions_json, std::move(all), now);
    if (merged == adapter.conditions_json) return unit.PutAdapter(adapter);
    adapter.conditions_json = merged;
    MP_CHECK(PutChanged(unit, adapter, now));
    return AddEvent(unit, adapter.tenant, "adapter/" + adapter.id, "adapter.changed", {{"adapter_id", adapter.id}},
                    now);
  });
}

}  // namespace meshplay::inventory
