#include "server/security/authority.h"

#include <sys/stat.h>

#include "tests/unit/security/fixture.h"

using meshplay::security::AdapterIdOfSpiffe;
using meshplay::security::CertificateAuthority;
using meshplay::testing::Must;
using meshplay::testing::ReasonOf;
using meshplay::testing::SecurityFixture;

TEST_CASE("the authority is made once and read back the same", "[security][authority]") {
  SecurityFixture fx;
  const CertificateAuthority again = Must(CertificateAuthority::Open(fx.folder.path(), fx.clock));
  CHECK(again.trust_domain() == fx.authority.trust_domain());
  CHECK(again.trust_bundle_pem() == fx.authority.trust_bundle_pem());
  CHECK(fx.authority.trust_domain().ends_with(".meshplay"));
  CHECK(fx.authority.trust_domain().size() == 17);
  CHECK(fx.authority.trust_bundle_pem().find("PRIVATE KEY") == std::string::npos);

  struct stat info {};
  REQUIRE(stat((fx.folder.path() + "/ca/authority.pem").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("a broken authority file is an error, never a new authority", "[security][authority]") {
  SecurityFixture fx;
  Must(meshplay::WriteFileAtomically(fx.folder.path() + "/ca/authority.pem", "garbage", 0600));
  CHECK(ReasonOf(CertificateAuthority::Open(fx.folder.path(), fx.clock)) == "AUTHORITY_BROKEN");
  Must(meshplay::WriteFileAtomically(fx.folder.path() + "/ca/authority.pem", fx.authority.trust_bundle_pem(), 0600));
  CHECK(ReasonOf(CertificateAuthority::Open(fx.folder.path(), fx.clock)) == "AUTHORITY_BROKEN");
}

TEST_CASE("an adapter's certificate carries exactly its identity for a day", "[security][authority]") {
  SecurityFixture fx;
  const auto csr = Must(meshplay::NewKeyAndCsr("anything"));
  const auto certificate = Must(fx.authority.SignAdapter(csr.csr_der, "0190c6b0-0000-7000-8000-000000000001"));
  const auto fields = Must(meshplay::ReadCertificate(certificate.chain_pem));
  REQUIRE(fields.uri_names.size() == 1);
  CHECK(AdapterIdOfSpiffe(fields.uri_names[0], fx.authority.trust_domain()) == "0190c6b0-0000-7000-8000-000000000001");
  CHECK_FALSE(fields.is_ca);
  CHECK(fields.serial_hex == certificate.serial_hex);
  const auto left = certificate.not_after_unix_ms - fx.clock.NowUnixMs();
  CHECK(left > 23 * 3'600'000LL);
  CHECK(left <= 24 * 3'600'000LL);
  CHECK(ReasonOf(fx.authority.SignAdapter("no csr", "a")) == "CSR_INVALID");
}

TEST_CASE("the hub's certificate names hosts and addresses", "[security][authority]") {
  SecurityFixture fx;
  const auto pair = Must(fx.authority.IssueServer({"localhost", "127.0.0.1", "::1", "hub.example.org"}));
  const auto fields = Must(meshplay::ReadCertificate(pair.certificate_chain_pem));
  CHECK(fields.dns_names == std::vector<std::string>{"localhost", "hub.example.org"});
  CHECK(fields.ip_addresses.size() == 2);
  CHECK_FALSE(pair.private_key_pem.empty());
}

TEST_CASE("only a SPIFFE ID of this trust domain names an adapter", "[security][authority]") {
  CHECK(AdapterIdOfSpiffe("spiffe://d.meshplay/adapter/a-1", "d.meshplay") == "a-1");
  CHECK(AdapterIdOfSpiffe("spiffe://other.meshplay/adapter/a-1", "d.meshplay").empty());
  CHECK(AdapterIdOfSpiffe("spiffe://d.meshplay/server", "d.meshplay").empty());
  CHECK(AdapterIdOfSpiffe("spiffe://d.meshplay/adapter/", "d.meshplay").empty());
  CHECK(AdapterIdOfSpiffe("spiffe://d.meshplay/adapter/a/b", "d.meshplay").empty());
  CHECK(AdapterIdOfSpiffe("spiffe:///adapter/a", "").empty());
}
