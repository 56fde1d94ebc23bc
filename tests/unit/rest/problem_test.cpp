#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "server/rest/problem.h"

using namespace meshplay;
using namespace meshplay::rest;

TEST_CASE("every error code has its HTTP status") {
  const std::map<ErrorCode, int> table = {
      {ErrorCode::kCancelled, 499},        {ErrorCode::kUnknown, 500},           {ErrorCode::kInvalidArgument, 400},
      {ErrorCode::kDeadlineExceeded, 504}, {ErrorCode::kNotFound, 404},          {ErrorCode::kAlreadyExists, 409},
      {ErrorCode::kPermissionDenied, 403}, {ErrorCode::kResourceExhausted, 429}, {ErrorCode::kFailedPrecondition, 409},
      {ErrorCode::kAborted, 409},          {ErrorCode::kOutOfRange, 400},        {ErrorCode::kUnimplemented, 501},
      {ErrorCode::kInternal, 500},         {ErrorCode::kUnavailable, 503},       {ErrorCode::kDataLoss, 500},
      {ErrorCode::kUnauthenticated, 401}};
  CHECK(table.size() == 16);
  for (const auto& [code, status] : table) {
    CAPTURE(ErrorCodeName(code));
    CHECK(HttpStatusOf(Error(code, "SOME_REASON", "m")) == status);
  }
}

TEST_CASE("some reasons have a status of their own") {
  const std::map<std::string, int> table = {{"STORAGE_FULL", 507},
                                            {"ETAG_REQUIRED", 428},
                                            {"ETAG_STALE", 412},
                                            {"IDEMPOTENCY_KEY_REUSED", 422},
                                            {"IDEMPOTENCY_IN_PROGRESS", 409},
                                            {"BODY_TOO_LARGE", 413},
                                            {"JSON_TOO_LARGE", 413},
                                            {"MEDIA_TYPE_UNSUPPORTED", 415},
                                            {"OVERLOADED", 503},
                                            {"QUEUE_FULL", 429}};
  for (const auto& [reason, status] : table) {
    CAPTURE(reason);
    CHECK(HttpStatusOf(InvalidArgument(reason, "m")) == status);
    CHECK(std::string(StatusTitle(status)) != "");
  }
}

TEST_CASE("a problem document says everything a program and a person need") {
  const Error error = InvalidArgument("FIELD_INVALID", "no")
                          .WithViolation("/a", "bad")
                          .WithMetadata("k", "v")
                          .WithRetryAfter(std::chrono::milliseconds(1'500));
  const Response response = ProblemResponse(error, "/v1/x", "r-1");
  CHECK(response.status == 400);
  CHECK(response.content_type == "application/problem+json");
  CHECK(response.headers.find("Retry-After")->second == "2");
  CHECK(response.headers.find("X-Request-Id")->second == "r-1");
  const auto body = nlohmann::json::parse(response.body);
  const nlohmann::json expected = {{"type", "urn:meshplay:error:FIELD_INVALID"},
                                   {"title", "Bad Request"},
                                   {"status", 400},
                                   {"detail", "no"},
                                   {"instance", "/v1/x"},
                                   {"reason", "FIELD_INVALID"},
                                   {"code", "INVALID_ARGUMENT"},
                                   {"metadata", {{"k", "v"}}},
                                   {"violations", {{{"pointer", "/a"}, {"detail", "bad"}}}},
                                   {"remediation", "Correct the field."},  // from the table of reasons
                                   {"request_id", "r-1"},
                                   {"retry_after_ms", 1'500}};
  CHECK(body == expected);
}

TEST_CASE("an error's own remediation wins over the table's") {
  const auto body =
      nlohmann::json::parse(ProblemResponse(NotFound("MESH_UNKNOWN", "m").WithRemediation("Mine."), "", "").body);
  CHECK(body["remediation"] == "Mine.");
}

TEST_CASE("who is not known is told how to authenticate, and an outage says when to come back") {
  const Response unknown = ProblemResponse(Error(ErrorCode::kUnauthenticated, "TOKEN_MISSING", "m"), "", "");
  CHECK(unknown.headers.find("WWW-Authenticate")->second == "Bearer realm=\"meshplay\"");
  CHECK(ProblemResponse(Unavailable("STORE_BUSY", "m"), "", "").headers.count("Retry-After") == 1);
  CHECK(HttpProblem(503, "OVERLOADED", "m", "", "r").headers.count("Retry-After") == 1);
}

TEST_CASE("every problem that only the door knows has a remediation") {
  for (const char* reason :
       {"ROUTE_UNKNOWN", "METHOD_NOT_ALLOWED", "URL_INVALID", "URL_TOO_LONG", "BODY_TOO_LARGE", "HEADERS_TOO_LARGE",
        "HTTP_INVALID", "OVERLOADED", "BODY_UNEXPECTED", "MEDIA_TYPE_UNSUPPORTED", "REQUEST_INVALID"}) {
    CAPTURE(reason);
    CHECK(nlohmann::json::parse(HttpProblem(400, reason, "d", "", "r").body)["remediation"] != "");
  }
}
