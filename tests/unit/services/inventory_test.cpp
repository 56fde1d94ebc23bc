#include "tests/unit/services/fixture.h"

using meshplay::testing::Must;
using meshplay::testing::PointersOf;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace v1 = meshplay::v1;

namespace {

v1::Cluster GetCluster(ServicesFixture& fx) {
  v1::GetClusterRequest request;
  request.set_id("kind-dev");
  return Must(fx.Call<v1::Cluster>("Clusters.GetCluster", request));
}

meshplay::Result<v1::Cluster> Update(ServicesFixture& fx, const v1::UpdateClusterRequest& request) {
  return fx.Call<v1::Cluster>("Clusters.UpdateCluster", request);
}

void PutObject(ServicesFixture& fx, const std::string& id, const std::string& uid, const std::string& facts_kind,
               const std::string& facts) {
  meshplay::store::ObjectRecord object;
  object.id = id;
  object.tenant = "default";
  object.adapter_id = "a1";
  object.cluster_id = "kind-dev";
  object.cluster_uid = meshplay::testing::kClusterUid;
  object.mesh_type = "istio";
  object.mesh_id = "mesh-default";
  object.api_version = "apps/v1";
  object.kind = "Deployment";
  object.namespace_name = "shop";
  object.name = id;
  object.uid = uid;
  object.body_json = R"({"a":1})";
  object.facts_kind = facts_kind;
  object.facts_json = facts;
  Must(fx.store->Write([&object](meshplay::store::Transaction& unit) { return unit.PutObject(object); }));
}

}  // namespace

TEST_CASE("a cluster shows who claims it", "[services][clusters]") {
  ServicesFixture fx;
  fx.Connect();
  const v1::Cluster cluster = GetCluster(fx);
  CHECK(cluster.uid() == meshplay::testing::kClusterUid);
  REQUIRE(cluster.claims_size() == 1);
  CHECK(cluster.claims(0).assigned());
  CHECK(cluster.claims(0).conditions(0).type() == "Reachable");
  const auto listed = Must(fx.Call<v1::ListClustersResponse>("Clusters.ListClusters", v1::ListClustersRequest()));
  CHECK(listed.clusters_size() == 1);
  CHECK_FALSE(listed.sync_token().empty());
}

TEST_CASE("a cluster is changed under its etag, field by field", "[services][clusters]") {
  ServicesFixture fx;
  fx.Connect();
  v1::UpdateClusterRequest request;
  request.set_id("kind-dev");
  request.mutable_cluster()->set_display_name("Development");
  (*request.mutable_cluster()->mutable_labels())["env"] = "dev";
  CHECK(ReasonOf(Update(fx, request)) == "ETAG_REQUIRED");
  request.set_etag("999");
  CHECK(ReasonOf(Update(fx, request)) == "ETAG_STALE");
  request.set_etag("W/\"1\"");
  CHECK(ReasonOf(Update(fx, request)) == "ETAG_STALE");

  const std::string etag = GetCluster(fx).etag();
  request.set_etag(etag);
  const v1::Cluster changed = Must(Update(fx, request));
  CHECK(changed.display_name() == "Development");
  CHECK(changed.labels().at("env") == "dev");
  CHECK(changed.etag() != etag);
  CHECK(ReasonOf(Update(fx, request)) == "ETAG_STALE");

  v1::UpdateClusterRequest more;
  more.set_id("kind-dev");
  more.set_etag("\"" + changed.etag() + "\"");
  more.add_update_mask("labels.team");
  more.add_update_mask("labels.env");
  (*more.mutable_cluster()->mutable_labels())["team"] = "mesh";
  const v1::Cluster merged = Must(Update(fx, more));
  CHECK(merged.labels().size() == 1);
  CHECK(merged.labels().at("team") == "mesh");
  CHECK(merged.display_name() == "Development");

  v1::UpdateClusterRequest clear;
  clear.set_id("kind-dev");
  clear.set_etag("*");
  clear.add_update_mask("labels");
  clear.add_update_mask("display_name");
  clear.mutable_cluster();
  const v1::Cluster cleared = Must(Update(fx, clear));
  CHECK(cleared.labels().empty());
  CHECK(cleared.display_name().empty());
}

TEST_CASE("read-only and unknown fields of a cluster are refused", "[services][clusters]") {
  ServicesFixture fx;
  fx.Connect();
  v1::UpdateClusterRequest request;
  request.set_id("kind-dev");
  request.set_etag("*");
  request.mutable_cluster()->set_kubernetes_version("v9");
  const auto read_only = Update(fx, request);
  CHECK(ReasonOf(read_only) == "FIELD_READ_ONLY");
  CHECK(PointersOf(read_only) == std::vector<std::string>{"/cluster/kubernetes_version"});
  request.add_update_mask("colour");
  CHECK(ReasonOf(Update(fx, request)) == "FIELD_INVALID");
}

TEST_CASE("a claimed cluster is not forgotten", "[services][clusters]") {
  ServicesFixture fx;
  fx.Connect();
  v1::DeleteClusterRequest request;
  request.set_id("kind-dev");
  CHECK(ReasonOf(fx.Call<v1::DeleteClusterResponse>("Clusters.DeleteCluster", request)) == "ETAG_REQUIRED");
  request.set_etag("*");
  CHECK(ReasonOf(fx.Call<v1::DeleteClusterResponse>("Clusters.DeleteCluster", request)) == "CLUSTER_CLAIMED");
  request.set_id("nowhere");
  CHECK(ReasonOf(fx.Call<v1::DeleteClusterResponse>("Clusters.DeleteCluster", request)) == "CLUSTER_UNKNOWN");
}

TEST_CASE("a probe needs a connected adapter and makes a DETECT", "[services][clusters]") {
  ServicesFixture fx;
  fx.Connect();
  v1::ProbeClusterRequest request;
  request.set_id("kind-dev");
  request.set_mesh_type("istio");
  request.set_request_id("probe-1");
  const v1::Operation probe = Must(fx.Call<v1::Operation>("Clusters.ProbeCluster", request));
  CHECK(probe.kind() == v1::DETECT);
  CHECK(probe.type() == "istio.detect");
  CHECK(Must(fx.Call<v1::Operation>("Clusters.ProbeCluster", request)).replayed());
  request.set_mesh_type("linkerd");
  CHECK(ReasonOf(fx.Call<v1::Operation>("Clusters.ProbeCluster", request)) == "IDEMPOTENCY_KEY_REUSED");
  request.clear_request_id();
  CHECK(ReasonOf(fx.Call<v1::Operation>("Clusters.ProbeCluster", request)) == "ADAPTER_NOT_CONNECTED");

  Must(fx.inventory.SessionClosed("a1", "session-a1"));
  request.set_mesh_type("istio");
  CHECK(ReasonOf(fx.Call<v1::Operation>("Clusters.ProbeCluster", request)) == "ADAPTER_NOT_CONNECTED");
  v1::ProbeMeshRequest mesh;
  mesh.set_id(fx.PutMesh());
  CHECK(ReasonOf(fx.Call<v1::Operation>("Meshes.ProbeMesh", mesh)) == "ADAPTER_NOT_CONNECTED");
  CHECK(ReasonOf(fx.Create(ServicesFixture::Install())) == "OK");
}

TEST_CASE("a mesh counts its workloads once and lists its certificates", "[services][meshes]") {
  ServicesFixture fx;
  fx.Connect();
  fx.PutMesh();
  PutObject(fx, "o1", "uid-1", "workload",
            R"({"pods":3,"pods_with_proxy":2,"pods_skewed":1,"proxy_versions":["1.30.3"]})");
  PutObject(fx, "o2", "uid-1", "workload", R"({"pods":3,"pods_with_proxy":2})");
  PutObject(fx, "o3", "uid-3", "certificate", R"({"role":"root","not_after":"2030-01-01T00:00:00Z"})");
  v1::GetMeshRequest request;
  request.set_id("mesh-default");
  const v1::Mesh mesh = Must(fx.Call<v1::Mesh>("Meshes.GetMesh", request));
  CHECK(mesh.workloads() == 1);
  CHECK(mesh.pods() == 3);
  CHECK(mesh.pods_with_proxy() == 2);
  CHECK(mesh.pods_skewed() == 1);
  REQUIRE(mesh.certificates_size() == 1);
  CHECK(mesh.certificates(0).not_after().seconds() == 1'893'456'000);

  v1::ListMeshPartsRequest parts;
  parts.set_id("mesh-default");
  CHECK(Must(fx.Call<v1::ListMeshWorkloadsResponse>("Meshes.ListMeshWorkloads", parts)).workloads_size() == 2);
  CHECK(Must(fx.Call<v1::ListMeshHistoryResponse>("Meshes.ListMeshHistory", parts)).changes_size() == 0);

  v1::GetClusterRequest cluster;
  cluster.set_id("kind-dev");
  const auto names = Must(fx.Call<v1::ListClusterNamespacesResponse>("Clusters.ListClusterNamespaces", cluster));
  REQUIRE(names.namespaces_size() == 1);
  CHECK(names.namespaces(0).name() == "shop");
  CHECK(names.namespaces(0).mesh_ids(0) == "mesh-default");
  CHECK(names.namespaces(0).workloads() == 1);
  CHECK(names.namespaces(0).workloads_with_proxy() == 1);
}

TEST_CASE("the history of a mesh can be read after the mesh is gone", "[services][inventory]") {
  ServicesFixture fx;
  fx.Connect();
  const std::string id = fx.PutMesh();
  meshplay::store::MeshHistoryRecord appeared;
  appeared.mesh_id = id;
  appeared.kind = "appeared";
  meshplay::store::MeshHistoryRecord gone = appeared;
  gone.kind = "gone";
  Must(fx.store->Write([&](meshplay::store::Transaction& unit) -> meshplay::Status {
    MP_CHECK(unit.AddMeshHistory(appeared));
    MP_CHECK(unit.AddMeshHistory(gone));
    return unit.DeleteMesh(id);
  }));

  v1::ListMeshPartsRequest parts;
  parts.set_id(id);
  const auto history = Must(fx.Call<v1::ListMeshHistoryResponse>("Meshes.ListMeshHistory", parts));
  REQUIRE(history.changes_size() == 2);
  CHECK(history.changes(0).kind() == "gone");

  parts.set_id("mesh-never");
  CHECK(ReasonOf(fx.Call<v1::ListMeshHistoryResponse>("Meshes.ListMeshHistory", parts)) == "MESH_UNKNOWN");
}

TEST_CASE("meshes and objects are found by filter and shown with bodies one by one", "[services][meshes]") {
  ServicesFixture fx;
  fx.Connect();
  fx.PutMesh();
  fx.PutMesh("canary");
  PutObject(fx, "o1", "uid-1", "workload", R"({"pods":3})");
  v1::ListMeshesRequest meshes;
  meshes.set_filter("mesh_type = istio AND revision = canary");
  CHECK(Must(fx.Call<v1::ListMeshesResponse>("Meshes.ListMeshes", meshes)).meshes_size() == 1);
  meshes.set_filter("health = DEGRADED OR stale = true");
  CHECK(Must(fx.Call<v1::ListMeshesResponse>("Meshes.ListMeshes", meshes)).meshes_size() == 0);
  v1::ListObjectsRequest objects;
  objects.set_cluster("kind-dev");
  const auto listed = Must(fx.Call<v1::ListObjectsResponse>("Objects.ListObjects", objects));
  REQUIRE(listed.objects_size() == 1);
  CHECK(listed.objects(0).body_json().empty());
  v1::GetObjectRequest object;
  object.set_id("o1");
  CHECK(Must(fx.Call<v1::InventoryObject>("Objects.GetObject", object)).body_json() == R"({"a":1})");
  object.set_id("o9");
  CHECK(ReasonOf(fx.Call<v1::InventoryObject>("Objects.GetObject", object)) == "OBJECT_UNKNOWN");
}

TEST_CASE("an adapter is drained, reissued and revoked", "[services][adapters]") {
  ServicesFixture fx;
  fx.Connect();
  v1::GetAdapterRequest get;
  get.set_id("a1");
  const v1::Adapter adapter = Must(fx.Call<v1::Adapter>("Adapters.GetAdapter", get));
  CHECK(adapter.connected());
  CHECK(adapter.clusters(0) == "kind-dev");
  CHECK(adapter.operation_types_size() == 4);
  CHECK(adapter.smi(0).level() == "FULL");

  v1::DrainAdapterRequest drain;
  drain.set_id("a1");
  CHECK(Must(fx.Call<v1::Adapter>("Adapters.DrainAdapter", drain)).state() == "DRAINING");
  drain.set_resume(true);
  CHECK(Must(fx.Call<v1::Adapter>("Adapters.DrainAdapter", drain)).state() == "ENROLLED");

  v1::ReissueAdapterRequest reissue;
  reissue.set_id("a1");
  const auto token = Must(fx.Call<v1::EnrollmentToken>("Adapters.ReissueAdapter", reissue));
  CHECK(token.adapter_id() == "a1");
  CHECK(token.hub_address() == "hub.example:9083");
  CHECK(token.trust_bundle_pem() == fx.authority.trust_bundle_pem());

  v1::DeleteAdapterRequest revoke;
  revoke.set_id("a1");
  CHECK(ReasonOf(fx.Call<v1::DeleteAdapterResponse>("Adapters.DeleteAdapter", revoke)) == "ETAG_REQUIRED");
  revoke.set_etag("*");
  CHECK(ReasonOf(fx.Call<v1::DeleteAdapterResponse>("Adapters.DeleteAdapter", revoke)) == "OK");
  CHECK(ReasonOf(fx.Call<v1::EnrollmentToken>("Adapters.ReissueAdapter", reissue)) == "ADAPTER_REVOKED");
  CHECK(ReasonOf(fx.Call<v1::Adapter>("Adapters.DrainAdapter", drain)) == "ADAPTER_REVOKED");
  get.set_id("nobody");
  CHECK(ReasonOf(fx.Call<v1::Adapter>("Adapters.GetAdapter", get)) == "ADAPTER_UNKNOWN");
  v1::ListAdaptersRequest list;
  list.set_filter("state = REVOKED");
  CHECK(Must(fx.Call<v1::ListAdaptersResponse>("Adapters.ListAdapters", list)).adapters_size() == 1);
}

TEST_CASE("an enrolment token is shown once and can be withdrawn", "[services][adapters]") {
  ServicesFixture fx;
  v1::CreateEnrollmentTokenRequest request;
  request.set_mesh_type("istio");
  const auto made = Must(fx.Call<v1::EnrollmentToken>("Adapters.CreateEnrollmentToken", request));
  CHECK(made.token().starts_with("mpe_"));
  const auto listed = Must(
      fx.Call<v1::ListEnrollmentTokensResponse>("Adapters.ListEnrollmentTokens", v1::ListEnrollmentTokensRequest()));
  REQUIRE(listed.enrollment_tokens_size() == 1);
  CHECK(listed.enrollment_tokens(0).token().empty());
  CHECK(listed.enrollment_tokens(0).trust_bundle_pem().empty());
  v1::DeleteEnrollmentTokenRequest remove;
  remove.set_id(made.id());
  CHECK(ReasonOf(fx.Call<v1::DeleteEnrollmentTokenResponse>("Adapters.DeleteEnrollmentToken", remove)) == "OK");
  CHECK(ReasonOf(fx.Call<v1::DeleteEnrollmentTokenResponse>("Adapters.DeleteEnrollmentToken", remove)) ==
        "ENROLLMENT_TOKEN_UNKNOWN");
}

TEST_CASE("changes of adapters and clusters are audited", "[services][adapters]") {
  ServicesFixture fx;
  fx.Connect();
  v1::DrainAdapterRequest drain;
  drain.set_id("a1");
  Must(fx.Call<v1::Adapter>("Adapters.DrainAdapter", drain));
  CHECK(fx.Audit().back().action == "Adapters.DrainAdapter");
  CHECK(fx.Audit().back().object == "adapter/a1");
  CHECK(fx.Audit().back().detail_json == R"({"resume":false})");
}
