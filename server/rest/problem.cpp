#include "server/rest/problem.h"

#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "server/rest/transcode.h"
#include "server/services/remediation.h"

namespace meshplay::rest {

namespace {

/// Reasons whose status is not the default of their code.
const std::map<std::string_view, int>& StatusByReason() {
  static const std::map<std::string_view, int> table = {
      {"STORAGE_FULL", 507},
      {"ETAG_REQUIRED", 428},
      {"ETAG_STALE", 412},
      {"IDEMPOTENCY_KEY_REUSED", 422},
      {"IDEMPOTENCY_IN_PROGRESS", 409},
      {"QUEUE_FULL", 429},
      {"BODY_TOO_LARGE", 413},
      {"JSON_TOO_LARGE", 413},
      {"DOCUMENT_TOO_LARGE", 413},
      {"MEDIA_TYPE_UNSUPPORTED", 415},
      {"OVERLOADED", 503},
      {"PARAMETERS_TOO_LARGE", 413},
  };
  return table;
}

int StatusOfCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCancelled:
      return 499;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
      return 400;
    case ErrorCode::kDeadlineExceeded:
      return 504;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kAborted:
    case ErrorCode::kFailedPrecondition:
      return 409;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kResourceExhausted:
      return 429;
    case ErrorCode::kUnimplemented:
      return 501;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kUnknown:
    case ErrorCode::kInternal:
    case ErrorCode::kDataLoss:
      return 500;
  }
  return 500;
}

Response Finish(int status, nlohmann::ordered_json body) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = DumpDocument(body);
  return response;
}

}  // namespace

const char* StatusTitle(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 507:
      return "Insufficient Storage";
    default:
      return "Internal Server Error";
  }
}

int HttpStatusOf(const Error& error) {
  const auto found = StatusByReason().find(error.reason());
  return found != StatusByReason().end() ? found->second : StatusOfCode(error.code());
}

Response ProblemResponse(const Error& error, const std::string& instance, const std::string& request_id) {
  const int status = HttpStatusOf(error);
  nlohmann::ordered_json body = {{"type", "urn:meshplay:error:" + error.reason()},
                                 {"title", StatusTitle(status)},
                                 {"status", status},
                                 {"detail", error.message()},
                                 {"instance", instance},
                                 {"reason", error.reason()},
                                 {"code", ErrorCodeName(error.code())},
                                 {"metadata", nlohmann::json(error.metadata())}};
  auto& violations = body["violations"] = nlohmann::ordered_json::array();
  for (const Violation& violation : error.violations()) {
    violations.push_back({{"pointer", violation.pointer}, {"detail", violation.detail}});
  }
  body["remediation"] = services::RemediationOf(error);
  body["request_id"] = request_id;
  if (error.retry_after()) body["retry_after_ms"] = error.retry_after()->count();
  Response response = Finish(status, std::move(body));
  if (error.retry_after()) {
    response.headers.emplace("Retry-After", std::to_string((error.retry_after()->count() + 999) / 1000));
  } else if (status == 503) {
    response.headers.emplace("Retry-After", "1");
  }
  response.headers.emplace("X-Request-Id", request_id);
  if (status == 401) response.headers.emplace("WWW-Authenticate", "Bearer realm=\"meshplay\"");
  return response;
}

Response HttpProblem(int status, const std::string& reason, const std::string& detail, const std::string& instance,
                     const std::string& request_id) {
  Response response = Finish(status, {{"type", "urn:meshplay:error:" + reason},
                                      {"title", StatusTitle(status)},
                                      {"status", status},
                                      {"detail", detail},
                                      {"instance", instance},
                                      {"reason", reason},
                                      {"code", status == 404   ? "NOT_FOUND"
                                               : status >= 500 ? "UNAVAILABLE"
                                                               : "INVALID_ARGUMENT"},
                                      {"metadata", nlohmann::ordered_json::object()},
                                      {"violations", nlohmann::ordered_json::array()},
                                      {"remediation", services::RemediationOf(reason)},
                                      {"request_id", request_id}});
  if (!request_id.empty()) response.headers.emplace("X-Request-Id", request_id);
  if (status == 503) response.headers.emplace("Retry-After", "1");
  return response;
}

}  // namespace meshplay::rest
