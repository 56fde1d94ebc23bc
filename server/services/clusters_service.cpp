#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "libs/base/json.h"
#include "server/services/convert_common.h"
#include "server/services/convert_inventory.h"
#include "server/services/internal/filter.h"
#include "server/services/internal/fingerprint.h"
#include "server/services/internal/method_table.h"
#include "server/services/internal/paging.h"
#include "server/services/internal/submit.h"

namespace meshplay::services {
namespace {

constexpr std::uint32_t kObjectPage = 1000;
constexpr std::size_t kMaximumObjects = 50'000;
constexpr std::size_t kMaximumLabels = 64;
constexpr std::size_t kMaximumLabelBytes = 4096;

Result<v1::Cluster> Show(store::Reader& reader, const store::ClusterRecord& record) {
  MP_TRY(const std::vector<store::ClaimRecord> claims, reader.ListClaims(record.tenant, "", record.uid, ""));
  return ToCluster(record, claims);
}

Result<v1::ListClustersResponse> ListClusters(const Core& core, const CallContext& context,
                                              const v1::ListClustersRequest& request) {
  MP_TRY(const Page page, ReadPage(core, context, request));
  MP_TRY(const Filter filter, Filter::Parse(request.filter(), {"group", "display_name", "kubernetes_version"}));
  return ReadFrom<v1::ListClustersResponse>(core, [&](store::Reader& reader) -> Result<v1::ListClustersResponse> {
    v1::ListClustersResponse response;
    MP_TRY(*response.mutable_sync_token(), SyncTokenAt(reader));
    const auto fetch = [&](const std::string& after, std::uint32_t limit) {
      return reader.ListClusters(context.caller.tenant, after, limit);
    };
    const auto keep = [&filter](const store::ClusterRecord& row) {
      return filter.Matches([&row](std::string_view field) {
        return field == "group" ? row.group : field == "display_name" ? row.display_name : row.kubernetes_version;
      });
    };
    const auto key = [](const store::ClusterRecord& row) { return row.id; };
    MP_TRY(const Rows<store::ClusterRecord> rows, CollectPage<store::ClusterRecord>(page, fetch, key, keep));
    for (const store::ClusterRecord& row : rows.rows) {
      MP_TRY(*response.add_clusters(), Show(reader, row));
    }
    response.set_next_page_token(NextPageToken(core, context, request, rows.next));
    return response;
  });
}

Result<v1::Cluster> GetCluster(const Core& core, const CallContext& context, const v1::GetClusterRequest& request) {
  return ReadFrom<v1::Cluster>(core, [&](store::Reader& reader) -> Result<v1::Cluster> {
    MP_TRY(const store::ClusterRecord row, GetClusterRow(reader, context.caller.tenant, request.id()));
    return Show(reader, row);
  });
}

/// The paths to change: those named, or every field that is set.
Result<std::vector<std::string>> MaskOf(const v1::UpdateClusterRequest& request) {
  std::vector<std::string> mask(request.update_mask().begin(), request.update_mask().end());
  const bool named = !mask.empty();
  const google::protobuf::Descriptor& type = *v1::Cluster::descriptor();
  const google::protobuf::Reflection& reflection = *v1::Cluster::GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> set;
  reflection.ListFields(request.cluster(), &set);
  if (!named) {
    for (const auto* field : set) mask.push_back(field->name());
  }
  std::vector<Violation> read_only;
  for (const std::string& path : mask) {
    if (path == "display_name" || path == "group" || path == "labels" || path.starts_with("labels.")) continue;
    if (type.FindFieldByName(path) == nullptr) {
      return InvalidArgument("FIELD_INVALID", "the update mask names an unknown field")
          .WithViolation("/update_mask", "names a field that a cluster does not have");
    }
    read_only.push_back({"/cluster/" + path, "cannot be changed; display name, labels and group can"});
  }
  if (!read_only.empty()) {
    // In one order, whatever the order of the mask.
    std::sort(read_only.begin(), read_only.end(), [](const auto& a, const auto& b) { return a.pointer < b.pointer; });
    return InvalidArgument("FIELD_READ_ONLY", "a field cannot be changed").WithViolations(std::move(read_only));
  }
  return mask;
}

/// The merge patch of the labels: null takes one away. Refused when the outcome would be too large.
Result<std::string> LabelsPatch(const store::ClusterRecord& row, const std::vector<std::string>& mask,
                                const v1::Cluster& wanted) {
  nlohmann::json labels = ParseColumn(row.labels_json);
  if (!labels.is_object()) labels = nlohmann::json::object();
  nlohmann::json patch = nlohmann::json::object();
  for (const std::string& path : mask) {
    if (path == "labels") {
      for (const auto& [key, value] : wanted.labels()) patch[key] = value;
      for (const auto& [key, value] : labels.items()) {
        if (wanted.labels().empty()) patch[key] = nullptr;
      }
    } else if (path.starts_with("labels.")) {
      const std::string key = path.substr(std::string_view("labels.").size());
      const auto found = wanted.labels().find(key);
      patch[key] = found == wanted.labels().end() ? nlohmann::json() : nlohmann::json(found->second);
    }
  }
  MergePatch(labels, patch);
  if (labels.size() > kMaximumLabels || CanonicalJson(labels).size() > kMaximumLabelBytes) {
    return InvalidArgument("FIELD_TOO_LONG", "there are too many labels")
        .WithViolation("/cluster/labels", "are more than 64 or larger than 4096 bytes");
  }
  return CanonicalJson(patch);
}

Result<v1::Cluster> UpdateCluster(const Core& core, const CallContext& context,
                                  const v1::UpdateClusterRequest& request) {
  MP_TRY(const std::vector<std::string> mask, MaskOf(request));
  const auto read = [&](store::Reader& reader) { return GetClusterRow(reader, context.caller.tenant, request.id()); };
  MP_TRY(const store::ClusterRecord row, ReadFrom<store::ClusterRecord>(core, read));
  MP_CHECK(CheckEtag(request.etag(), row.version));
  inventory::Inventory::ClusterChange change;
  const auto names = [&mask](std::string_view name) { return std::find(mask.begin(), mask.end(), name) != mask.end(); };
  if (names("display_name")) change.display_name = request.cluster().display_name();
  if (names("group")) change.group = request.cluster().group();
  if (std::any_of(mask.begin(), mask.end(), [](const std::string& path) { return path.starts_with("labels"); })) {
    MP_TRY(change.labels_json, LabelsPatch(row, mask, request.cluster()));
  }
  MP_CHECK(WriteAudit(core, context, "Clusters.UpdateCluster", "cluster/" + row.id, {{"fields", mask}}));
  MP_TRY(const store::ClusterRecord changed,
         core.deps.inventory.UpdateCluster(context.caller.tenant, request.id(), row.version, change));
  return ReadFrom<v1::Cluster>(core, [&changed](store::Reader& reader) { return Show(reader, changed); });
}

Result<v1::DeleteClusterResponse> DeleteCluster(const Core& core, const CallContext& context,
                                                const v1::DeleteClusterRequest& request) {
  const auto read = [&](store::Reader& reader) { return GetClusterRow(reader, context.caller.tenant, request.id()); };
  MP_TRY(const store::ClusterRecord row, ReadFrom<store::ClusterRecord>(core, read));
  MP_CHECK(CheckEtag(request.etag(), row.version));
  MP_CHECK(WriteAudit(core, context, "Clusters.DeleteCluster", "cluster/" + row.id, {{"uid", row.uid}}));
  MP_CHECK(core.deps.inventory.ForgetCluster(context.caller.tenant, request.id(), row.version));
  return v1::DeleteClusterResponse();
}

Result<v1::Operation> ProbeCluster(const Core& core, const CallContext& context,
                                   const v1::ProbeClusterRequest& request) {
  MP_CHECK(CheckIdempotencyKey(request.request_id()));
  const std::string fingerprint = RequestFingerprint(request, {"request_id"});
  MP_TRY(const std::optional<store::OperationRecord> earlier,
         FindEarlier(core, context, request.request_id(), fingerprint));
  if (earlier) return AnswerEarlier(core, context, *earlier, std::chrono::milliseconds(0));
  const auto read = [&](store::Reader& reader) { return GetClusterRow(reader, context.caller.tenant, request.id()); };
  MP_TRY(const store::ClusterRecord row, ReadFrom<store::ClusterRecord>(core, read));
  return Probe(core, context, row, request.mesh_type(), std::nullopt, request.request_id(), fingerprint);
}

/// What is known of one namespace: its meshes, and its workloads by Kubernetes uid so that two adapters' reports of one
/// workload count once.
struct NamespaceFacts {
  std::set<std::string> meshes;
  std::map<std::string, bool> workloads;
};

Status CollectObjects(store::Reader& reader, store::ObjectQuery query,
                      const std::function<void(const store::ObjectRecord&)>& each) {
  query.limit = kObjectPage;
  for (std::size_t seen = 0; seen < kMaximumObjects;) {
    MP_TRY(const std::vector<store::ObjectRecord> rows, reader.ListObjects(query));
    for (const store::ObjectRecord& row : rows) each(row);
    if (rows.size() < kObjectPage) break;
    seen += rows.size();
    query.after_id = rows.back().id;
  }
  return {};
}

Result<v1::ListClusterNamespacesResponse> ListClusterNamespaces(const Core& core, const CallContext& context,
                                                                const v1::GetClusterRequest& request) {
  using Response = v1::ListClusterNamespacesResponse;
  return ReadFrom<Response>(core, [&](store::Reader& reader) -> Result<Response> {
    MP_TRY(const store::ClusterRecord cluster, GetClusterRow(reader, context.caller.tenant, request.id()));
    std::map<std::string, NamespaceFacts> facts;
    store::ObjectQuery query;
    query.tenant = cluster.tenant;
    query.cluster_id = cluster.id;
    query.kind = "Namespace";
    MP_CHECK(CollectObjects(reader, query, [&facts](const store::ObjectRecord& row) { facts[row.name]; }));
    query.kind.clear();
    query.facts_kind = "workload";
    MP_CHECK(CollectObjects(reader, query, [&facts](const store::ObjectRecord& row) {
      NamespaceFacts& place = facts[row.namespace_name];
      const bool proxied = CountOf(ParseColumn(row.facts_json), "pods_with_proxy") > 0;
      bool& known = place.workloads[row.uid];
      known = known || proxied;
      if (proxied && !row.mesh_id.empty()) place.meshes.insert(row.mesh_id);
    }));
    MP_TRY(const std::vector<store::MeshRecord> meshes,
           reader.ListMeshes(cluster.tenant, cluster.id, "", "", kMaximumPageSize));
    for (const store::MeshRecord& row : meshes) {
      const v1::Mesh mesh = ToMesh(row);
      for (const std::string& name : mesh.member_namespaces()) facts[name].meshes.insert(row.id);
    }
    Response response;
    for (const auto& [name, place] : facts) {
      v1::ClusterNamespace& shown = *response.add_namespaces();
      shown.set_name(name);
      for (const std::string& mesh : place.meshes) shown.add_mesh_ids(mesh);
      shown.set_workloads(static_cast<std::uint32_t>(place.workloads.size()));
      const auto proxied = std::count_if(place.workloads.begin(), place.workloads.end(),
                                         [](const auto& workload) { return workload.second; });
      shown.set_workloads_with_proxy(static_cast<std::uint32_t>(proxied));
    }
    return response;
  });
}

}  // namespace

void AddClusters(MethodTable& table) {
  table.Add("Clusters.ListClusters", ListClusters);
  table.Add("Clusters.GetCluster", GetCluster);
  table.Add("Clusters.UpdateCluster", UpdateCluster);
  table.Add("Clusters.DeleteCluster", DeleteCluster);
  table.Add("Clusters.ProbeCluster", ProbeCluster);
  table.Add("Clusters.ListClusterNamespaces", ListClusterNamespaces);
}

}  // namespace meshplay::services
