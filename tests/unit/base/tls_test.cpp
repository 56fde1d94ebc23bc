#include "libs/base/tls.h"

#include <catch2/catch.hpp>
#include <functional>

namespace meshplay {
namespace {

constexpr UnixMs kNow = 1'800'000'000'000;

KeyPair NewAuthority() {
  auto authority = NewCertificateAuthority("Test CA", std::chrono::hours(24), kNow);
  if (!authority) FAIL(authority.error().ToString());
  return std::move(*authority);
}

CertificateRequest AnyRequest() {
  CertificateRequest request;
  request.common_name = "adapter-1";
  request.uri_names = {"meshplay://adapter/1"};
  request.dns_names = {"localhost", "*.example.org"};
  request.ip_addresses = {"127.0.0.1", "::1"};
  request.client_auth = true;
  return request;
}

}  // namespace

TEST_CASE("an authority is a CA and its times follow the given moment") {
  const auto fields = ReadCertificate(NewAuthority().certificate_chain_pem);
  REQUIRE(fields);
  CHECK(fields->is_ca);
  CHECK(fields->subject_common_name == "Test CA");
  CHECK(fields->not_before_unix_ms <= kNow);
  CHECK(fields->not_after_unix_ms == kNow + 24 * 3'600'000);
  CHECK(fields->serial_hex.size() == 32);
  CHECK(fields->fingerprint_sha256_hex.size() == 64);
}

TEST_CASE("an issued certificate carries exactly the names that were asked for") {
  const auto pair = IssueKeyPair(NewAuthority(), AnyRequest(), kNow);
  REQUIRE(pair);
  CHECK(pair->private_key_pem.Reveal().find("BEGIN PRIVATE KEY") != std::string::npos);
  const auto fields = ReadCertificate(pair->certificate_chain_pem);
  REQUIRE(fields);
  CHECK_FALSE(fields->is_ca);
  CHECK(fields->uri_names == AnyRequest().uri_names);
  CHECK(fields->dns_names == AnyRequest().dns_names);
  CHECK(fields->ip_addresses == AnyRequest().ip_addresses);
}

TEST_CASE("a certificate request is signed for its key and with our names, not its own") {
  const KeyPair authority = NewAuthority();
  const auto made = NewKeyAndCsr("name-of-the-request");
  REQUIRE(made);
  const auto pem = SignCsr(authority, made->csr_der, AnyRequest(), kNow);
  REQUIRE(pem);
  CHECK(ReadCertificate(*pem)->subject_common_name == "adapter-1");
  const auto digest = CsrPublicKeyDigest(made->csr_der);
  REQUIRE(digest);
  CHECK(digest->size() == 64);
  CHECK(*digest != *CsrPublicKeyDigest(NewKeyAndCsr("x")->csr_der));
}

TEST_CASE("changed, cut and foreign certificate requests are refused") {
  const KeyPair authority = NewAuthority();
  const std::string good = NewKeyAndCsr("x")->csr_der;
  std::string changed = good;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  for (const std::string& bad : {changed, good.substr(0, good.size() / 2), good + "x", std::string(), std::string("x"),
                                 std::string(200'000, '\x30')}) {
    const auto pem = SignCsr(authority, bad, AnyRequest(), kNow);
    REQUIRE_FALSE(pem);
    CHECK(pem.error().reason() == "CSR_INVALID");
  }
}

TEST_CASE("names that are not valid are refused") {
  const KeyPair authority = NewAuthority();
  const auto reason = [&](const std::function<void(CertificateRequest&)>& change) {
    CertificateRequest request = AnyRequest();
    change(request);
    const auto pair = IssueKeyPair(authority, request, kNow);
    return pair ? std::string() : pair.error().reason();
  };
  CHECK(reason([](auto& r) { r.common_name = ""; }) == "CERTIFICATE_INVALID");
  CHECK(reason([](auto& r) { r.common_name = std::string(65, 'x'); }) == "CERTIFICATE_INVALID");
  CHECK(reason([](auto& r) { r.common_name = "a\nb"; }) == "CERTIFICATE_INVALID");
  CHECK(reason([](auto& r) { r.dns_names = {std::string("good.example\0.evil", 18)}; }) == "CERTIFICATE_INVALID");
  CHECK(reason([](auto& r) { r.uri_names = {"no scheme"}; }) == "CERTIFICATE_INVALID");
  CHECK(reason([](auto& r) { r.ip_addresses = {"1.2.3"}; }) == "CERTIFICATE_INVALID");
  CHECK(reason([](auto& r) { r.lifetime = std::chrono::seconds(0); }) == "CERTIFICATE_INVALID");
}

TEST_CASE("only a CA with its own key can sign") {
  const KeyPair authority = NewAuthority();
  const auto leaf = IssueKeyPair(authority, AnyRequest(), kNow);
  REQUIRE(leaf);
  CHECK(IssueKeyPair(*leaf, AnyRequest(), kNow).error().reason() == "CERTIFICATE_INVALID");
  const KeyPair mixed{NewAuthority().private_key_pem, authority.certificate_chain_pem};
  CHECK(IssueKeyPair(mixed, AnyRequest(), kNow).error().reason() == "CERTIFICATE_INVALID");
  CHECK(IssueKeyPair({Secret("junk"), "junk"}, AnyRequest(), kNow).error().reason() == "CERTIFICATE_INVALID");
}

TEST_CASE("certificates go from PEM to DER and back") {
  const std::string pem = NewAuthority().certificate_chain_pem;
  const auto der = PemToDer(pem);
  REQUIRE(der);
  CHECK(*DerToPem(*der) == pem);
  CHECK(DerToPem(*der + "x").error().reason() == "CERTIFICATE_INVALID");
  CHECK(PemToDer("").error().reason() == "CERTIFICATE_INVALID");
  CHECK(ReadCertificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").error().reason() ==
        "CERTIFICATE_INVALID");
}

}  // namespace meshplay
