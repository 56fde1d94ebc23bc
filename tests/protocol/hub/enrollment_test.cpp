#include "tests/protocol/hub/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;

TEST_CASE("a token becomes an identity with which a session opens", "[hub]") {
  HubFixture fx;

  const auto enrolled = fx.Enroll(fx.Token());

  REQUIRE(enrolled.status.ok());
  CHECK(enrolled.response.trust_bundle_der_size() == 1);
  CHECK(enrolled.response.lifetime().seconds() == 86'400);
  CHECK(enrolled.response.renew_after().seconds() == 57'600);
  const auto session = fx.Connect(enrolled.identity);
  CHECK(fx.Adapter(enrolled.identity.adapter_id).connected);
}

TEST_CASE("a token works once, but its lost answer can be asked for again", "[hub]") {
  HubFixture fx;
  const std::string token = fx.Token();
  const KeyAndCsr key = Must(NewKeyAndCsr("adapter"));
  pb::EnrollRequest request;
  request.set_token(token);
  request.set_csr_der(key.csr_der);
  request.set_adapter_type("istio");
  const auto first = fx.Enroll(request, key);
  REQUIRE(first.status.ok());

  const auto again = fx.Enroll(request, key);
  REQUIRE(again.status.ok());
  CHECK(again.identity.adapter_id == first.identity.adapter_id);

  const auto stolen = fx.Enroll(token);
  CHECK(stolen.status.error_code() == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(ReasonOf(stolen.status) == "TOKEN_USED");
}

TEST_CASE("bad enrolments are refused with a reason", "[hub]") {
  HubFixture fx;

  CHECK(ReasonOf(fx.Enroll("nonsense").status) == "TOKEN_INVALID");
  CHECK(ReasonOf(fx.Enroll(fx.Token("linkerd")).status) == "TOKEN_TYPE_MISMATCH");
  CHECK(ReasonOf(fx.Enroll(std::string(100'000, 'x')).status) == "FRAME_TOO_LARGE");
}

TEST_CASE("without a certificate only Enroll works", "[hub]") {
  HubFixture fx;
  ScriptedSession session(fx.Channel({}));

  const grpc::Status status = session.End();

  CHECK(status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK(ReasonOf(status) == "CERTIFICATE_REQUIRED");
  const auto stub = pb::AdapterEnrollment::NewStub(fx.Channel({}));
  grpc::ClientContext context;
  pb::RenewIdentityResponse response;
  CHECK(ReasonOf(stub->RenewIdentity(&context, {}, &response)) == "CERTIFICATE_REQUIRED");
}

TEST_CASE("a certificate of another authority does not get in, and its authority is not trusted by the client",
          "[hub]") {
  HubFixture fx;
  const TemporaryDirectory other = Must(TemporaryDirectory::Create("other-ca"));
  const auto foreign = Must(security::CertificateAuthority::Open(other.path(), fx.clock));
  const KeyAndCsr key = Must(NewKeyAndCsr("adapter"));
  Identity identity;
  identity.private_key_pem = key.private_key_pem;
  identity.certificate_chain_pem = Must(foreign.SignAdapter(key.csr_der, "0190-foreign")).chain_pem;

  ScriptedSession refused(fx.Channel(identity));
  CHECK(refused.End().error_code() == grpc::StatusCode::UNAVAILABLE);
  ScriptedSession distrusted(Dial(fx.hub->port(), foreign.trust_bundle_pem(), {}));
  CHECK(distrusted.End().error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("a certificate that names no adapter of this server is refused", "[hub]") {
  HubFixture fx;
  const KeyPair ca = {Secret(Must(ReadFile(fx.data.path() + "/ca/authority.pem"))), fx.authority.trust_bundle_pem()};
  const auto with_names = [&](const std::vector<std::string>& uris) {
    CertificateRequest request;
    request.common_name = "x";
    request.uri_names = uris;
    request.client_auth = true;
    const KeyPair pair = Must(IssueKeyPair(ca, request, fx.clock.NowUnixMs()));
    return Identity{"", pair.private_key_pem, pair.certificate_chain_pem};
  };
  const std::string ours = "spiffe://" + fx.authority.trust_domain() + "/adapter/";

  ScriptedSession two(fx.Channel(with_names({ours + "a", ours + "b"})));
  CHECK(ReasonOf(two.End()) == "IDENTITY_MISMATCH");
  ScriptedSession none(fx.Channel(with_names({})));
  CHECK(ReasonOf(none.End()) == "IDENTITY_MISMATCH");
  ScriptedSession elsewhere(fx.Channel(with_names({"spiffe://elsewhere/adapter/a"})));
  CHECK(ReasonOf(elsewhere.End()) == "IDENTITY_MISMATCH");
}

TEST_CASE("an identity is renewed with the certificate it has", "[hub]") {
  HubFixture fx;
  const Identity identity = fx.NewAdapter();
  const auto stub = pb::AdapterEnrollment::NewStub(fx.Channel(identity));
  const KeyAndCsr key = Must(NewKeyAndCsr("adapter"));
  pb::RenewIdentityRequest request;
  request.set_csr_der(key.csr_der);
  pb::RenewIdentityResponse response;
  grpc::ClientContext context;

  REQUIRE(stub->RenewIdentity(&context, request, &response).ok());

  Identity renewed{identity.adapter_id, key.private_key_pem, ""};
  for (const std::string& der : response.certificate_chain_der()) renewed.certificate_chain_pem += Must(DerToPem(der));
  const auto session = fx.Connect(renewed);
  CHECK(fx.Adapter(identity.adapter_id).connected);
}
