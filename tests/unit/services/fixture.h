#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/files.h"
#include "meshplay/v1/access.pb.h"
#include "meshplay/v1/inventory.pb.h"
#include "meshplay/v1/operations.pb.h"
#include "server/engine/engine.h"
#include "server/inventory/inventory.h"
#include "server/policy/policies.h"
#include "server/security/authority.h"
#include "server/security/enrollment.h"
#include "server/security/sealer.h"
#include "server/security/tokens.h"
#include "server/services/api.h"
#include "server/store/memory_store.h"

namespace meshplay::testing {

inline constexpr const char* kClusterUid = "3a4fe6de-0000-4000-8000-000000000001";
inline constexpr const char* kReachable = R"([{"type":"Reachable","status":"True","reason":"Answered"}])";
inline constexpr const char* kManifest = R"({
  "digest":"d1","mesh_type":"istio","display_name":"Istio",
  "operations":[
    {"type":"istio.install","category":"OPERATION_CATEGORY_INSTALL","title":"Install Istio",
     "idempotency":"IDEMPOTENCY_NATURAL","plan":"PLAN_SUPPORT_EXACT","lock":"LOCK_MODE_EXCLUSIVE",
     "cancellation":"CANCELLATION_BETWEEN_STEPS","inverse_type":"istio.uninstall","max_duration":"600s",
     "parameters_schema":"{\"type\":\"object\",\"required\":[\"version\"],\"additionalProperties\":false,\"properties\":{\"version\":{\"type\":\"string\",\"minLength\":1},\"profile\":{\"type\":\"string\",\"default\":\"default\"},\"token\":{\"type\":\"string\"},\"values\":{\"type\":\"object\"}}}",
     "sensitive_pointers":["/token"],
     "aliases":[{"id":"istio","parameters_json":"{\"version\":\"1.30.3\"}"}]},
    {"type":"istio.mtls.set","category":"OPERATION_CATEGORY_CONFIGURE","title":"Set mutual TLS",
     "idempotency":"IDEMPOTENCY_NATURAL","plan":"PLAN_SUPPORT_NONE","lock":"LOCK_MODE_EXCLUSIVE",
     "parameters_schema":"{\"type\":\"object\",\"properties\":{\"mode\":{\"type\":\"string\",\"enum\":[\"STRICT\",\"PERMISSIVE\"]}}}",
     "aliases":[{"id":"strict-mtls-policy-operation","parameters_json":"{\"mode\":\"STRICT\"}"}]},
    {"type":"smi.translate","category":"OPERATION_CATEGORY_QUERY"},
    {"type":"smi.metrics","category":"OPERATION_CATEGORY_QUERY"}],
  "smi":[{"api_version":"split.smi-spec.io/v1alpha4","kind":"TrafficSplit","level":"SUPPORT_LEVEL_FULL"}],
  "inventory_kinds":[{"api_version":"apps/v1","kind":"Deployment"},{"api_version":"v1","kind":"Namespace"}]})";

template <class T>
T Must(Result<T> result) {
  INFO((result.has_value() ? std::string() : result.error().ToString()));
  REQUIRE(result.has_value());
  return std::move(*result);
}

inline void Must(const Status& status) {
  INFO((status.has_value() ? std::string() : status.error().ToString()));
  REQUIRE(status.has_value());
}

template <class T>
std::string ReasonOf(const Result<T>& result) {
  return result.has_value() ? "OK" : result.error().reason();
}

template <class T>
std::vector<std::string> PointersOf(const Result<T>& result) {
  std::vector<std::string> pointers;
  if (result.has_value()) return pointers;
  for (const Violation& violation : result.error().violations()) pointers.push_back(violation.pointer);
  return pointers;
}

/// The real services over real rooms and the in-memory store; the engine's scheduler does not run.
struct ServicesFixture {
  TemporaryDirectory folder = Must(TemporaryDirectory::Create("services"));
  ManualClock clock{1'800'000'000'000};
  std::unique_ptr<store::Store> store = store::NewMemoryStore();
  security::CertificateAuthority authority = Must(security::CertificateAuthority::Open(folder.path(), clock));
  security::Sealer sealer = Must(security::Sealer::Open(folder.path()));
  security::TokenAuthority tokens{*store, clock};
  security::Enrollment enrollment{*store, authority, clock};
  engine::Engine engine{*store, clock, engine::EngineOptions()};
  inventory::Inventory inventory{*store, clock};
  policy::Policies policies{*store, clock};
  services::Api api{services::Dependencies{*store, engine, inventory, policies, tokens, enrollment, authority, sealer,
                                           clock, "hub.example:9083", "0.1.0", "abc"}};

  static services::CallContext As(const std::string& role, const std::string& principal = "token/tester") {
    services::CallContext context;
    context.caller = security::Anonymous();
    context.caller.principal = principal;
    context.caller.roles = {role};
    context.request_id = "request-1";
    context.origin = "rest";
    return context;
  }

  const google::protobuf::MethodDescriptor& Method(const std::string& name) const {
    for (const auto* method : api.methods()) {
      if (method->service()->name() + "." + method->name() == name) return *method;
    }
    FAIL("no method " << name);
    return *api.methods().front();
  }

  template <class Response, class Request>
  Result<Response> Call(const std::string& name, const Request& request,
                        const services::CallContext& context = As("admin")) {
    auto answer = api.Call(Method(name), context, request);
    if (!answer.has_value()) return answer.error();
    REQUIRE((*answer)->GetDescriptor() == Response::descriptor());
    return std::move(static_cast<Response&>(**answer));
  }

  /// An adapter of istio that claims one cluster, with the manifest above. The cluster's id is "kind-dev".
  void Connect(const std::string& adapter_id = "a1", const std::string& mesh_type = "istio") {
    store::AdapterRecord adapter;
    adapter.id = adapter_id;
    adapter.tenant = "default";
    adapter.mesh_type = mesh_type;
    adapter.state = "ENROLLED";
    adapter.version = 1;
    Must(store->Write([&](store::Transaction& unit) { return unit.PutAdapter(adapter); }));
    inventory::AdapterSession session;
    session.adapter_id = adapter_id;
    session.session_id = "session-" + adapter_id;
    session.instance_id = "instance-" + adapter_id;
    session.capabilities_digest = "d1";
    session.claims = {{kClusterUid, "kind-dev", "10.0.0.1", "v1.31.0", kReachable}};
    Must(inventory.SessionOpened(session));
    if (mesh_type == "istio") Must(inventory.AcceptManifest(adapter_id, "d1", kManifest));
  }

  std::string PutMesh(const std::string& revision = "default") {
    store::MeshRecord mesh;
    mesh.id = "mesh-" + revision;
    mesh.tenant = "default";
    mesh.cluster_id = "kind-dev";
    mesh.cluster_uid = kClusterUid;
    mesh.mesh_type = "istio";
    mesh.mesh_key = "istio-system/" + revision;
    mesh.revision = revision;
    mesh.health = "HEALTHY";
    mesh.control_plane_namespace = "istio-system";
    mesh.member_namespaces_json = R"(["shop"])";
    mesh.version = 1;
    Must(store->Write([&](store::Transaction& unit) { return unit.PutMesh(mesh); }));
    return mesh.id;
  }

  static v1::CreateOperationRequest Install() {
    v1::CreateOperationRequest request;
    request.set_type("istio.install");
    request.mutable_target()->set_cluster("kind-dev");
    request.set_parameters_json(R"({"version":"1.30.3"})");
    return request;
  }

  Result<v1::Operation> Create(const v1::CreateOperationRequest& request,
                               const services::CallContext& context = As("operator")) {
    return Call<v1::Operation>("Operations.CreateOperation", request, context);
  }

  store::OperationRecord Row(const std::string& id) {
    store::OperationRecord row;
    Must(store->Read([&](store::Reader& reader) -> Status {
      MP_TRY(const auto found, reader.FindOperation("default", id));
      if (!found) return NotFound("OPERATION_UNKNOWN", "gone");
      row = *found;
      return {};
    }));
    return row;
  }

  std::vector<store::AuditRecord> Audit() {
    std::vector<store::AuditRecord> rows;
    Must(store->Read([&rows](store::Reader& reader) -> Status {
      store::AuditQuery query;
      query.tenant = "default";
      query.limit = 1000;
      MP_TRY(rows, reader.ListAudit(query));
      return {};
    }));
    return rows;
  }

  void AddEvent(const std::string& subject, const std::string& kind = "test.happened") {
    store::EventRecord event;
    event.tenant = "default";
    event.subject = subject;
    event.kind = kind;
    event.body_json = "{}";
    event.time_unix_ms = clock.NowUnixMs();
    Must(store->Write([&event](store::Transaction& unit) -> Status {
      MP_TRY([[maybe_unused]] const std::uint64_t seq, unit.AddEvent(event));
      return {};
    }));
  }
};

}  // namespace meshplay::testing
