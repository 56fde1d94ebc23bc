// What people change about clusters.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "server/inventory/internal/rows.h"
#include "server/inventory/inventory.h"

namespace meshplay::inventory {
namespace {

using nlohmann::json;

Result<store::ClusterRecord> GetCluster(store::Reader& reader, const std::string& tenant, const std::string& id,
                                        std::uint64_t version) {
  MP_TRY(auto cluster, reader.FindCluster(tenant, id));
  if (!cluster) return NotFound("CLUSTER_UNKNOWN", "there is no such cluster").WithMetadata("cluster", id);
  if (cluster->version != version) {
    return Aborted("ETAG_STALE", "the cluster changed since it was read")
        .WithRemediation("Read it again and repeat the change with the new etag.");
  }
  return std::move(*cluster);
}

/// The labels after a merge patch: a flat object of short texts.
Result<std::string> PatchLabels(const std::string& before, const std::string& patch_json) {
  json labels = json::object();
  if (const auto parsed = ParseJson(before); parsed && parsed->is_object()) labels = *parsed;
  MP_TRY(const json patch, ParseJson(patch_json));
  if (!patch.is_object()) return InvalidArgument("LABELS_INVALID", "labels are an object of texts");
  MergePatch(labels, patch);
  if (labels.size() > 64) return InvalidArgument("LABELS_INVALID", "more than 64 labels");
  for (const auto& [key, value] : labels.items()) {
    if (key.empty() || key.size() > 128 || !value.is_string() || value.get<std::string>().size() > 256) {
      return InvalidArgument("LABELS_INVALID", "a label's name is 1 to 128 bytes, its value a text up to 256 bytes")
          .WithViolation("/cluster/labels/" + EscapePointerToken(key.substr(0, 128)), "too long, or not a text");
    }
  }
  return labels.empty() ? std::string() : CanonicalJson(labels);
}

}  // namespace

Result<store::ClusterRecord> Inventory::UpdateCluster(const std::string& tenant, const std::string& id,
                                                      std::uint64_t version, const ClusterChange& change) {
  store::ClusterRecord changed;
  const UnixMs now = clock_.NowUnixMs();
  const auto work = [&](store::Transaction& unit) -> Status {
    MP_TRY(changed, GetCluster(unit, tenant, id, version));
    const store::ClusterRecord before = changed;
    if (change.display_name) changed.display_name = *change.display_name;
    if (change.group) changed.group = *change.group;
    if (change.labels_json) {
      MP_TRY(changed.labels_json, PatchLabels(changed.labels_json, *change.labels_json));
    }
    if (changed == before) return {};
    MP_CHECK(PutChanged(unit, changed, now));
    return AddEvent(unit, tenant, "cluster/" + id, "cluster.changed",
                    {{"cluster", id}, {"display_name", changed.display_name}, {"group", changed.group}}, now);
  };
  MP_CHECK(store_.Write(work));
  return changed;
}

Status Inventory::ForgetCluster(const std::string& tenant, const std::string& id, std::uint64_t version) {
  const UnixMs now = clock_.NowUnixMs();
  return store_.Write([&](store::Transaction& unit) -> Status {
    MP_TRY(const store::ClusterRecord cluster, GetCluster(unit, tenant, id, version));
    MP_TRY(const auto claims, unit.ListClaims(tenant, "", cluster.uid, ""));
    for (const store::ClaimRecord& claim : claims) {
      if (!claim.live) continue;
      return FailedPrecondition("CLUSTER_CLAIMED", "an adapter with an open session claims the cluster")
          .WithMetadata("adapter_id", claim.adapter_id)
          .WithRemediation("Take the cluster out of the adapter's kubeconfig, or revoke the adapter.");
    }
    for (const store::ClaimRecord& claim : claims) {
      MP_CHECK(unit.DeleteClaim(claim.adapter_id, cluster.uid));
      MP_CHECK(unit.DeleteBookmarks(claim.adapter_id));
    }
    MP_TRY(const auto meshes, AllMeshes(unit, tenant, id, ""));
    for (const store::MeshRecord& mesh : meshes) {
      MP_CHECK(AddEvent(unit, tenant, "mesh/" + mesh.id, "mesh.gone",
                        {{"mesh", mesh.id}, {"cluster", id}, {"note", "its cluster was forgotten"}}, now));
    }
    MP_CHECK(unit.DeleteCluster(tenant, id));
    return AddEvent(unit, tenant, "cluster/" + id, "cluster.forgotten", {{"cluster", id}, {"uid", cluster.uid}}, now);
  });
}

}  // namespace meshplay::inventory
