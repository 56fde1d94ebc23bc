#include "server/security/secret_box.h"
#include "tests/protocol/hub/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;

namespace {

struct SecretsFixture : HubFixture {
  SecretsFixture() {
    store::SecretRecord record;
    record.tenant = "default";
    record.name = "registry";
    record.version = NewUuidV7();
    record.sealed = security::SealSecret(sealer, "registry", {{"password", "hunter2"}});
    record.keys = {"password"};
    REQUIRE(store->Write([&](store::Transaction& unit) { return unit.PutSecret(record); }));
    session = Connect(identity);
    const std::string id = Submit(store::TaskKind::kApply, "istio.install", {"registry"});
    offer = session->Wait(pb::ServerFrame::kTaskOffer).task_offer();
    session->Send(Accept(offer));
    REQUIRE(Reaches(id, store::OperationState::kRunning));
  }

  grpc::Status Resolve(const Identity& who, const std::string& name, std::uint64_t fence) {
    pb::ResolveSecretsRequest request;
    request.set_session_id(welcome.session_id());
    request.set_task_id(offer.task_id());
    request.set_attempt(offer.attempt());
    request.set_fence(fence);
    request.add_logical_names(name);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 60s);
    return pb::AdapterData::NewStub(Channel(who))->ResolveSecrets(&context, request, &resolved);
  }

  Identity identity = NewAdapter();
  std::unique_ptr<ScriptedSession> session;
  pb::TaskOffer offer;
  pb::ResolveSecretsResponse resolved;
};

}  // namespace

TEST_CASE("secrets go to the session that holds the attempt and to nobody else", "[hub]") {
  SecretsFixture fx;
  REQUIRE(fx.offer.secrets_size() == 1);
  CHECK(fx.offer.secrets(0).logical_name() == "registry");

  REQUIRE(fx.Resolve(fx.identity, "registry", fx.offer.fence()).ok());
  CHECK(fx.resolved.items(0).data().at("password") == "hunter2");
  CHECK(fx.resolved.items(0).usable_for().seconds() == 600);

  CHECK(ReasonOf(fx.Resolve(fx.identity, "registry", fx.offer.fence() + 1)) == "ATTEMPT_NOT_HELD");
  CHECK(ReasonOf(fx.Resolve(fx.NewAdapter(), "registry", fx.offer.fence())) == "ATTEMPT_NOT_HELD");
  CHECK(ReasonOf(fx.Resolve(fx.identity, "something-else", fx.offer.fence())) == "SECRET_UNAVAILABLE");
  CHECK(ReasonOf(fx.Resolve({}, "registry", fx.offer.fence())) == "CERTIFICATE_REQUIRED");
}

TEST_CASE("an adapter stores a key for its target and gets it back", "[hub]") {
  SecretsFixture fx;
  pb::StoreSecretRequest request;
  request.set_session_id(fx.welcome.session_id());
  request.set_task_id(fx.offer.task_id());
  request.set_attempt(fx.offer.attempt());
  request.set_fence(fx.offer.fence());
  request.set_name("issuer");
  (*request.mutable_data())["tls.key"] = std::string("\x00\xff", 2);
  pb::SecretRef reference;
  grpc::ClientContext context;

  REQUIRE(pb::AdapterData::NewStub(fx.Channel(fx.identity))->StoreSecret(&context, request, &reference).ok());

  CHECK(reference.logical_name() == "issuer");
  REQUIRE(fx.Resolve(fx.identity, "issuer", fx.offer.fence()).ok());
  CHECK(fx.resolved.items(0).data().at("tls.key") == std::string("\x00\xff", 2));
}
