#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/tls.h"
#include "server/engine/engine.h"
#include "server/hub/hub.h"
#include "server/inventory/inventory.h"
#include "server/security/authority.h"
#include "server/security/enrollment.h"
#include "server/security/sealer.h"
#include "server/store/memory_store.h"
#include "tests/protocol/hub/scripted_adapter.h"

namespace meshplay::testing {

inline constexpr const char* kCluster = "3a4fe6de-0000-4000-8000-000000000001";

/// True as soon as `condition` holds; false after a minute.
template <class Condition>
bool Eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

template <class T>
T Must(Result<T> result) {
  INFO((result ? "" : result.error().ToString()));
  REQUIRE(result);
  return std::move(*result);
}

/// The real hub on a free port over mutual TLS, with the real engine, inventory and CA over the in-memory store.
struct HubFixture {
  explicit HubFixture(hub::HubOptions options = {}) {
    engine::EngineOptions engine_options;
    options.lease_ttl = std::min(options.lease_ttl, lease_ttl);
    engine_options.lease_ttl = options.lease_ttl;
    engine = std::make_unique<engine::Engine>(*store, clock, engine_options);
    REQUIRE(engine->Start());
    hub = Must(hub::Hub::Start(options, *engine, inventory, enrollment, authority, sealer, *store, clock));
  }
  ~HubFixture() {
    hub->Stop();
    engine->Stop();
  }

  std::string Token(const std::string& mesh_type = "istio") {
    security::Caller admin;
    admin.tenant = "default";
    admin.principal = "token/test";
    admin.roles = {"admin"};
    return Must(enrollment.CreateToken(admin, mesh_type, std::chrono::seconds(600), "", "", "")).token.Reveal();
  }

  struct Enrolled {
    grpc::Status status;
    Identity identity;
    pb::EnrollResponse response;
  };
  Enrolled Enroll(const std::string& token, const std::string& mesh_type = "istio") {
    const KeyAndCsr key = Must(NewKeyAndCsr("adapter"));
    pb::EnrollRequest request;
    request.set_token(token);
    request.set_csr_der(key.csr_der);
    request.set_adapter_type(mesh_type);
    return Enroll(request, key);
  }
  Enrolled Enroll(const pb::EnrollRequest& request, const KeyAndCsr& key) {
    Enrolled enrolled;
    const auto stub = pb::AdapterEnrollment::NewStub(Dial(hub->port(), authority.trust_bundle_pem(), {}));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 60s);
    enrolled.status = stub->Enroll(&context, request, &enrolled.response);
    if (!enrolled.status.ok()) return enrolled;
    enrolled.identity.adapter_id = enrolled.response.adapter_id();
    enrolled.identity.private_key_pem = key.private_key_pem;
    for (const std::string& der : enrolled.response.certificate_chain_der()) {
      enrolled.identity.certificate_chain_pem += Must(DerToPem(der));
    }
    return enrolled;
  }
  Identity NewAdapter(const std::string& mesh_type = "istio") {
    const Enrolled enrolled = Enroll(Token(mesh_type), mesh_type);
    INFO(enrolled.status.error_message());
    REQUIRE(enrolled.status.ok());
    return enrolled.identity;
  }

  std::shared_ptr<grpc::Channel> Channel(const Identity& identity) {
    return Dial(hub->port(), authority.trust_bundle_pem(), identity);
  }

  static pb::AdapterFrame Hello(const std::string& instance = "instance-1") {
    pb::AdapterFrame frame;
    pb::Hello& hello = *frame.mutable_hello();
    hello.set_instance_id(instance);
    hello.set_max_concurrent_tasks(4);
    hello.add_features(pb::FEATURE_PLAN);
    hello.add_features(pb::FEATURE_INVENTORY);
    pb::TargetClaim& claim = *hello.add_targets();
    claim.mutable_target()->set_cluster_uid(kCluster);
    claim.set_display_name("kind-dev");
    return frame;
  }

  /// Opens a session and waits for its Welcome.
  std::unique_ptr<ScriptedSession> Connect(const Identity& identity, const pb::AdapterFrame& hello = Hello()) {
    auto session = std::make_unique<ScriptedSession>(Channel(identity));
    REQUIRE(session->Send(hello));
    welcome = session->Wait(pb::ServerFrame::kWelcome).welcome();
    return session;
  }

  std::string Submit(store::TaskKind kind = store::TaskKind::kApply, const std::string& type = "istio.install",
                     std::vector<std::string> secrets = {}) {
    engine::OperationRequest request;
    request.tenant = "default";
    request.principal = "token/test";
    request.kind = kind;
    request.type = type;
    request.cluster_id = "kind-dev";
    request.cluster_uid = kCluster;
    request.mesh_type = "istio";
    request.parameters_json = R"({"profile":"default"})";
    request.options_json = R"({"wait_for_ready":true,"on_failure":"FAILURE_POLICY_ROLLBACK"})";
    request.traits.idempotency = store::Idempotency::kNatural;
    request.traits.cancellation = store::Cancellation::kBetweenSteps;
    request.traits.lock = store::LockMode::kExclusive;
    request.traits.required_secrets = std::move(secrets);
    return Must(engine->Submit(request)).operation.id;
  }

  store::OperationRecord Operation(const std::string& id) {
    std::optional<store::OperationRecord> found;
    REQUIRE(store->Read([&](store::Reader& reader) -> Status {
      MP_TRY(found, reader.FindOperation("default", id));
      return {};
    }));
    REQUIRE(found);
    return *found;
  }
  bool Reaches(const std::string& id, store::OperationState state) {
    return Eventually([&] { return Operation(id).state == state; });
  }
  store::AdapterRecord Adapter(const std::string& id) {
    std::optional<store::AdapterRecord> found;
    REQUIRE(store->Read([&](store::Reader& reader) -> Status {
      MP_TRY(found, reader.FindAdapter("default", id));
      return {};
    }));
    REQUIRE(found);
    return *found;
  }
  std::vector<store::MeshRecord> Meshes() {
    std::vector<store::MeshRecord> meshes;
    REQUIRE(store->Read([&](store::Reader& reader) -> Status {
      MP_TRY(meshes, reader.ListMeshes("default", "", "", "", 100));
      return {};
    }));
    return meshes;
  }
  std::vector<store::ObjectRecord> Objects() {
    std::vector<store::ObjectRecord> objects;
    REQUIRE(store->Read([&](store::Reader& reader) -> Status {
      store::ObjectQuery query;
      query.tenant = "default";
      query.limit = 1000;
      MP_TRY(objects, reader.ListObjects(query));
      return {};
    }));
    return objects;
  }

  static pb::AdapterFrame Accept(const pb::TaskOffer& offer) {
    pb::AdapterFrame frame;
    pb::OfferReply& reply = *frame.mutable_offer_reply();
    reply.set_task_id(offer.task_id());
    reply.set_attempt(offer.attempt());
    reply.set_fence(offer.fence());
    reply.mutable_accepted();
    return frame;
  }
  static pb::AdapterFrame Update(const pb::TaskOffer& offer, std::uint64_t seq, pb::TaskPhase phase) {
    pb::AdapterFrame frame;
    pb::TaskUpdate& update = *frame.mutable_task_update();
    update.set_task_id(offer.task_id());
    update.set_attempt(offer.attempt());
    update.set_fence(offer.fence());
    update.set_seq(seq);
    update.set_phase(phase);
    return frame;
  }
  static pb::AdapterFrame Succeeded(const pb::TaskOffer& offer, std::uint64_t seq) {
    pb::AdapterFrame frame;
    pb::TaskResult& result = *frame.mutable_task_result();
    result.set_task_id(offer.task_id());
    result.set_attempt(offer.attempt());
    result.set_fence(offer.fence());
    result.set_seq(seq);
    result.set_outcome(pb::OUTCOME_SUCCEEDED);
    return frame;
  }
  static pb::TaskSnapshot Snapshot(const pb::TaskOffer& offer, pb::TaskPhase phase, std::uint64_t last_seq) {
    pb::TaskSnapshot snapshot;
    snapshot.set_task_id(offer.task_id());
    snapshot.set_attempt(offer.attempt());
    snapshot.set_fence(offer.fence());
    snapshot.set_phase(phase);
    snapshot.set_last_seq(last_seq);
    return snapshot;
  }

  static constexpr std::chrono::milliseconds lease_ttl{20'000};
  SystemClock clock;
  TemporaryDirectory data = Must(TemporaryDirectory::Create("hub-test"));
  std::unique_ptr<store::Store> store = store::NewMemoryStore();
  security::CertificateAuthority authority = Must(security::CertificateAuthority::Open(data.path(), clock));
  security::Sealer sealer = Must(security::Sealer::Open(data.path()));
  security::Enrollment enrollment{*store, authority, clock};
  inventory::Inventory inventory{*store, clock};
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<hub::Hub> hub;
  pb::Welcome welcome;
};

}  // namespace meshplay::testing
