#include <algorithm>
#include <nlohmann/json.hpp>

#include "meshplay/v1/smi.pb.h"
#include "tests/unit/services/fixture.h"

using meshplay::testing::Must;
using meshplay::testing::PointersOf;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace engine = meshplay::engine;
namespace v1 = meshplay::v1;

namespace {

/// An adapter that answers every question on the spot.
class AnsweringAdapter final : public engine::AdapterLink {
 public:
  AnsweringAdapter(engine::Engine& engine, std::string session) : engine_(engine), session_(std::move(session)) {}
  void Send(const engine::TaskOffer& offer) override {
    last = offer;
    engine::TaskResult result;
    result.operation_id = offer.operation_id;
    result.attempt = offer.attempt;
    result.seq = 1;
    result.outcome = failure.empty() ? engine::Outcome::kSucceeded : engine::Outcome::kFailed;
    result.error.reason = failure;
    result.error.error_class = engine::ErrorClass::kInvalid;
    result.output_json = output;
    // On the thread of the question, where nothing may be asserted: a refused answer shows as a question without one.
    (void)engine_.HandleResult(session_, result);
  }
  void Send(const engine::TaskAck&) override {}
  void Send(const engine::CancelRequest&) override {}
  void Send(const engine::TaskDirective&) override {}

  engine::TaskOffer last;
  std::string failure;
  std::string output = R"({"level":"PARTIAL","reports":[{"level":"PARTIAL"}],"objects":[{"kind":"A"},{"kind":"B"}]})";

 private:
  engine::Engine& engine_;
  const std::string session_;
};

std::shared_ptr<AnsweringAdapter> Answer(ServicesFixture& fx) {
  fx.Connect();
  auto link = std::make_shared<AnsweringAdapter>(fx.engine, "session-a1");
  engine::SessionHello hello;
  hello.session_id = "session-a1";
  hello.adapter_id = "a1";
  hello.instance_id = "instance-a1";
  Must(fx.engine.SessionOpened(hello, link));
  return link;
}

constexpr const char* kSplit = R"(
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: web, namespace: shop}
spec:
  service: web
  backends: [{service: web-v1, weight: 90}, {service: web-v2, weight: 10}]
)";

/// The root speaks TCP; one backend lacks its port, the other is missing.
constexpr const char* kManifests = R"(
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{name: tcp, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-v1, namespace: shop}
spec: {ports: [{name: tcp, port: 81}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
)";

}  // namespace

TEST_CASE("SMI documents are checked without a cluster", "[services][smi]") {
  ServicesFixture fx;
  v1::ValidateSmiRequest request;
  request.set_documents(kSplit);
  const auto good = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
  INFO(good.DebugString());
  CHECK(good.valid());
  CHECK(good.documents() == 1);

  request.set_documents(R"(
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: {name: web, namespace: shop}
spec: {service: web, backends: [{service: web-v1, weight: -1}]}
)");
  const auto bad = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
  CHECK_FALSE(bad.valid());
  REQUIRE(bad.findings_size() > 0);
  CHECK(bad.findings(0).severity() == "ERROR");
  CHECK(bad.findings(0).pointer().starts_with("/spec/backends/0"));

  request.set_documents("a: [");
  CHECK(ReasonOf(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request)) == "YAML_INVALID");
}

TEST_CASE("Kubernetes manifests among the documents are the cluster that is checked against", "[services][smi]") {
  ServicesFixture fx;
  v1::ValidateSmiRequest request;
  request.set_documents(std::string(kManifests) + "---" + kSplit);
  const auto told = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
  INFO(told.DebugString());
  CHECK(told.valid());
  CHECK(told.documents() == 4);
  CHECK(told.smi_documents() == 1);
  CHECK(told.facts_documents() == 3);
  REQUIRE(told.findings_size() == 2);
  CHECK(told.findings(0).code() == "BACKEND_PORT_MISSING");
  CHECK(told.findings(0).document() == 3);
  CHECK(told.findings(0).pointer() == "/spec/backends/0/service");
  CHECK(told.findings(1).code() == "SERVICE_MISSING");
  CHECK(told.findings(1).pointer() == "/spec/backends/1/service");

  SECTION("a match of requests on a root that speaks no HTTP is an error") {
    request.set_documents(std::string(kManifests) + "---" + kSplit +
                          "  matches: [{kind: HTTPRouteGroup, name: g}]\n---\n" +
                          "{apiVersion: specs.smi-spec.io/v1alpha4, kind: HTTPRouteGroup, metadata: {name: g, "
                          "namespace: shop}, spec: {matches: [{name: m, pathRegex: /}]}}\n");
    const auto wrong = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
    CHECK_FALSE(wrong.valid());
    const auto& findings = wrong.findings();
    CHECK(std::any_of(findings.begin(), findings.end(),
                      [](const auto& finding) { return finding.code() == "SPLIT_MATCH_NOT_HTTP"; }));
  }
  SECTION("manifests that tell nothing of a cluster leave it unknown") {
    request.set_documents(std::string("{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization}\n---") +
                          kSplit);
    const auto unknown = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
    CHECK(unknown.valid());
    CHECK(unknown.findings_size() == 0);
    CHECK(unknown.facts_documents() == 1);
  }
  SECTION("an explanation says the same") {
    v1::ExplainSmiRequest explain;
    explain.set_documents(request.documents());
    const auto explained = Must(fx.Call<v1::ExplainSmiResponse>("Smi.ExplainSmi", explain));
    REQUIRE(explained.findings_size() == 2);
    CHECK(explained.findings(1).code() == "SERVICE_MISSING");
  }
}

TEST_CASE("a list may hold SMI objects and manifests", "[services][smi]") {
  ServicesFixture fx;
  v1::ValidateSmiRequest request;
  request.set_documents(R"({"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
     "spec": {"ports": [{"port": 80}]}},
    {"apiVersion": "split.smi-spec.io/v1alpha4", "kind": "TrafficSplit", "metadata": {"name": "web", "namespace": "shop"},
     "spec": {"service": "web", "backends": [{"service": "web-v1", "weight": 1}]}},
    {"apiVersion": "v1", "kind": "List", "items": []},
    "text"]})");
  const auto told = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
  INFO(told.DebugString());
  CHECK_FALSE(told.valid());
  CHECK(told.smi_documents() == 1);
  CHECK(told.facts_documents() == 1);
  REQUIRE(told.findings_size() == 3);
  CHECK(told.findings(0).code() == "SERVICE_MISSING");
  CHECK(told.findings(0).pointer() == "/items/1/spec/backends/0/service");
  CHECK(told.findings(1).code() == "NOT_SMI");
  CHECK(told.findings(1).pointer() == "/items/2");
  CHECK(told.findings(2).code() == "NOT_SMI");
  CHECK(told.findings(2).pointer() == "/items/3");

  // As an API server lists them, without kind and version of each.
  request.set_documents(std::string("{apiVersion: v1, kind: ServiceList, items: [{metadata: {name: web, namespace: "
                                    "shop}}]}\n---") +
                        kSplit);
  const auto listed = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
  INFO(listed.DebugString());
  CHECK(listed.valid());
  CHECK(listed.facts_documents() == 1);
  CHECK(listed.findings_size() == 2);  // The backends; the root is there.
}

TEST_CASE("what is neither SMI nor Kubernetes is an error, and so is input without SMI", "[services][smi]") {
  ServicesFixture fx;
  v1::ValidateSmiRequest request;
  const std::string other =
      GENERATE("kind: Nothing", "apiVersion: v1", "just text", "[1, 2]", "{apiVersion: 1, kind: 2}");
  CAPTURE(other);
  request.set_documents(std::string(kManifests) + "---" + kSplit + "---\n" + other);
  const auto mixed = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
  CHECK_FALSE(mixed.valid());
  const auto& last = mixed.findings(mixed.findings_size() - 1);
  CHECK(last.code() == "NOT_SMI");
  CHECK(last.document() == 4);

  request.set_documents(kManifests);
  const auto none = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
  CHECK_FALSE(none.valid());
  REQUIRE(none.findings_size() == 1);
  CHECK(none.findings(0).code() == "NO_SMI_OBJECT");
  CHECK(none.smi_documents() == 0);
  CHECK(none.facts_documents() == 3);
}

TEST_CASE("a conversion passes manifests over and is complete without them", "[services][smi]") {
  ServicesFixture fx;
  v1::ConvertSmiRequest request;
  request.set_documents(std::string(kManifests) + "---" + kSplit);
  const auto told = Must(fx.Call<v1::ConvertSmiResponse>("Smi.ConvertSmi", request));
  INFO(told.DebugString());
  CHECK(told.complete());
  CHECK(told.converted() == 1);
  CHECK(told.passed_over() == 3);
  CHECK(told.documents().find("kind: Service\n") == std::string::npos);
  REQUIRE(told.findings_size() == 1);  // One for all of them, and nothing about a cluster.
  CHECK(told.findings(0).code() == "PASSED_OVER");
  CHECK(told.findings(0).severity() == "INFO");
  CHECK(told.findings(0).document() == 0);

  request.set_documents(std::string(kSplit) + "---\nkind: Nothing\n");
  CHECK_FALSE(Must(fx.Call<v1::ConvertSmiResponse>("Smi.ConvertSmi", request)).complete());
  request.set_documents(kManifests);
  const auto none = Must(fx.Call<v1::ConvertSmiResponse>("Smi.ConvertSmi", request));
  CHECK_FALSE(none.complete());
  CHECK(none.findings(0).code() == "NO_SMI_OBJECT");
}

TEST_CASE("SMI documents are written in another version, and refused where that would change them", "[services][smi]") {
  ServicesFixture fx;
  v1::ConvertSmiRequest request;
  request.set_documents(kSplit);
  request.set_split_version("v1alpha2");
  const auto down = Must(fx.Call<v1::ConvertSmiResponse>("Smi.ConvertSmi", request));
  CHECK(down.complete());
  CHECK(down.converted() == 1);
  CHECK(down.documents().find("split.smi-spec.io/v1alpha2") != std::string::npos);

  request.set_documents(std::string(kSplit) + "  matches: [{kind: HTTPRouteGroup, name: canary}]\n");
  const auto lossy = Must(fx.Call<v1::ConvertSmiResponse>("Smi.ConvertSmi", request));
  CHECK_FALSE(lossy.complete());
  CHECK(lossy.converted() == 0);
  REQUIRE(lossy.findings_size() > 0);
  CHECK(lossy.findings(lossy.findings_size() - 1).code() == "NOT_REPRESENTABLE");

  request.set_documents(
      "{apiVersion: split.smi-spec.io/v1alpha4, kind: TrafficSplit, metadata: {name: s}, spec: {service: web}}");
  const auto invalid = Must(fx.Call<v1::ConvertSmiResponse>("Smi.ConvertSmi", request));
  REQUIRE(invalid.findings_size() == 1);  // Each once.
  CHECK(invalid.findings(0).code() == "SPLIT_INCOMPLETE");
  CHECK(invalid.findings(0).pointer() == "/spec/backends");

  request.set_split_version("v2");
  const auto wrong = fx.Call<v1::ConvertSmiResponse>("Smi.ConvertSmi", request);
  CHECK(ReasonOf(wrong) == "VERSION_INVALID");
  CHECK(PointersOf(wrong) == std::vector<std::string>{"/split_version"});
}

TEST_CASE("an explanation asks a connected adapter of each mesh type", "[services][smi]") {
  ServicesFixture fx;
  const auto adapter = Answer(fx);
  v1::ExplainSmiRequest request;
  request.set_documents(kSplit);
  (*request.mutable_options())["pathAnchor"] = "full";
  request.add_mesh_types("istio");
  request.add_mesh_types("linkerd");
  const auto found = Must(fx.Call<v1::ExplainSmiResponse>("Smi.ExplainSmi", request));
  REQUIRE(found.meshes_size() == 2);
  CHECK(found.meshes(0).mesh_type() == "istio");
  CHECK(found.meshes(0).status() == "ANSWERED");
  CHECK(found.meshes(0).level() == "PARTIAL");
  CHECK(found.meshes(0).adapter_id() == "a1");
  CHECK(found.meshes(0).reports_json() == R"([{"level":"PARTIAL"}])");
  CHECK(found.meshes(0).objects().empty());
  CHECK(found.meshes(1).status() == "NOT_AVAILABLE");
  CHECK(found.meshes(1).error().reason() == "ADAPTER_OFFLINE");
  CHECK(adapter->last.kind == engine::TaskKind::kQuery);
  const auto parameters = nlohmann::json::parse(adapter->last.parameters_json);
  CHECK(parameters.at("documents") == kSplit);
  CHECK(parameters.at("options").at("pathAnchor") == "full");

  request.clear_mesh_types();
  request.set_with_objects(true);
  const auto all = Must(fx.Call<v1::ExplainSmiResponse>("Smi.ExplainSmi", request));
  REQUIRE(all.meshes_size() == 1);
  CHECK(all.meshes(0).objects() == "kind: A\n---\nkind: B\n");

  adapter->failure = "SMI_OPTION_UNKNOWN";
  const auto failed = Must(fx.Call<v1::ExplainSmiResponse>("Smi.ExplainSmi", request));
  CHECK(failed.meshes(0).status() == "FAILED");
  CHECK(failed.meshes(0).error().reason() == "SMI_OPTION_UNKNOWN");
}

TEST_CASE("an adapter that is known but away is not available", "[services][smi]") {
  ServicesFixture fx;
  fx.Connect();
  v1::ExplainSmiRequest request;
  request.set_documents(kSplit);
  const auto found = Must(fx.Call<v1::ExplainSmiResponse>("Smi.ExplainSmi", request));
  REQUIRE(found.meshes_size() == 1);
  CHECK(found.meshes(0).status() == "NOT_AVAILABLE");
}

TEST_CASE("traffic metrics are asked of the adapter that serves the mesh, and keep their shape", "[services][smi]") {
  ServicesFixture fx;
  const auto adapter = Answer(fx);
  adapter->output = R"({"status":200,"body":{"kind":"TrafficMetrics","apiVersion":"metrics.smi-spec.io/v1alpha1"}})";
  v1::SmiMetricsRequest request;
  request.set_mesh(fx.PutMesh());
  request.set_namespace_("shop");
  request.set_resource("deployments");
  request.set_name("web");
  request.set_t("1m");
  const auto found = Must(fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.ListMetricsEdges", request));
  CHECK(found.body_json() == R"({"kind":"TrafficMetrics","apiVersion":"metrics.smi-spec.io/v1alpha1"})");
  CHECK(adapter->last.operation_type == "smi.metrics");
  CHECK(adapter->last.cluster_uid == meshplay::testing::kClusterUid);
  CHECK(adapter->last.mesh_key == "istio-system/default");
  const auto parameters = nlohmann::json::parse(adapter->last.parameters_json);
  CHECK(parameters.at("path") == "/namespaces/shop/deployments/web/edges");
  CHECK(parameters.at("window") == "1m");

  adapter->output = R"({"status":404,"body":{"error":"Unsupported resource: cronjobs"}})";
  const auto unknown = fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.GetMetrics", request);
  CHECK(ReasonOf(unknown) == "METRICS_RESOURCE_UNKNOWN");
  adapter->output = R"({"status":500,"body":{"error":"unable to lookup metrics"}})";
  CHECK(ReasonOf(fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.GetMetrics", request)) == "METRICS_UNAVAILABLE");
  adapter->output = R"({"status":500,"body":{"error":7}})";
  CHECK(ReasonOf(fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.GetMetrics", request)) == "METRICS_UNAVAILABLE");
  adapter->output = R"({"status":200,"body":[]})";
  CHECK(ReasonOf(fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.GetMetrics", request)) == "QUERY_FAILED");

  request.set_name("web/edges");
  CHECK(ReasonOf(fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.GetMetrics", request)) == "METRICS_NAME_INVALID");
  request.set_name("web");
  request.set_mesh("none");
  CHECK(ReasonOf(fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.GetMetrics", request)) == "MESH_UNKNOWN");
}
