// What a careless or hostile client sends: its own reason and advice each, and nothing half-recorded.
#include <catch2/catch.hpp>

#include "server/rest/openapi.h"
#include "tests/e2e/doors/server.h"
#include "tests/unit/services/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;
using http::Method;
using Json = nlohmann::json;

namespace {

struct World {
  TemporaryDirectory folder = Must(TemporaryDirectory::Create("doors"));
  Seed seed = Seed::Plant(folder.path() + "/data");
  ServerProcess server{folder.path() + "/data"};
  const std::string& admin = seed.tokens["admin"];
  World() {
    const bool ready = server.WaitForPorts();
    INFO(server.log());
    REQUIRE(ready);
  }
  /// Everything that a request may have left behind.
  std::string Recorded() {
    const Json operations = Json::parse(server.Send(Method::kGet, "/v1/operations", admin).body);
    const Json events = Json::parse(server.Send(Method::kGet, "/v1/events?page_size=1000", admin).body);
    return operations["operations"].dump() + events["sync_token"].dump();
  }
};

constexpr const char* kInstall =
    R"({"type":"istio.install","target":{"cluster":"kind-dev"},"parameters":{"version":"1.30.3"}})";

}  // namespace

TEST_CASE("bad requests have a reason and advice each, and leave nothing behind") {
  World world;
  struct Case {
    Method method;
    std::string target;
    std::string body;
    std::vector<http::Header> headers;
    int status;
    std::string reason;
  };
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += "[";
  for (int i = 0; i < 70; ++i) deep += "]";
  const std::string create = "/v1/operations";
  const std::vector<Case> cases = {
      {Method::kPost, create, "{\"type\":", {}, 400, "JSON_INVALID"},
      {Method::kPost, create, "{'type':1}", {}, 400, "JSON_INVALID"},
      {Method::kPost, create, "{\"type\":\"a\xff\"}", {}, 400, "JSON_INVALID"},
      {Method::kPost, create, R"({"type":"a","type":"b"})", {}, 400, "JSON_DUPLICATE_KEY"},
      {Method::kPost, create, R"({"parameters":)" + deep + "}", {}, 400, "JSON_TOO_DEEP"},
      {Method::kPost, create, R"({"type":"a","nope":1})", {}, 400, "REQUEST_INVALID"},
      {Method::kPost, create, R"({"type":5})", {}, 400, "REQUEST_INVALID"},
      {Method::kPost, create, "[]", {}, 400, "REQUEST_INVALID"},
      {Method::kPost, create, "{}", {}, 400, "FIELD_REQUIRED"},
      {Method::kPost, create, kInstall, {{"Content-Type", "text/plain"}}, 415, "MEDIA_TYPE_UNSUPPORTED"},
      {Method::kPut, create, kInstall, {}, 405, "METHOD_NOT_ALLOWED"},
      {Method::kPost, create, std::string(1'100'000, ' '), {}, 413, "BODY_TOO_LARGE"},
      {Method::kGet, "/v1/clusters", "", {{"X-Long", std::string(20'000, 'a')}}, 431, "HEADERS_TOO_LARGE"},
      {Method::kGet, "/v1/clusters?filter=" + std::string(9'000, 'a'), "", {}, 414, "URL_TOO_LONG"},
      {Method::kGet, "/v1/clusters/%ff", "", {}, 400, "FIELD_NOT_UTF8"},
      {Method::kGet, "/v1/clusters?page_size=-1", "", {}, 400, "PAGE_SIZE_INVALID"},
      {Method::kGet, "/v1/clusters?page_token=abc", "", {}, 400, "PAGE_TOKEN_INVALID"},
      {Method::kGet, "/v1/clusters?filter=a%20AND%20b%20OR%20c", "", {}, 400, "FILTER_INVALID"},
      {Method::kGet, "/v1/nothing", "", {}, 404, "ROUTE_UNKNOWN"},
      {Method::kGet, "/v1/clusters/none", "", {}, 404, "CLUSTER_UNKNOWN"},
      {Method::kGet, "/v1/meshes/none", "", {}, 404, "MESH_UNKNOWN"},
      {Method::kGet, "/v1/events?since=rubbish", "", {}, 400, "SYNC_TOKEN_INVALID"},
      {Method::kPost,
       create,
       R"({"type":"istio.fly","target":{"cluster":"kind-dev"}})",
       {},
       0,
       "OPERATION_TYPE_UNKNOWN"},
      {Method::kPost,
       create,
       R"({"type":"istio.install","target":{"cluster":"none"},"parameters":{"version":"1"}})",
       {},
       404,
       "CLUSTER_UNKNOWN"},
      {Method::kPost,
       create,
       R"({"type":"istio.install","target":{"cluster":"kind-dev","mesh":"none"},"parameters":{"version":"1"}})",
       {},
       404,
       "MESH_UNKNOWN"},
      {Method::kPost,
       create,
       R"({"type":"istio.install","target":{"cluster":"kind-dev"},"parameters":{"version":5}})",
       {},
       400,
       "PARAMETERS_INVALID"},
      {Method::kPost, create, kInstall, {{"Idempotency-Key", std::string(129, 'k')}}, 400, "REQUEST_ID_INVALID"},
      {Method::kPatch, "/v1/clusters/kind-dev", R"({"group":"g"})", {}, 428, "ETAG_REQUIRED"},
      {Method::kPatch, "/v1/clusters/kind-dev", R"({"group":"g"})", {{"If-Match", "\"0\""}}, 412, "ETAG_STALE"},
      {Method::kPatch, "/v1/clusters/kind-dev", R"({"uid":"g"})", {{"If-Match", "*"}}, 400, "FIELD_READ_ONLY"},
      {Method::kDelete, "/v1/clusters/kind-dev", "", {}, 428, "ETAG_REQUIRED"},
      {Method::kGet, "/v1/clusters", "{}", {}, 400, "BODY_UNEXPECTED"},
  };
  const std::string before = world.Recorded();
  for (const Case& given : cases) {
    CAPTURE(given.target.substr(0, 60), given.body.substr(0, 80), given.reason);
    const auto response = world.server.Send(given.method, given.target, world.admin, given.body, given.headers);
    const Answer answer = AnswerOf(response);
    INFO(response.body);
    CHECK(answer.reason == given.reason);
    if (given.status != 0) CHECK(response.status == given.status);
    CHECK(response.status >= 400);
    CHECK_FALSE(answer.remediation.empty());
    CHECK_FALSE(response.HeaderValue("X-Request-Id").empty());
    CHECK(response.HeaderValue("Content-Type") == "application/problem+json");
  }
  CHECK(world.Recorded() == before);
}

TEST_CASE("bytes that are no protobuf are refused by every method") {
  World world;
  const std::string before = world.Recorded();
  for (const auto* method : rest::PublicMethods()) {
    if (method->server_streaming()) continue;
    CAPTURE(method->full_name());
    const Answer answer = world.server.GrpcBytes(*method,
                                                 "\x0a\xff\xff\xff\xff\x0f"
                                                 "abc",
                                                 world.admin);
    CHECK(answer.code == "INVALID_ARGUMENT");
    CHECK(answer.reason == "REQUEST_INVALID");
    CHECK_FALSE(answer.remediation.empty());
  }
  CHECK(world.Recorded() == before);
}

TEST_CASE("two creates with one key make one operation; other content under the key is refused") {
  World world;
  const auto create = [&](const std::string& body) {
    return world.server.Send(Method::kPost, "/v1/operations", world.admin, body, {{"Idempotency-Key", "k-1"}});
  };
  const auto first = create(kInstall);
  INFO(first.body);
  REQUIRE(first.status == 202);
  const std::string id = Json::parse(first.body)["id"];
  CHECK(first.HeaderValue("Location") == "/v1/operations/" + id);
  CHECK(first.HeaderValue("Idempotency-Replayed").empty());
  const std::string before = world.Recorded();
  const auto again = create(kInstall);
  CHECK(again.status == 202);
  CHECK(again.HeaderValue("Idempotency-Replayed") == "true");
  CHECK(Json::parse(again.body)["id"] == id);
  const auto other =
      create(R"({"type":"istio.install","target":{"cluster":"kind-dev"},"parameters":{"version":"1.30.4"}})");
  CHECK(other.status == 422);
  CHECK(AnswerOf(other).reason == "IDEMPOTENCY_KEY_REUSED");
  CHECK(world.Recorded() == before);
  CHECK(Json::parse(world.server.Send(Method::kGet, "/v1/operations", world.admin).body)["operations"].size() == 1);
}

TEST_CASE("a page token of another caller or another list is refused") {
  World world;
  for (int i = 0; i < 3; ++i) {
    const std::string name = "ci" + std::to_string(i);
    CHECK(world.server.Send(Method::kPost, "/v1/secrets", world.admin, R"({"name":")" + name + R"(","data":{"a":"b"}})")
              .status == 201);
  }
  const auto page = world.server.Send(Method::kGet, "/v1/secrets?page_size=1", world.admin);
  const std::string token = Json::parse(page.body)["next_page_token"];
  REQUIRE_FALSE(token.empty());
  CHECK(world.server.Send(Method::kGet, "/v1/secrets?page_size=1&page_token=" + token, world.admin).status == 200);
  CHECK(AnswerOf(world.server.Send(Method::kGet, "/v1/clusters?page_size=1&page_token=" + token, world.admin)).reason ==
        "PAGE_TOKEN_INVALID");
}
