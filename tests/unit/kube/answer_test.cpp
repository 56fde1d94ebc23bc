#include "adapters/kube/internal/answer.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace meshplay::kube;
using meshplay::Error;
using meshplay::ErrorCode;
using meshplay::http::Response;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

Response Refusal(int status, const std::string& reason, const std::string& message, json details = json::object()) {
  const json body = {{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Failure"}, {"reason", reason},
                     {"code", status},   {"message", message}, {"details", details}};
  return {status, {{"Content-Type", "application/json"}}, body.dump()};
}

struct Row {
  Response answer;
  ErrorCode code;
  const char* reason;
};

}  // namespace

TEST_CASE("each refusal of an API server has one reason", "[kube]") {
  const json name = {{"name", "web"}, {"kind", "services"}};
  const std::vector<Row> rows = {
      {Refusal(401, "Unauthorized", "Unauthorized"), ErrorCode::kUnauthenticated, "TARGET_UNAUTHENTICATED"},
      {Refusal(403, "Forbidden",
               "configmaps is forbidden: User \"bob\" cannot list resource \"configmaps\" in API group \"\""),
       ErrorCode::kPermissionDenied, "TARGET_FORBIDDEN"},
      {Refusal(
           403, "Forbidden",
           "configmaps \"x\" is forbidden: unable to create new content in namespace y because it is being terminated",
           {{"causes", {{{"reason", "NamespaceTerminating"}}}}}),
       ErrorCode::kFailedPrecondition, "NAMESPACE_TERMINATING"},
      {Refusal(403, "Forbidden", "pods \"x\" is forbidden: exceeded quota: small, requested: pods=1"),
       ErrorCode::kFailedPrecondition, "QUOTA_EXCEEDED"},
      {Refusal(403, "Forbidden", "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\""),
       ErrorCode::kFailedPrecondition, "ADMISSION_DENIED"},
      {Refusal(400, "BadRequest", "admission webhook \"validation.istio.io\" denied the request: bad host"),
       ErrorCode::kFailedPrecondition, "ADMISSION_DENIED"},
      {Refusal(422, "Invalid", "ValidatingAdmissionPolicy 'limits' with binding 'b' denied request: too many"),
       ErrorCode::kFailedPrecondition, "ADMISSION_DENIED"},
      {Refusal(404, "NotFound", "services \"web\" not found", name), ErrorCode::kNotFound, "OBJECT_NOT_FOUND"},
      {Refusal(404, "NotFound", "the server could not find the requested resource"), ErrorCode::kNotFound,
       "KIND_UNKNOWN"},
      {{404, {}, "404 page not found"}, ErrorCode::kNotFound, "KIND_UNKNOWN"},
      {Refusal(409, "AlreadyExists", "services \"web\" already exists", name), ErrorCode::kAlreadyExists,
       "OBJECT_EXISTS"},
      {Refusal(409, "Conflict", "the object has been modified", name), ErrorCode::kAborted, "OBJECT_CONFLICT"},
      {Refusal(410, "Expired", "The provided continue parameter is too old"), ErrorCode::kOutOfRange,
       "RESOURCE_VERSION_EXPIRED"},
      {Refusal(422, "Invalid", "Service \"web\" is invalid",
               {{"causes", {{{"field", "spec.ports[0].port"}, {"message", "must be between 1 and 65535"}}}}}),
       ErrorCode::kInvalidArgument, "OBJECT_INVALID"},
      {Refusal(422, "Invalid", "Service \"W\" is invalid",
               {{"causes", {{{"field", "metadata.name"}, {"message", "must be lower case"}}}}}),
       ErrorCode::kInvalidArgument, "OBJECT_NAME_INVALID"},
      {Refusal(400, "BadRequest", "strict decoding error: unknown field \"spec.foo\""), ErrorCode::kInvalidArgument,
       "OBJECT_INVALID"},
      {Refusal(500, "", "failed to create typed patch object (x; /v1, Kind=ConfigMap): .foo: field not declared"),
       ErrorCode::kInvalidArgument, "OBJECT_INVALID"},
      {Refusal(429, "TooManyRequests", "slow down"), ErrorCode::kResourceExhausted, "TARGET_THROTTLED"},
      {Refusal(500, "InternalError", "failed calling webhook \"inject.istio.io\": no endpoints"),
       ErrorCode::kUnavailable, "TARGET_SERVER_ERROR"},
      {Refusal(503, "ServiceUnavailable", "apiserver is shutting down"), ErrorCode::kUnavailable,
       "TARGET_SERVER_ERROR"},
      {Refusal(504, "Timeout", "request did not complete in time"), ErrorCode::kDeadlineExceeded, "TARGET_TIMEOUT"},
      {{302, {}, ""}, ErrorCode::kInternal, "TARGET_ANSWER_INVALID"},
  };
  for (const Row& row : rows) {
    const Error error = ErrorOfAnswer(row.answer);
    INFO(row.answer.status << " " << row.answer.body);
    CHECK(error.code() == row.code);
    CHECK(error.reason() == row.reason);
    CHECK(error.metadata().at("http_status") == std::to_string(row.answer.status));
  }
}

TEST_CASE("a field conflict names managers and fields", "[kube]") {
  const Error error = ErrorOfAnswer(Refusal(
      409, "Conflict", "Apply failed with 2 conflicts",
      {{"causes",
        {{{"reason", "FieldManagerConflict"}, {"message", "conflict with \"helm\" using v1"}, {"field", ".data.a"}},
         {{"reason", "FieldManagerConflict"}, {"message", "conflict with \"kubectl\""}, {"field", ".data.b"}}}}}));
  CHECK(error.reason() == "FIELD_CONFLICT");
  CHECK(error.metadata().at("managers") == "helm, kubectl");
  CHECK(error.metadata().at("fields") == ".data.a, .data.b");
}

TEST_CASE("causes become violations with pointers", "[kube]") {
  const Error error = ErrorOfAnswer(
      Refusal(422, "Invalid", "x", {{"causes", {{{"field", "spec.ports[0].port"}, {"message", "bad"}}}}}));
  REQUIRE(error.violations().size() == 1);
  CHECK(error.violations()[0].pointer == "/spec/ports/0/port");
  CHECK(error.violations()[0].detail == "bad");
}

TEST_CASE("the server's text is kept apart, bounded and on one line", "[kube]") {
  const Error error = ErrorOfAnswer(Refusal(400, "BadRequest", "line\nbreak " + std::string(5'000, 'x')));
  CHECK(error.message().find("xxx") == std::string::npos);
  CHECK(error.metadata().at("server_message").size() < 1'100);
  CHECK(error.metadata().at("server_message").find('\n') == std::string::npos);
}

TEST_CASE("answers that are no usable JSON are refused", "[kube]") {
  CHECK_FALSE(ParseAnswer(""));
  CHECK_FALSE(ParseAnswer("{"));
  CHECK_FALSE(ParseAnswer(std::string(100'000, '[')));
  CHECK(ParseAnswer(R"({"a":"[[[[ \" {{{{"})"));
}

TEST_CASE("Retry-After comes from the header or the details", "[kube]") {
  Response answer = Refusal(429, "TooManyRequests", "x", {{"retryAfterSeconds", 7}});
  CHECK(RetryAfterOf(answer) == 7s);
  answer.headers.push_back({"retry-after", "3"});
  CHECK(RetryAfterOf(answer) == 3s);
  CHECK_FALSE(RetryAfterOf({429, {{"Retry-After", "Tue, 24 Nov 2026 18:00:00 GMT"}}, ""}));
}

TEST_CASE("only what is safe is sent again", "[kube]") {
  const auto unreachable = meshplay::Unavailable("HTTP_UNREACHABLE", "x");
  const auto lost = meshplay::Unavailable("HTTP_CONNECTION_LOST", "x");
  const auto untrusted = meshplay::Unavailable("TLS_PEER_UNTRUSTED", "x");
  CHECK(AdviseRetry(unreachable, false).retry);
  CHECK(AdviseRetry(lost, true).retry);
  CHECK_FALSE(AdviseRetry(lost, false).retry);
  CHECK_FALSE(AdviseRetry(untrusted, true).retry);
  CHECK_FALSE(AdviseRetry(Error(ErrorCode::kCancelled, "CANCELLED", "x"), true).retry);

  CHECK(AdviseRetry(Refusal(429, "", ""), false).retry);
  CHECK(AdviseRetry(Refusal(503, "", "etcd is away"), true).retry);
  CHECK_FALSE(AdviseRetry(Refusal(503, "", "etcd is away"), false).retry);
  CHECK(AdviseRetry(Refusal(500, "", "failed calling webhook \"x\": refused"), false).retry);
  CHECK_FALSE(AdviseRetry(Refusal(500, "", "failed to create typed patch object (x)"), true).retry);
  CHECK_FALSE(AdviseRetry(Refusal(409, "Conflict", ""), true).retry);
  CHECK_FALSE(AdviseRetry(Response{200, {}, "{}"}, true).retry);
  CHECK_FALSE(AdviseRetry(Response{501, {}, ""}, true).retry);
}

TEST_CASE("pauses double up to the cap and keep their jitter", "[kube]") {
  CHECK(BackoffPause(200ms, 5s, 1, 0.999) == 199ms);
  CHECK(BackoffPause(200ms, 5s, 1, 0.0) == 100ms);
  CHECK(BackoffPause(200ms, 5s, 3, 0.0) == 400ms);
  CHECK(BackoffPause(200ms, 5s, 60, 0.0) == 2'500ms);
}
