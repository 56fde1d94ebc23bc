#include "server/security/tokens.h"

#include "tests/unit/security/fixture.h"

using meshplay::testing::Must;
using meshplay::testing::ReasonOf;
using meshplay::testing::SecurityFixture;
using namespace std::chrono_literals;

TEST_CASE("the first start makes one token, and only when there is none", "[security][tokens]") {
  SecurityFixture fx;
  const auto first = Must(fx.tokens.EnsureFirstToken());
  REQUIRE(first.has_value());
  CHECK_FALSE(Must(fx.tokens.EnsureFirstToken()).has_value());
  const auto caller = Must(fx.tokens.Verify(first->Reveal()));
  CHECK(caller.principal == "token/first");
  CHECK(caller.roles == std::vector<std::string>{"admin", "platform-admin"});
}

TEST_CASE("a token is verified, and nothing close to it is", "[security][tokens]") {
  SecurityFixture fx;
  const auto made = Must(fx.tokens.Create(fx.admin, "ci", {"admin"}, 3600s, "r1"));
  const std::string text = made.token.Reveal();
  CHECK(text.starts_with("mp_" + made.record.id + "_"));
  CHECK(Must(fx.tokens.Verify(text)).token_id == made.record.id);
  CHECK(made.record.secret_hash_hex.size() == 64);
  CHECK(text.find(made.record.secret_hash_hex) == std::string::npos);

  CHECK(ReasonOf(fx.tokens.Verify("")) == "TOKEN_MISSING");
  for (std::size_t i = 0; i < text.size(); i += 7) {
    std::string changed = text;
    changed[i] = changed[i] == '0' ? '1' : '0';
    CHECK(ReasonOf(fx.tokens.Verify(changed)) == "TOKEN_INVALID");
  }
  CHECK(ReasonOf(fx.tokens.Verify(text + "0")) == "TOKEN_INVALID");
  CHECK(ReasonOf(fx.tokens.Verify(std::string(100'000, 'a'))) == "TOKEN_INVALID");
}

TEST_CASE("a token with a good form but another secret is refused", "[security][tokens]") {
  SecurityFixture one;
  SecurityFixture two;
  const auto foreign = Must(one.tokens.Create(one.admin, "ci", {"admin"}, 3600s, "r1"));
  auto record = foreign.record;
  record.secret_hash_hex = std::string(64, 'a');
  Must(two.store->Write([&](meshplay::store::Transaction& tx) { return tx.PutApiToken(record); }));
  CHECK(ReasonOf(two.tokens.Verify(foreign.token.Reveal())) == "TOKEN_INVALID");
}

TEST_CASE("a token expires also while it is cached", "[security][tokens]") {
  SecurityFixture fx;
  const auto made = Must(fx.tokens.Create(fx.admin, "ci", {"admin"}, 60s, "r1"));
  fx.clock.Advance(59s);
  CHECK(ReasonOf(fx.tokens.Verify(made.token.Reveal())) == "OK");
  fx.clock.Advance(1s);
  CHECK(ReasonOf(fx.tokens.Verify(made.token.Reveal())) == "TOKEN_EXPIRED");
}

TEST_CASE("a token revoked here stops at once, one revoked elsewhere within five seconds", "[security][tokens]") {
  SecurityFixture fx;
  const auto here = Must(fx.tokens.Create(fx.admin, "here", {"admin"}, 3600s, "r1"));
  const auto elsewhere = Must(fx.tokens.Create(fx.admin, "elsewhere", {"admin"}, 3600s, "r1"));
  CHECK(ReasonOf(fx.tokens.Verify(here.token.Reveal())) == "OK");
  CHECK(ReasonOf(fx.tokens.Verify(elsewhere.token.Reveal())) == "OK");

  Must(fx.tokens.Revoke(fx.admin, here.record.id, "r2"));
  CHECK(ReasonOf(fx.tokens.Verify(here.token.Reveal())) == "TOKEN_INVALID");

  Must(fx.store->Write([&](meshplay::store::Transaction& tx) { return tx.DeleteApiToken(elsewhere.record.id); }));
  CHECK(ReasonOf(fx.tokens.Verify(elsewhere.token.Reveal())) == "OK");
  fx.clock.Advance(5s);
  CHECK(ReasonOf(fx.tokens.Verify(elsewhere.token.Reveal())) == "TOKEN_INVALID");
  CHECK(ReasonOf(fx.tokens.Revoke(fx.admin, here.record.id, "r3")) == "TOKEN_UNKNOWN");
}

TEST_CASE("the last use is noted at most once a minute", "[security][tokens]") {
  SecurityFixture fx;
  const auto made = Must(fx.tokens.Create(fx.admin, "ci", {"admin"}, 3600s, "r1"));
  const auto last_used = [&] {
    meshplay::UnixMs used = 0;
    Must(fx.store->Read([&](meshplay::store::Reader& reader) -> meshplay::Status {
      MP_TRY(const auto row, reader.FindApiToken(made.record.id));
      used = row->last_used_unix_ms;
      return {};
    }));
    return used;
  };
  Must(fx.tokens.Verify(made.token.Reveal()));
  const auto first = last_used();
  CHECK(first == fx.clock.NowUnixMs());
  fx.clock.Advance(30s);
  Must(fx.tokens.Verify(made.token.Reveal()));
  CHECK(last_used() == first);
  fx.clock.Advance(31s);
  Must(fx.tokens.Verify(made.token.Reveal()));
  CHECK(last_used() == fx.clock.NowUnixMs());
}

TEST_CASE("a caller gives away only roles it holds, unless it is platform-admin", "[security][tokens]") {
  SecurityFixture fx;
  CHECK(ReasonOf(fx.tokens.Create(fx.admin, "ci", {"auditor"}, 3600s, "r")) == "ROLE_NOT_HELD");
  auto platform = fx.admin;
  platform.roles = {"platform-admin"};
  CHECK(ReasonOf(fx.tokens.Create(platform, "ci", {"auditor"}, 3600s, "r")) == "OK");
  CHECK(ReasonOf(fx.tokens.Create(platform, "ci", {"root"}, 3600s, "r")) == "ROLE_UNKNOWN");
  CHECK(ReasonOf(fx.tokens.Create(platform, "ci", {}, 3600s, "r")) == "ROLE_UNKNOWN");
  CHECK(ReasonOf(fx.tokens.Create(platform, "Not A Name", {"viewer"}, 3600s, "r")) == "TOKEN_NAME_INVALID");
  CHECK(ReasonOf(fx.tokens.Create(platform, "ci", {"viewer"}, 59s, "r")) == "TOKEN_LIFETIME_INVALID");
  CHECK(ReasonOf(fx.tokens.Create(platform, "ci", {"viewer"}, 366 * 24h, "r")) == "TOKEN_LIFETIME_INVALID");
}

TEST_CASE("making and revoking tokens is audited without the secret", "[security][tokens]") {
  SecurityFixture fx;
  const auto made = Must(fx.tokens.Create(fx.admin, "ci", {"admin"}, 3600s, "request-1"));
  Must(fx.tokens.Revoke(fx.admin, made.record.id, "request-2"));
  const auto rows = fx.Audit();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].action == "Access.CreateToken");
  CHECK(rows[0].request_id == "request-1");
  CHECK(rows[1].action == "Access.DeleteToken");
  CHECK(rows[1].detail_json == R"({"name":"ci"})");
  CHECK(rows[0].hash_hex != rows[1].hash_hex);
  for (const auto& row : rows) CHECK(row.detail_json.find(made.record.secret_hash_hex) == std::string::npos);
}
