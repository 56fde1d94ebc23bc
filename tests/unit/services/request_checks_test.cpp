#include "server/services/internal/request_checks.h"

#include "tests/unit/services/fixture.h"

using meshplay::services::CheckRequest;
using meshplay::services::IsUtf8;
using meshplay::testing::PointersOf;
using meshplay::testing::ReasonOf;
using meshplay::testing::ServicesFixture;
namespace v1 = meshplay::v1;
using Pointers = std::vector<std::string>;

TEST_CASE("every fault of a request is named with its pointer", "[services][checks]") {
  v1::CreateOperationRequest request;
  CHECK(PointersOf(CheckRequest(request)) == Pointers{"/type", "/target"});
  CHECK(ReasonOf(CheckRequest(request)) == "FIELD_REQUIRED");
  request = ServicesFixture::Install();
  CHECK(ReasonOf(CheckRequest(request)) == "OK");
  request.mutable_target()->clear_cluster();
  request.set_type(std::string(257, 't'));
  request.set_reason("\xff");
  request.set_parameters_json("{]");
  CHECK(PointersOf(CheckRequest(request)) == Pointers{"/type", "/target/cluster", "/parameters", "/reason"});
}

TEST_CASE("lengths are limits to the byte", "[services][checks]") {
  v1::CreateOperationRequest request = ServicesFixture::Install();
  request.set_type(std::string(256, 't'));
  request.set_reason(std::string(4096, 'r'));
  CHECK(ReasonOf(CheckRequest(request)) == "OK");
  request.set_reason(std::string(4097, 'r'));
  CHECK(ReasonOf(CheckRequest(request)) == "FIELD_TOO_LONG");
}

TEST_CASE("maps and lists are bounded", "[services][checks]") {
  v1::CreateSecretRequest secret;
  secret.set_name("s");
  (*secret.mutable_data())["k"] = std::string(65'535, 'v');
  CHECK(ReasonOf(CheckRequest(secret)) == "OK");
  (*secret.mutable_data())["k"] += "v";
  CHECK(ReasonOf(CheckRequest(secret)) == "FIELD_TOO_LONG");
  secret.clear_data();
  CHECK(PointersOf(CheckRequest(secret)) == Pointers{"/data"});
  for (int i = 0; i < 65; ++i) (*secret.mutable_data())["k" + std::to_string(i)] = "v";
  CHECK(ReasonOf(CheckRequest(secret)) == "FIELD_TOO_LONG");

  v1::CreateTokenRequest token;
  token.set_name("t");
  for (int i = 0; i < 1001; ++i) token.add_roles("viewer");
  CHECK(ReasonOf(CheckRequest(token)) == "FIELD_TOO_LONG");
  token.clear_roles();
  token.add_roles(std::string(257, 'r'));
  CHECK(PointersOf(CheckRequest(token)) == Pointers{"/roles/0"});
}

TEST_CASE("UTF-8 is told from what only looks like it", "[services][checks]") {
  for (const std::string& good :
       {std::string(), std::string("plain"), std::string("\xc3\xa9"), std::string("\xe2\x82\xac"),
        std::string("\xf0\x9f\x98\x80"), std::string("\0", 1), std::string("\xf4\x8f\xbf\xbf")}) {
    CHECK(IsUtf8(good));
  }
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff", "\xe2\x82"}) {
    CHECK_FALSE(IsUtf8(bad));
  }
}
