#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "tests/unit/services/fixture.h"

using meshplay::testing::Must;
using meshplay::testing::PointersOf;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace v1 = meshplay::v1;
using Pointers = std::vector<std::string>;

TEST_CASE("a create makes a queued operation with defaults and traits of the manifest", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  const v1::Operation operation = Must(fx.Create(ServicesFixture::Install()));
  CHECK(operation.state() == v1::QUEUED);
  CHECK(operation.kind() == v1::APPLY);
  CHECK(operation.title() == "Install Istio");
  CHECK(operation.inverse_type() == "istio.uninstall");
  CHECK(operation.target().cluster() == "kind-dev");
  CHECK(operation.target().mesh_type() == "istio");
  CHECK(operation.principal() == "token/tester");
  CHECK(operation.origin() == "rest");
  CHECK(operation.etag() == "1");
  CHECK_FALSE(operation.replayed());
  CHECK(operation.parameters_json() == R"({"profile":"default","version":"1.30.3"})");
  const auto row = fx.Row(operation.id());
  CHECK(row.traits.idempotency == meshplay::store::Idempotency::kNatural);
  CHECK(row.traits.max_duration == std::chrono::minutes(10));
  CHECK(row.cluster_uid == meshplay::testing::kClusterUid);
}

TEST_CASE("a create is audited once, in the unit that makes it", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request = ServicesFixture::Install();
  request.set_reason("because");
  v1::CreateOperationRequest refused = request;
  refused.set_type("istio.fly");
  CHECK(ReasonOf(fx.Create(refused)) == "OPERATION_TYPE_UNKNOWN");
  CHECK(fx.Audit().empty());
  const std::string id = Must(fx.Create(request)).id();
  REQUIRE(fx.Audit().size() == 1);
  const auto row = fx.Audit().back();
  CHECK(row.action == "Operations.CreateOperation");
  CHECK(row.object == "operation/" + id);
  CHECK(row.decision == "allowed");
  CHECK(row.detail_json.find("because") != std::string::npos);
  CHECK(row.request_id == "request-1");
}

TEST_CASE("older names work and stand for their parameters", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  fx.PutMesh();
  v1::CreateOperationRequest request;
  request.set_type("strict-mtls-policy-operation");
  request.mutable_target()->set_cluster("kind-dev");
  const v1::Operation operation = Must(fx.Create(request));
  CHECK(operation.type() == "istio.mtls.set");
  CHECK(operation.parameters_json() == R"({"mode":"STRICT"})");
  request.set_parameters_json(R"({"mode":"PERMISSIVE"})");
  CHECK(Must(fx.Create(request)).parameters_json() == R"({"mode":"PERMISSIVE"})");
}

TEST_CASE("parameters against the schema are refused with a pointer to each fault", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request = ServicesFixture::Install();
  request.set_parameters_json(R"({"version":7,"values":"x"})");
  const auto wrong = fx.Create(request);
  CHECK(ReasonOf(wrong) == "PARAMETERS_INVALID");
  Pointers pointers = PointersOf(wrong);
  std::sort(pointers.begin(), pointers.end());
  CHECK(pointers == Pointers{"/parameters/values", "/parameters/version"});

  request.set_parameters_json("[]");
  CHECK(PointersOf(fx.Create(request)) == Pointers{"/parameters"});
  request.set_parameters_json(R"({"version":"1","version":"2"})");
  CHECK(ReasonOf(fx.Create(request)) == "JSON_DUPLICATE_KEY");
  request.set_parameters_json("{");
  CHECK(ReasonOf(fx.Create(request)) == "JSON_INVALID");
  request.set_parameters_json(std::string(2'000, '[') + std::string(2'000, ']'));
  CHECK(ReasonOf(fx.Create(request)) == "JSON_TOO_DEEP");
  request.set_parameters_json(R"({"version":")" + std::string(1024 * 1024, 'x') + R"("})");
  CHECK(ReasonOf(fx.Create(request)) == "FIELD_TOO_LONG");
  request.set_parameters_json("");
  CHECK(ReasonOf(fx.Create(request)) == "PARAMETERS_INVALID");
}

TEST_CASE("a secret parameter must be a reference to a stored secret", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request = ServicesFixture::Install();
  request.set_parameters_json(R"({"version":"1","token":"hunter2"})");
  const auto clear = fx.Create(request);
  CHECK(ReasonOf(clear) == "PARAMETERS_INVALID");
  CHECK(PointersOf(clear) == Pointers{"/parameters/token"});
  CHECK(clear.error().ToString().find("hunter2") == std::string::npos);

  request.set_parameters_json(R"({"version":"1","token":"secret:registry"})");
  CHECK(PointersOf(fx.Create(request)) == Pointers{"/parameters/token"});

  v1::CreateSecretRequest secret;
  secret.set_name("registry");
  (*secret.mutable_data())["token"] = "hunter2";
  Must(fx.Call<v1::SecretName>("Secrets.CreateSecret", secret));
  const auto row = fx.Row(Must(fx.Create(request)).id());
  CHECK(row.traits.required_secrets == std::vector<std::string>{"registry"});
  CHECK(row.parameters_json.find("hunter2") == std::string::npos);
}

TEST_CASE("an unknown type, cluster or mesh is told apart", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request = ServicesFixture::Install();
  request.set_type("istio.fly");
  CHECK(ReasonOf(fx.Create(request)) == "OPERATION_TYPE_UNKNOWN");
  request = ServicesFixture::Install();
  request.mutable_target()->set_cluster("nowhere");
  CHECK(ReasonOf(fx.Create(request)) == "CLUSTER_UNKNOWN");
  request = ServicesFixture::Install();
  request.mutable_target()->set_mesh("nothing");
  CHECK(ReasonOf(fx.Create(request)) == "MESH_UNKNOWN");
  request = ServicesFixture::Install();
  request.mutable_target()->set_mesh_type("linkerd");
  CHECK(ReasonOf(fx.Create(request)) == "OPERATION_TYPE_UNKNOWN");
  request = ServicesFixture::Install();
  request.mutable_target()->set_mesh(fx.PutMesh());
  request.mutable_target()->set_mesh_type("linkerd");
  CHECK(ReasonOf(fx.Create(request)) == "TARGET_INVALID");
  request = ServicesFixture::Install();
  request.set_type("smi.translate");
  CHECK(ReasonOf(fx.Create(request)) == "OPERATION_IS_QUERY");
  request = ServicesFixture::Install();
  request.clear_target();
  CHECK(PointersOf(fx.Create(request)) == Pointers{"/target"});
}

TEST_CASE("the only mesh of a type is found, two must be told apart", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request;
  request.set_type("istio.mtls.set");
  request.mutable_target()->set_cluster("kind-dev");
  CHECK(Must(fx.Create(request)).target().mesh().empty());

  const std::string mesh = fx.PutMesh();
  const auto found = fx.Row(Must(fx.Create(request)).id());
  CHECK(found.mesh_id == mesh);
  CHECK(found.mesh_key == "istio-system/default");
  CHECK(found.control_plane_namespace == "istio-system");

  const std::string canary = fx.PutMesh("canary");
  const auto ambiguous = fx.Create(request);
  CHECK(ReasonOf(ambiguous) == "MESH_AMBIGUOUS");
  CHECK(PointersOf(ambiguous) == Pointers{"/target/mesh"});
  request.mutable_target()->set_mesh(canary);
  CHECK(fx.Row(Must(fx.Create(request)).id()).revision == "canary");
  CHECK(Must(fx.Create(ServicesFixture::Install())).target().mesh().empty());
}

TEST_CASE("an operation for a cluster that no adapter of the type claims is refused", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  Must(fx.store->Write(
      [](meshplay::store::Transaction& unit) { return unit.DeleteClaim("a1", meshplay::testing::kClusterUid); }));
  CHECK(ReasonOf(fx.Create(ServicesFixture::Install())) == "TARGET_UNKNOWN");
}

TEST_CASE("the same key and content replays, other content is refused", "[services][create][idempotency]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request = ServicesFixture::Install();
  request.set_request_id("key-1");
  const v1::Operation first = Must(fx.Create(request));

  v1::CreateOperationRequest same = request;
  same.set_parameters_json("{ \"version\" : \"1.30.3\" }");
  same.mutable_wait()->set_nanos(1);
  const v1::Operation again = Must(fx.Create(same));
  CHECK(again.id() == first.id());
  CHECK(again.replayed());

  v1::CreateOperationRequest other = request;
  other.set_parameters_json(R"({"version":"1.30.4"})");
  CHECK(ReasonOf(fx.Create(other)) == "IDEMPOTENCY_KEY_REUSED");
  CHECK(ReasonOf(fx.Call<v1::Operation>("Operations.PlanOperation", request)) == "IDEMPOTENCY_KEY_REUSED");
  CHECK(Must(fx.Create(request, ServicesFixture::As("operator", "token/other"))).id() != first.id());

  request.set_request_id("caf\xc3\xa9");
  CHECK(ReasonOf(fx.Create(request)) == "REQUEST_ID_INVALID");
  request.set_request_id(std::string(129, 'x'));
  CHECK(ReasonOf(fx.Create(request)) == "REQUEST_ID_INVALID");
}

TEST_CASE("a replay answers even when the world has changed since", "[services][create][idempotency]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request;
  request.set_type("istio.mtls.set");
  request.mutable_target()->set_cluster("kind-dev");
  request.mutable_target()->set_mesh(fx.PutMesh());
  request.set_request_id("key-1");
  const v1::Operation first = Must(fx.Create(request));
  Must(fx.store->Write([](meshplay::store::Transaction& unit) { return unit.DeleteMesh("mesh-default"); }));
  CHECK(Must(fx.Create(request)).id() == first.id());
}

TEST_CASE("numbers and times out of range are refused with their pointer", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request = ServicesFixture::Install();
  request.set_priority(3);
  CHECK(PointersOf(fx.Create(request)) == Pointers{"/priority"});
  request = ServicesFixture::Install();
  request.mutable_deadline()->set_nanos(5);
  CHECK(PointersOf(fx.Create(request)) == Pointers{"/deadline"});
  request = ServicesFixture::Install();
  request.mutable_deadline()->set_seconds(-5);
  CHECK(PointersOf(fx.Create(request)) == Pointers{"/deadline"});
  request = ServicesFixture::Install();
  request.mutable_not_before()->set_nanos(2'000'000'000);
  CHECK(PointersOf(fx.Create(request)) == Pointers{"/not_before"});
  request = ServicesFixture::Install();
  request.mutable_target()->set_cluster(std::string(257, 'c'));
  CHECK(PointersOf(fx.Create(request)) == Pointers{"/target/cluster"});
}

TEST_CASE("a plan is an operation of kind PLAN, where the type can be planned", "[services][create][plan]") {
  ServicesFixture fx;
  fx.Connect();
  const auto plan = [&fx](const v1::CreateOperationRequest& request) {
    return fx.Call<v1::Operation>("Operations.PlanOperation", request, ServicesFixture::As("operator"));
  };
  CHECK(Must(plan(ServicesFixture::Install())).kind() == v1::PLAN);
  v1::CreateOperationRequest request = ServicesFixture::Install();
  request.set_type("istio.mtls.set");
  request.clear_parameters_json();
  CHECK(ReasonOf(plan(request)) == "PLAN_NOT_SUPPORTED");
}

TEST_CASE("a create names a plan of the same operation or is refused", "[services][create][plan]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request = ServicesFixture::Install();
  const v1::Operation planned = Must(fx.Call<v1::Operation>("Operations.PlanOperation", request));
  v1::GetOperationRequest get;
  get.set_id(planned.id());
  CHECK(ReasonOf(fx.Call<v1::OperationPlan>("Operations.GetOperationPlan", get)) == "PLAN_NOT_AVAILABLE");
  Must(fx.store->Write([&planned](meshplay::store::Transaction& unit) {
    return unit.PutPlan({"digest-1", planned.id(), R"({"changes":[]})"});
  }));
  CHECK(Must(fx.Call<v1::OperationPlan>("Operations.GetOperationPlan", get)).digest() == "digest-1");

  request.set_plan_digest("digest-2");
  CHECK(ReasonOf(fx.Create(request)) == "PLAN_UNKNOWN");
  request.set_plan_digest("digest-1");
  const auto row = fx.Row(Must(fx.Create(request)).id());
  CHECK(row.plan_digest == "digest-1");
  CHECK(row.options_json == R"({"plan_digest":"digest-1"})");
  request.set_parameters_json(R"({"version":"1.30.4"})");
  CHECK(ReasonOf(fx.Create(request)) == "PLAN_MISMATCH");
}

TEST_CASE("waiting ends when the caller is gone", "[services][create]") {
  ServicesFixture fx;
  fx.Connect();
  v1::CreateOperationRequest request = ServicesFixture::Install();
  request.mutable_wait()->set_seconds(30);
  auto context = ServicesFixture::As("operator");
  context.cancelled = [] { return true; };
  const auto started = std::chrono::steady_clock::now();
  CHECK(Must(fx.Create(request, context)).state() == v1::QUEUED);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(10));
}
