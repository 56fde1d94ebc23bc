#include "server/security/enrollment.h"

#include "tests/unit/security/fixture.h"

using meshplay::security::EnrollmentRequest;
using meshplay::testing::Must;
using meshplay::testing::ReasonOf;
using meshplay::testing::SecurityFixture;
using namespace std::chrono_literals;

namespace {

EnrollmentRequest Request(const meshplay::Secret& token, const std::string& type = "istio") {
  EnrollmentRequest request;
  request.token = token.Reveal();
  request.csr_der = Must(meshplay::NewKeyAndCsr("adapter")).csr_der;
  request.adapter_type = type;
  request.software_name = "meshplay-adapter-istio";
  request.software_version = "0.1.0";
  return request;
}

meshplay::store::AdapterRecord Adapter(SecurityFixture& fx, const std::string& id) {
  meshplay::store::AdapterRecord row;
  Must(fx.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
    MP_TRY(const auto found, reader.FindAdapter("default", id));
    if (!found) return meshplay::NotFound("ADAPTER_UNKNOWN", "gone");
    row = *found;
    return {};
  }));
  return row;
}

void SetState(SecurityFixture& fx, const std::string& id, const std::string& state) {
  auto row = Adapter(fx, id);
  row.state = state;
  Must(fx.store->Write([&](meshplay::store::Transaction& tx) { return tx.PutAdapter(row); }));
}

}  // namespace

TEST_CASE("a token makes one adapter with a row, an event and an audit row", "[security][enrollment]") {
  SecurityFixture fx;
  const auto token = Must(fx.enrollment.CreateToken(fx.admin, "istio", 3600s, "east", "", "r1"));
  const auto identity = Must(fx.enrollment.Enroll(Request(token.token)));
  CHECK(identity.renew_after == 16h);
  CHECK(identity.trust_bundle_pem == fx.authority.trust_bundle_pem());

  const auto row = Adapter(fx, identity.adapter_id);
  CHECK(row.mesh_type == "istio");
  CHECK(row.display_name == "east");
  CHECK(row.state == "ENROLLED");
  CHECK(row.certificate_serial_hex.size() > 8);
  std::vector<meshplay::store::EventRecord> events;
  Must(fx.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
    MP_TRY(events, reader.ListEvents({}));
    return {};
  }));
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == "adapter.enrolled");
  CHECK(fx.Audit().back().action == "adapter.enroll");
}

TEST_CASE("the same key may ask again for ten minutes, another never", "[security][enrollment]") {
  SecurityFixture fx;
  const auto token = Must(fx.enrollment.CreateToken(fx.admin, "istio", 60s, "", "", "r1"));
  const EnrollmentRequest request = Request(token.token);
  const auto first = Must(fx.enrollment.Enroll(request));

  CHECK(ReasonOf(fx.enrollment.Enroll(Request(token.token))) == "TOKEN_USED");
  CHECK(fx.Audit().back().decision == "denied");

  fx.clock.Advance(10min);
  const auto again = Must(fx.enrollment.Enroll(request));
  CHECK(again.adapter_id == first.adapter_id);
  CHECK(again.certificate_chain_pem == first.certificate_chain_pem);

  fx.clock.Advance(1ms);
  CHECK(ReasonOf(fx.enrollment.Enroll(request)) == "TOKEN_USED");
}

TEST_CASE("tokens that do not fit are refused", "[security][enrollment]") {
  SecurityFixture fx;
  const auto token = Must(fx.enrollment.CreateToken(fx.admin, "istio", 60s, "", "", "r1"));
  CHECK(ReasonOf(fx.enrollment.Enroll(Request(token.token, "linkerd"))) == "TOKEN_TYPE_MISMATCH");
  EnrollmentRequest other = Request(token.token);
  other.rejoin_adapter_id = "0190c6b0-0000-7000-8000-000000000001";
  CHECK(ReasonOf(fx.enrollment.Enroll(other)) == "TOKEN_TYPE_MISMATCH");
  EnrollmentRequest broken = Request(token.token);
  broken.csr_der = "not a csr";
  CHECK(ReasonOf(fx.enrollment.Enroll(broken)) == "CSR_INVALID");
  const std::size_t audited = fx.Audit().size();
  CHECK(ReasonOf(fx.enrollment.Enroll(Request(meshplay::Secret("mpe_nonsense")))) == "TOKEN_INVALID");
  CHECK(fx.Audit().size() == audited);
  fx.clock.Advance(60s);
  CHECK(ReasonOf(fx.enrollment.Enroll(Request(token.token))) == "TOKEN_EXPIRED");
}

TEST_CASE("bad asks for tokens are refused", "[security][enrollment]") {
  SecurityFixture fx;
  const auto make = [&fx](const std::string& type, std::chrono::seconds lifetime, const std::string& rejoin) {
    return ReasonOf(fx.enrollment.CreateToken(fx.admin, type, lifetime, "", rejoin, "r"));
  };
  CHECK(make("Istio!", 3600s, "") == "MESH_TYPE_INVALID");
  CHECK(make("istio", 59s, "") == "TOKEN_LIFETIME_INVALID");
  CHECK(make("istio", 3601s, "") == "TOKEN_LIFETIME_INVALID");
  CHECK(make("", 3600s, "nobody") == "ADAPTER_UNKNOWN");
}

TEST_CASE("an adapter comes back with a token of its own and keeps its id", "[security][enrollment]") {
  SecurityFixture fx;
  const auto token = Must(fx.enrollment.CreateToken(fx.admin, "istio", 3600s, "east", "", "r1"));
  const auto identity = Must(fx.enrollment.Enroll(Request(token.token)));
  const auto rejoin = Must(fx.enrollment.CreateToken(fx.admin, "", 3600s, "", identity.adapter_id, "r2"));
  CHECK(rejoin.record.mesh_type == "istio");
  EnrollmentRequest request = Request(rejoin.token);
  request.rejoin_adapter_id = identity.adapter_id;
  const auto back = Must(fx.enrollment.Enroll(request));
  CHECK(back.adapter_id == identity.adapter_id);
  CHECK(Adapter(fx, identity.adapter_id).display_name == "east");
  CHECK(back.certificate_chain_pem != identity.certificate_chain_pem);
}

TEST_CASE("a revoked adapter neither renews nor comes back", "[security][enrollment]") {
  SecurityFixture fx;
  const auto token = Must(fx.enrollment.CreateToken(fx.admin, "istio", 3600s, "", "", "r1"));
  const EnrollmentRequest request = Request(token.token);
  const auto identity = Must(fx.enrollment.Enroll(request));
  const auto rejoin = Must(fx.enrollment.CreateToken(fx.admin, "", 3600s, "", identity.adapter_id, "r2"));
  const std::string csr = Must(meshplay::NewKeyAndCsr("adapter")).csr_der;
  CHECK(ReasonOf(fx.enrollment.Renew(identity.adapter_id, csr)) == "OK");

  SetState(fx, identity.adapter_id, "REVOKED");
  CHECK(ReasonOf(fx.enrollment.Renew(identity.adapter_id, csr)) == "ADAPTER_REVOKED");
  CHECK(fx.Audit().back().decision == "denied");
  CHECK(ReasonOf(fx.enrollment.Enroll(request)) == "ADAPTER_REVOKED");
  CHECK(ReasonOf(fx.enrollment.Enroll(Request(rejoin.token))) == "ADAPTER_REVOKED");
  CHECK(ReasonOf(fx.enrollment.CreateToken(fx.admin, "", 3600s, "", identity.adapter_id, "r")) == "ADAPTER_REVOKED");
  CHECK(ReasonOf(fx.enrollment.Renew("nobody", csr)) == "ADAPTER_UNKNOWN");
}

TEST_CASE("a withdrawn token does not enrol", "[security][enrollment]") {
  SecurityFixture fx;
  const auto token = Must(fx.enrollment.CreateToken(fx.admin, "istio", 3600s, "", "", "r1"));
  Must(fx.enrollment.DeleteToken(fx.admin, token.record.id, "r2"));
  CHECK(ReasonOf(fx.enrollment.Enroll(Request(token.token))) == "TOKEN_INVALID");
  CHECK(ReasonOf(fx.enrollment.DeleteToken(fx.admin, token.record.id, "r3")) == "ENROLLMENT_TOKEN_UNKNOWN");
}
