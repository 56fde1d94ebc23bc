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

}  // namespace

TEST_CASE("SMI documents are checked without a cluster", "[services][smi]") {
  ServicesFixture fx;
  v1::ValidateSmiRequest request;
  request.set_documents(kSplit);
  const auto good = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
  INFO(good.DebugString());
  CHECK(good.valid());
  CHECK(good.documents() == 1);

  request.set_documents("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
  const auto other = Must(fx.Call<v1::ValidateSmiResponse>("Smi.ValidateSmi", request));
  CHECK_FALSE(other.valid());
  CHECK(other.findings(0).code() == "NOT_SMI");

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
  adapter->output = R"({"status":200,"body":[]})";
  CHECK(ReasonOf(fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.GetMetrics", request)) == "QUERY_FAILED");

  request.set_name("web/edges");
  CHECK(ReasonOf(fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.GetMetrics", request)) == "METRICS_NAME_INVALID");
  request.set_name("web");
  request.set_mesh("none");
  CHECK(ReasonOf(fx.Call<v1::SmiMetricsAnswer>("SmiMetrics.GetMetrics", request)) == "MESH_UNKNOWN");
}
