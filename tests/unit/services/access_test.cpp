#include "server/security/secret_box.h"
#include "tests/unit/services/fixture.h"

using meshplay::testing::Must;
using meshplay::testing::PointersOf;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace v1 = meshplay::v1;

TEST_CASE("a token is shown once, listed without its secret, and revoked", "[services][tokens]") {
  ServicesFixture fx;
  v1::CreateTokenRequest request;
  request.set_name("ci");
  request.add_roles("operator");
  CHECK(ReasonOf(fx.Call<v1::Token>("Access.CreateToken", request)) == "ROLE_NOT_HELD");
  auto context = ServicesFixture::As("platform-admin");
  const v1::Token made = Must(fx.Call<v1::Token>("Access.CreateToken", request, context));
  CHECK(made.token().starts_with("mp_"));
  CHECK(made.expire_time().seconds() == fx.clock.NowUnixMs() / 1000 + 30 * 86'400);

  const auto listed = Must(fx.Call<v1::ListTokensResponse>("Access.ListTokens", v1::ListTokensRequest(), context));
  REQUIRE(listed.tokens_size() == 1);
  CHECK(listed.tokens(0).token().empty());
  CHECK(listed.tokens(0).name() == "ci");

  v1::DeleteTokenRequest revoke;
  revoke.set_id(made.id());
  CHECK(ReasonOf(fx.Call<v1::DeleteTokenResponse>("Access.DeleteToken", revoke, context)) == "OK");
  CHECK(ReasonOf(fx.Call<v1::DeleteTokenResponse>("Access.DeleteToken", revoke, context)) == "TOKEN_UNKNOWN");
  CHECK(ReasonOf(fx.api.Authenticate(made.token())) == "TOKEN_INVALID");
}

TEST_CASE("roles are listed with what each may do", "[services][tokens]") {
  ServicesFixture fx;
  const auto roles = Must(fx.Call<v1::ListRolesResponse>("Access.ListRoles", v1::ListRolesRequest()));
  REQUIRE(roles.roles_size() == 5);
  CHECK(roles.roles(0).id() == "viewer");
  CHECK_FALSE(roles.roles(0).description().empty());
  CHECK(roles.roles(0).permissions(1) == "READ");
}

TEST_CASE("a secret goes in sealed and never comes out", "[services][secrets]") {
  ServicesFixture fx;
  v1::CreateSecretRequest request;
  request.set_name("registry");
  (*request.mutable_data())["password"] = "hunter2";
  const v1::SecretName made = Must(fx.Call<v1::SecretName>("Secrets.CreateSecret", request));
  CHECK(made.keys(0) == "password");
  CHECK(made.ShortDebugString().find("hunter2") == std::string::npos);

  meshplay::store::SecretRecord row;
  Must(fx.store->Read([&row](meshplay::store::Reader& reader) -> meshplay::Status {
    MP_TRY(const auto found, reader.FindSecret("default", "registry"));
    row = *found;
    return {};
  }));
  CHECK(row.sealed.find("hunter2") == std::string::npos);
  CHECK(Must(meshplay::security::UnsealSecret(fx.sealer, "registry", row.sealed)).at("password") == "hunter2");

  const auto listed = Must(fx.Call<v1::ListSecretsResponse>("Secrets.ListSecrets", v1::ListSecretsRequest()));
  REQUIRE(listed.secrets_size() == 1);
  CHECK(listed.secrets(0).version() == made.version());

  v1::DeleteSecretRequest remove;
  remove.set_name("registry");
  CHECK(ReasonOf(fx.Call<v1::DeleteSecretResponse>("Secrets.DeleteSecret", remove)) == "OK");
  CHECK(ReasonOf(fx.Call<v1::DeleteSecretResponse>("Secrets.DeleteSecret", remove)) == "SECRET_UNKNOWN");
}

TEST_CASE("bad secrets are refused", "[services][secrets]") {
  ServicesFixture fx;
  v1::CreateSecretRequest request;
  request.set_name("Not a name");
  (*request.mutable_data())["k"] = "v";
  CHECK(ReasonOf(fx.Call<v1::SecretName>("Secrets.CreateSecret", request)) == "SECRET_NAME_INVALID");
  request.set_name("fine");
  (*request.mutable_data())["a/b"] = "v";
  const auto bad_key = fx.Call<v1::SecretName>("Secrets.CreateSecret", request);
  CHECK(ReasonOf(bad_key) == "SECRET_DATA_INVALID");
  CHECK(PointersOf(bad_key) == std::vector<std::string>{"/data"});
}

TEST_CASE("the version is there for everybody", "[services][system]") {
  ServicesFixture fx;
  meshplay::services::CallContext nobody;
  nobody.caller = meshplay::security::Anonymous();
  const auto version = Must(fx.Call<v1::VersionResponse>("System.GetVersion", v1::GetVersionRequest(), nobody));
  CHECK(version.version() == "0.1.0");
  CHECK(version.git_sha() == "abc");
  CHECK(version.started() == "2027-01-15T08:00:00Z");
}
