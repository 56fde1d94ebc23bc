#include "server/rest/router.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/services/fixture.h"

using namespace meshplay;
using meshplay::rest::Request;
using meshplay::rest::Response;
using meshplay::testing::Must;

namespace {

struct RouterFixture : testing::ServicesFixture {
  rest::Router router{api, "{\"openapi\":\"3.1.0\"}", [] {
                        return std::vector<services::Api::Gauge>{{"meshplay_hub_sessions", "h", "", "", 3}};
                      }};
  std::string admin = Must(tokens.EnsureFirstToken())->Reveal();

  Response Send(const std::string& method, const std::string& target, const std::string& body = "",
                std::map<std::string, std::string> headers = {}) {
    Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    request.headers = {{"authorization", "Bearer " + admin}, {"content-type", "application/json"}};
    for (const auto& [name, value] : headers) request.headers[name] = value;
    return router.Handle(request);
  }
};

std::string HeaderOf(const Response& response, const std::string& name) {
  const auto found = response.headers.find(name);
  return found == response.headers.end() ? "" : found->second;
}

std::string ReasonIn(const Response& response) {
  return nlohmann::json::parse(response.body).value("reason", "");
}

std::string PointersIn(const Response& response) {
  std::string text;
  const auto body = nlohmann::json::parse(response.body);
  for (const auto& violation : body["violations"]) {
    text += violation["pointer"].get<std::string>() + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("a path that nothing serves is 404, a path with another method 405 with Allow") {
  RouterFixture fx;
  for (const char* target : {"/", "/v1", "/v1/nothing", "/v1/clusters/", "/v1/clusters/a/b/c", "/v1//clusters",
                             "/v1/operations/x:explode", "/v1/clusters:plan"}) {
    CAPTURE(target);
    const Response response = fx.Send("GET", target);
    CHECK(response.status == 404);
    CHECK(ReasonIn(response) == "ROUTE_UNKNOWN");
  }
  const Response wrong = fx.Send("PUT", "/v1/operations");
  CHECK(wrong.status == 405);
  CHECK(ReasonIn(wrong) == "METHOD_NOT_ALLOWED");
  CHECK(HeaderOf(wrong, "Allow").find("GET, HEAD") != std::string::npos);
  CHECK(HeaderOf(wrong, "Allow").find("POST") != std::string::npos);
  CHECK(HeaderOf(fx.Send("POST", "/healthz"), "Allow") == "GET, HEAD");
  CHECK(fx.Send("GET", "no-slash").status == 400);
}

TEST_CASE("custom verbs are routes of their own") {
  RouterFixture fx;
  CHECK(ReasonIn(fx.Send("POST", "/v1/operations/none:cancel", "{}")) == "OPERATION_UNKNOWN");
  CHECK(ReasonIn(fx.Send("POST", "/v1/operations/none%3Acancel", "{}")) == "OPERATION_UNKNOWN");
  CHECK(fx.Send("GET", "/v1/operations/none:cancel").status == 405);
  CHECK(ReasonIn(fx.Send("POST", "/v1/operations:plan", "{}")) == "FIELD_REQUIRED");
}

TEST_CASE("a body needs a media type that is served, and a method without body takes none") {
  RouterFixture fx;
  const Response yaml = fx.Send("POST", "/v1/tokens", "name: x", {{"content-type", "application/yaml"}});
  CHECK(yaml.status == 415);
  CHECK(ReasonIn(yaml) == "MEDIA_TYPE_UNSUPPORTED");
  CHECK(fx.Send("POST", "/v1/tokens", "{}", {{"content-type", "application/merge-patch+json"}}).status == 415);
  CHECK(fx.Send("POST", "/v1/tokens", "{}", {{"content-type", "Application/JSON; charset=utf-8"}}).status == 400);
  CHECK(ReasonIn(fx.Send("GET", "/v1/clusters", "{}")) == "BODY_UNEXPECTED");
  CHECK(ReasonIn(fx.Send("POST", "/v1/tokens", "{\"name\":")) == "JSON_INVALID");
  CHECK(ReasonIn(fx.Send("POST", "/v1/tokens", R"({"name":"a","name":"b"})")) == "JSON_DUPLICATE_KEY");
}

TEST_CASE("HEAD is GET without effect on the status") {
  RouterFixture fx;
  const Response head = fx.Send("HEAD", "/v1/clusters");
  CHECK(head.status == 200);
  CHECK(head.content_type == "application/json");
  CHECK_FALSE(head.body.empty());  // the connection leaves it out and keeps its length
  const Response stream = fx.Send("HEAD", "/v1/events", "", {{"accept", "text/event-stream"}});
  CHECK(stream.status == 200);
  CHECK(stream.stream == nullptr);
}

TEST_CASE("parameters must be known, of their type, given once, and in their place") {
  RouterFixture fx;
  CHECK(PointersIn(fx.Send("GET", "/v1/clusters?nope=1&page_size=x")) == "/nope /page_size ");
  CHECK(PointersIn(fx.Send("GET", "/v1/clusters?page_size=1&pageSize=2")) == "/pageSize ");
  CHECK(PointersIn(fx.Send("GET", "/v1/clusters/a?id=b")) == "/id ");
  CHECK(PointersIn(fx.Send("POST", "/v1/tokens?name=x", "{}")) == "/name ");
  CHECK(fx.Send("GET", "/v1/clusters?").status == 200);
  CHECK(ReasonIn(fx.Send("GET", "/v1/clusters?page_size=-1")) == "PAGE_SIZE_INVALID");
  CHECK(PointersIn(fx.Send("GET", "/v1/clusters?page_size=-1")) == "/page_size ");
  CHECK(ReasonIn(fx.Send("GET", "/v1/clusters/%FF")) == "FIELD_NOT_UTF8");
  CHECK(fx.Send("GET", "/v1/clusters/%zz").status == 400);
  CHECK(PointersIn(fx.Send("POST", "/v1/operations/a:cancel", R"({"id":"b"})")) == "/id ");
}

TEST_CASE("a stranger learns nothing about his body") {
  RouterFixture fx;
  CHECK(fx.Send("POST", "/v1/tokens", "{", {{"authorization", ""}}).status == 401);
  CHECK(ReasonIn(fx.Send("POST", "/v1/tokens", "{", {{"authorization", ""}})) == "TOKEN_MISSING");
  for (const char* header : {"Basic abc", "Bearer", "Bearer x", "mp_1_2_3"}) {
    CAPTURE(header);
    CHECK(ReasonIn(fx.Send("GET", "/v1/clusters", "", {{"authorization", header}})) == "TOKEN_INVALID");
  }
  CHECK(fx.Send("GET", "/version", "", {{"authorization", ""}}).status == 200);
}

TEST_CASE("the request id of the caller is told back when it is usable") {
  RouterFixture fx;
  CHECK(HeaderOf(fx.Send("GET", "/v1/clusters", "", {{"x-request-id", "abc-1"}}), "X-Request-Id") == "abc-1");
  const Response bad = fx.Send("GET", "/v1/clusters/x", "", {{"x-request-id", "a b"}});
  CHECK(HeaderOf(bad, "X-Request-Id") != "a b");
  CHECK(nlohmann::json::parse(bad.body)["request_id"] == HeaderOf(bad, "X-Request-Id"));
  CHECK(bad.headers.count("X-Request-Id") == 1);
  CHECK(HeaderOf(bad, "Cache-Control") == "no-store");
}

TEST_CASE("an operation is 202 with its Location, and a repeat with the same key says so") {
  RouterFixture fx;
  fx.Connect();
  const std::string body =
      R"({"type":"istio.install","target":{"cluster":"kind-dev"},"parameters":{"version":"1.30.3"}})";
  const Response first = fx.Send("POST", "/v1/operations", body, {{"idempotency-key", "k1"}});
  INFO(first.body);
  REQUIRE(first.status == 202);
  const auto operation = nlohmann::json::parse(first.body);
  CHECK(HeaderOf(first, "Location") == "/v1/operations/" + operation["id"].get<std::string>());
  CHECK(HeaderOf(first, "Idempotency-Replayed").empty());
  const Response again = fx.Send("POST", "/v1/operations", body, {{"idempotency-key", "k1"}});
  CHECK(again.status == 202);
  CHECK(HeaderOf(again, "Idempotency-Replayed") == "true");
  CHECK(nlohmann::json::parse(again.body)["id"] == operation["id"]);
  const Response other = fx.Send("POST", "/v1/operations:plan", body, {{"idempotency-key", "k1"}});
  CHECK(other.status == 422);
  CHECK(HeaderOf(fx.Send("POST", "/v1/tokens", R"({"name":"ci","roles":["viewer"]})"), "Location").empty());
}

TEST_CASE("a merge patch sets what it names, and null takes a label away") {
  RouterFixture fx;
  fx.Connect();
  const auto etag = [&fx] { return HeaderOf(fx.Send("GET", "/v1/clusters/kind-dev"), "ETag"); };
  const auto patch = [&](const std::string& body) {
    return fx.Send("PATCH", "/v1/clusters/kind-dev", body,
                   {{"if-match", etag()}, {"content-type", "application/merge-patch+json"}});
  };
  const auto labels = [](const Response& response) { return nlohmann::json::parse(response.body)["labels"].dump(); };
  CHECK(labels(patch(R"({"labels":{"a":"1","b":"2"},"displayName":"Dev"})")) == R"({"a":"1","b":"2"})");
  CHECK(labels(patch(R"({"labels":{"a":null,"app.kubernetes.io/x":"y"}})")) ==
        R"({"app.kubernetes.io/x":"y","b":"2"})");
  CHECK(labels(patch(R"({"labels":{}})")) == R"({"app.kubernetes.io/x":"y","b":"2"})");
  const Response cleared = patch(R"({"labels":null,"display_name":null})");
  CHECK(labels(cleared) == "{}");
  CHECK(nlohmann::json::parse(cleared.body)["display_name"] == "");
  CHECK(PointersIn(patch(R"({"labels":{"a":1}})")) == "/labels/a ");
  const Response read_only = patch(R"({"kubernetes_version":"v9"})");
  CHECK(ReasonIn(read_only) == "FIELD_READ_ONLY");
  CHECK(PointersIn(read_only) == "/kubernetes_version ");  // within the body, not the request message
  CHECK(fx.Send("PATCH", "/v1/clusters/kind-dev", R"({"group":"g"})").status == 428);
  CHECK(fx.Send("PATCH", "/v1/clusters/kind-dev", R"({"group":"g"})", {{"if-match", "\"0\""}}).status == 412);
}

TEST_CASE("the operational paths answer without a token") {
  RouterFixture fx;
  const std::map<std::string, std::string> nobody = {{"authorization", ""}};
  CHECK(fx.Send("GET", "/healthz", "", nobody).status == 200);
  CHECK(fx.Send("GET", "/readyz", "", nobody).status == 200);
  CHECK(fx.Send("GET", "/openapi.json", "", nobody).body == "{\"openapi\":\"3.1.0\"}");
  const Response metrics = fx.Send("GET", "/metrics", "", nobody);
  CHECK(metrics.body.find("meshplay_event_newest_seq ") != std::string::npos);
  CHECK(metrics.body.find("meshplay_hub_sessions 3") != std::string::npos);
  fx.api.BeginStop();
  const Response stopping = fx.Send("GET", "/readyz", "", nobody);
  CHECK(stopping.status == 503);
  CHECK(nlohmann::json::parse(stopping.body)["reasons"] == nlohmann::json{"stopping"});
}

TEST_CASE("health is answered without a worker, and only health") {
  Request request;
  request.method = "GET";
  request.target = "/healthz";
  Response response;
  CHECK(rest::Router::AnswerAtOnce(request, response));
  CHECK(response.status == 200);
  request.target = "/readyz";
  CHECK_FALSE(rest::Router::AnswerAtOnce(request, response));
}
