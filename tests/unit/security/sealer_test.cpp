#include "server/security/sealer.h"

#include "server/security/secret_box.h"
#include "tests/unit/security/fixture.h"

using meshplay::TemporaryDirectory;
using meshplay::security::Sealer;
using meshplay::testing::Must;
using meshplay::testing::ReasonOf;

TEST_CASE("a sealed text opens here, for its purpose, unchanged", "[security][sealer]") {
  const TemporaryDirectory folder = Must(TemporaryDirectory::Create("sealer"));
  const Sealer sealer = Must(Sealer::Open(folder.path()));
  const std::string sealed = sealer.Seal("page_token", "hello");
  CHECK(Must(sealer.Unseal("page_token", sealed)) == "hello");
  CHECK(Must(Must(Sealer::Open(folder.path())).Unseal("page_token", sealed)) == "hello");
  CHECK(sealed.find("hello") == std::string::npos);
  CHECK(sealer.Seal("page_token", "hello") != sealed);
  CHECK(Must(sealer.Unseal("p", sealer.Seal("p", ""))).empty());

  CHECK(ReasonOf(sealer.Unseal("secret/x", sealed)) == "SEAL_BROKEN");
  CHECK(ReasonOf(sealer.Unseal("page_token", "")) == "SEAL_BROKEN");
  CHECK(ReasonOf(sealer.Unseal("page_token", sealed + "A")) == "SEAL_BROKEN");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK(ReasonOf(sealer.Unseal("page_token", changed)) == "SEAL_BROKEN");
  }
}

TEST_CASE("another installation's seal does not open", "[security][sealer]") {
  const TemporaryDirectory one = Must(TemporaryDirectory::Create("sealer"));
  const TemporaryDirectory two = Must(TemporaryDirectory::Create("sealer"));
  const std::string sealed = Must(Sealer::Open(one.path())).Seal("p", "hello");
  CHECK(ReasonOf(Must(Sealer::Open(two.path())).Unseal("p", sealed)) == "SEAL_BROKEN");
}

TEST_CASE("a damaged key is an error, never a new key", "[security][sealer]") {
  const TemporaryDirectory folder = Must(TemporaryDirectory::Create("sealer"));
  Must(Sealer::Open(folder.path()));
  Must(meshplay::WriteFileAtomically(folder.path() + "/keys/seal.key", "short", 0600));
  CHECK(ReasonOf(Sealer::Open(folder.path())) == "SEAL_KEY_BROKEN");
}

TEST_CASE("secrets keep any bytes and are bound to their name", "[security][sealer]") {
  const TemporaryDirectory folder = Must(TemporaryDirectory::Create("sealer"));
  const Sealer sealer = Must(Sealer::Open(folder.path()));
  const std::map<std::string, std::string> data = {{"key", std::string("\0\xff\n", 3)}, {"empty", ""}};
  const std::string sealed = meshplay::security::SealSecret(sealer, "issuer", data);
  CHECK(Must(meshplay::security::UnsealSecret(sealer, "issuer", sealed)) == data);
  CHECK(ReasonOf(meshplay::security::UnsealSecret(sealer, "other", sealed)) == "SEAL_BROKEN");
}
