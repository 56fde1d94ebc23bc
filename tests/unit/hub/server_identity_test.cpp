#include "server/hub/internal/server_identity.h"

#include <catch2/catch.hpp>

#include "libs/base/tls.h"

using namespace meshplay;
using namespace meshplay::hub;

TEST_CASE("the listener's certificate is renewed after two thirds of its life, key and all", "[hub]") {
  const auto data = TemporaryDirectory::Create("hub-identity");
  REQUIRE(data);
  ManualClock clock;
  const auto authority = security::CertificateAuthority::Open(data->path(), clock);
  REQUIRE(authority);
  const auto identity = ServerIdentity::Create(*authority, {"localhost", "127.0.0.1"}, clock);
  REQUIRE(identity);
  const std::string current = (*identity)->folder() + "/current/";
  const auto first_key = ReadFile(current + "key.pem");
  const auto first = ReadCertificate(ReadFile(current + "certificate.pem").value());
  REQUIRE(first);
  CHECK(first->dns_names == std::vector<std::string>{"localhost"});

  clock.Advance(std::chrono::hours(24 * 19));
  CHECK((*identity)->RenewIfDue().value() == false);
  clock.Advance(std::chrono::hours(24 * 2));
  CHECK((*identity)->RenewIfDue().value() == true);
  CHECK((*identity)->RenewIfDue().value() == false);

  const auto second = ReadCertificate(ReadFile(current + "certificate.pem").value());
  REQUIRE(second);
  CHECK(second->serial_hex != first->serial_hex);
  CHECK(second->not_after_unix_ms > first->not_after_unix_ms);
  CHECK(ReadFile(current + "key.pem").value() != first_key.value());
}
