#include "adapters/kube/internal/answer.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "adapters/kube/object.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr int kMaxDepth = 256;
constexpr std::size_t kMaxShownBytes = 1024;
constexpr std::size_t kMaxCauses = 100;

bool TooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// The text between `before` and the next `end`; empty when it is not there.
std::string Between(const std::string& text, std::string_view before, char end) {
  const auto begin = text.find(before);
  if (begin == std::string::npos) return {};
  const auto from = begin + before.size();
  const auto to = text.find(end, from);
  return to == std::string::npos ? std::string() : text.substr(from, to - from);
}

// Bounded and on one line, cut at a character boundary.
std::string Shown(std::string text) {
  if (text.size() > kMaxShownBytes) {
    std::size_t end = kMaxShownBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text.resize(end);
    text += "...";
  }
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

// ".spec.ports[name="http"].port" and "spec.ports[0]" become JSON pointers as far as that is possible.
std::string PointerOf(const std::string& field) {
  std::string pointer;
  bool fresh = true;
  for (const char c : field) {
    if (c == '.' || c == '[') {
      fresh = true;
    } else if (c != ']') {
      if (fresh) pointer += '/';
      fresh = false;
      if (c == '~') {
        pointer += "~0";
      } else if (c == '/') {
        pointer += "~1";
      } else {
        pointer += c;
      }
    }
  }
  return pointer;
}

const json& CausesOf(const json& status) {
  return ValueAt(status, "/details/causes");
}

bool HasCause(const json& status, std::string_view reason) {
  const json& causes = CausesOf(status);
  return causes.is_array() &&
         std::any_of(causes.begin(), causes.end(), [&](const json& c) { return TextAt(c, "/reason") == reason; });
}

Error WithCauses(Error error, const json& status) {
  const json& causes = CausesOf(status);
  if (!causes.is_array()) return error;
  for (std::size_t i = 0; i < causes.size() && i < kMaxCauses; ++i) {
    error =
        std::move(error).WithViolation(PointerOf(TextAt(causes[i], "/field")), Shown(TextAt(causes[i], "/message")));
  }
  return error;
}

std::string Joined(const std::set<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

Error FieldConflict(const json& status) {
  std::set<std::string> managers;
  std::set<std::string> fields;
  for (const json& cause : CausesOf(status)) {
    if (fields.size() >= kMaxCauses) break;
    const std::string manager = Between(TextAt(cause, "/message"), "conflict with \"", '"');
    if (!manager.empty()) managers.insert(Shown(manager));
    fields.insert(Shown(TextAt(cause, "/field")));
  }
  return Aborted("FIELD_CONFLICT", "other field managers own fields of the object")
      .WithMetadata("managers", Joined(managers))
      .WithMetadata("fields", Joined(fields))
      .WithRemediation("Let the other manager give the fields up, or apply with force.");
}

Error Forbidden(const json& status, const std::string& message) {
  if (HasCause(status, "NamespaceTerminating")) {
    return FailedPrecondition("NAMESPACE_TERMINATING", "the namespace is being deleted")
        .WithRemediation("Wait until the namespace is gone, then try again.");
  }
  if (Has(message, "exceeded quota")) return FailedPrecondition("QUOTA_EXCEEDED", "a resource quota does not allow it");
  // RBAC says: User "x" cannot verb resource ... ; everything else that forbids is an admission plugin.
  if (Has(message, "is forbidden: ") && !Has(message, "User \"")) {
    return FailedPrecondition("ADMISSION_DENIED", "an admission plugin of the API server refused the object");
  }
  return Error(ErrorCode::kPermissionDenied, "TARGET_FORBIDDEN", "the API server does not allow this to our identity");
}

Error NotFoundError(const json& status) {
  const std::string name = TextAt(status, "/details/name");
  if (name.empty()) return NotFound("KIND_UNKNOWN", "the API server does not serve this kind or path");
  return NotFound("OBJECT_NOT_FOUND", "the object does not exist")
      .WithMetadata("kind", Shown(TextAt(status, "/details/kind")))
      .WithMetadata("name", Shown(name));
}

Error Conflict(const json& status, const std::string& reason) {
  if (HasCause(status, "FieldManagerConflict")) return FieldConflict(status);
  if (reason == "AlreadyExists") return Error(ErrorCode::kAlreadyExists, "OBJECT_EXISTS", "the object exists already");
  return Aborted("OBJECT_CONFLICT", "the object is not in the state that was asked for any more");
}

Error Unprocessable(const json& status) {
  bool name_only = false;
  for (const json& cause : CausesOf(status)) {
    name_only = TextAt(cause, "/field") == "metadata.name";
    if (!name_only) break;
  }
  return WithCauses(
      InvalidArgument(name_only ? "OBJECT_NAME_INVALID" : "OBJECT_INVALID", "the API server found the object invalid"),
      status);
}

bool IsTypedPatchFailure(const std::string& message) {
  return Has(message, "failed to create typed patch object");
}

// The server asked a webhook before it stored anything and got no answer.
std::string UnansweredWebhook(const std::string& message) {
  return Between(message, "failed calling webhook \"", '"');
}

Error ServerError(int http_status, const std::string& message) {
  if (IsTypedPatchFailure(message)) {
    return InvalidArgument("OBJECT_INVALID", "the object has a field that its kind does not know, or a wrong type");
  }
  if (http_status == 504) {
    return Error(ErrorCode::kDeadlineExceeded, "TARGET_TIMEOUT", "the API server ran out of time")
        .WithMetadata("request_sent", "yes");
  }
  Error error = Unavailable("TARGET_SERVER_ERROR", "the API server failed with HTTP " + std::to_string(http_status));
  const std::string webhook = UnansweredWebhook(message);
  if (!webhook.empty()) error = std::move(error).WithMetadata("webhook", Shown(webhook));
  return error;
}

Error Classify(int http_status, const json& status, const std::string& message) {
  const std::string webhook = Between(message, "admission webhook \"", '"');
  if (!webhook.empty() && Has(message, "denied the request")) {
    return FailedPrecondition("ADMISSION_DENIED", "an admission webhook refused the object")
        .WithMetadata("webhook", Shown(webhook));
  }
  if (Has(message, "ValidatingAdmissionPolicy '") && Has(message, "denied request")) {
    return FailedPrecondition("ADMISSION_DENIED", "an admission policy refused the object")
        .WithMetadata("policy", Shown(Between(message, "ValidatingAdmissionPolicy '", '\'')));
  }
  switch (http_status) {
    case 401:
      return Error(ErrorCode::kUnauthenticated, "TARGET_UNAUTHENTICATED", "the API server does not know our identity")
          .WithRemediation("Renew the credentials in the kubeconfig.");
    case 403:
      return Forbidden(status, message);
    case 404:
      return NotFoundError(status);
    case 409:
      return Conflict(status, TextAt(status, "/reason"));
    case 410:
      return Error(ErrorCode::kOutOfRange, "RESOURCE_VERSION_EXPIRED", "the resource version or page is too old");
    case 422:
      return Unprocessable(status);
    case 400:
    case 405:
    case 413:
    case 415:
      return WithCauses(InvalidArgument("OBJECT_INVALID", "the API server refused the request as malformed"), status);
    case 429:
      return Error(ErrorCode::kResourceExhausted, "TARGET_THROTTLED", "the API server asks for fewer requests");
    default:
      break;
  }
  if (http_status >= 500) return ServerError(http_status, message);
  return Internal("TARGET_ANSWER_INVALID",
                  "the API server answered with the unexpected HTTP status " + std::to_string(http_status));
}

json StatusOf(const http::Response& response) {
  auto parsed = ParseAnswer(response.body);
  if (!parsed || TextAt(*parsed, "/kind") != "Status") return json();
  return std::move(*parsed);
}

}  // namespace

Result<json> ParseAnswer(std::string_view text) {
  if (!TooDeep(text)) {
    json value = json::parse(text.begin(), text.end(), nullptr, false);
    if (!value.is_discarded()) return value;
  }
  return Internal("TARGET_ANSWER_INVALID", "the answer of the API server is no usable JSON");
}

Error ErrorOfStatus(int http_status, const json& status, std::optional<milliseconds> retry_after) {
  const std::string message = TextAt(status, "/message");
  Error error = Classify(http_status, status, message).WithMetadata("http_status", std::to_string(http_status));
  if (!message.empty()) error = std::move(error).WithMetadata("server_message", Shown(message));
  if (retry_after) error = std::move(error).WithRetryAfter(*retry_after);
  return error;
}

Error ErrorOfAnswer(const http::Response& response) {
  return ErrorOfStatus(response.status, StatusOf(response), RetryAfterOf(response));
}

Error ErrorOfTransport(const Error& error) {
  const auto sent = error.metadata().find("request_sent");
  const std::string request_sent = sent == error.metadata().end() ? "no" : sent->second;
  const auto renamed = [&](ErrorCode code, const char* reason) {
    return Error(code, reason, error.message())
        .WithMetadata("request_sent", request_sent)
        .WithMetadata("cause", error.reason());
  };
  switch (error.code()) {
    case ErrorCode::kUnavailable:
      return renamed(ErrorCode::kUnavailable, "TARGET_UNREACHABLE");
    case ErrorCode::kDeadlineExceeded:
      return renamed(ErrorCode::kDeadlineExceeded, "TARGET_TIMEOUT");
    case ErrorCode::kResourceExhausted:
      return renamed(ErrorCode::kResourceExhausted, "TARGET_ANSWER_TOO_LARGE");
    case ErrorCode::kInternal:
      return renamed(ErrorCode::kInternal, "TARGET_ANSWER_INVALID");
    default:
      return error;
  }
}

std::optional<milliseconds> RetryAfterOf(const http::Response& response) {
  const std::string_view text = response.HeaderValue("Retry-After");
  unsigned seconds = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (ec == std::errc() && end == text.data() + text.size() && !text.empty()) return std::chrono::seconds(seconds);
  if (response.status < 400) return std::nullopt;
  const long long detail = NumberAt(StatusOf(response), "/details/retryAfterSeconds");
  if (detail > 0 && detail < 86'400) return std::chrono::seconds(detail);
  return std::nullopt;
}

RetryAdvice AdviseRetry(const Result<http::Response>& answer, bool repeatable) {
  if (!answer) {
    const std::string& reason = answer.error().reason();
    return {reason == "HTTP_UNREACHABLE" || (reason == "HTTP_CONNECTION_LOST" && repeatable)};
  }
  if (answer->status == 429) return {true, RetryAfterOf(*answer)};
  const bool passing = answer->status == 500 || (answer->status >= 502 && answer->status <= 504);
  if (!passing) return {};
  const std::string message = TextAt(StatusOf(*answer), "/message");
  if (IsTypedPatchFailure(message) || Has(message, "denied the request")) return {};
  return {repeatable || !UnansweredWebhook(message).empty(), RetryAfterOf(*answer)};
}

milliseconds BackoffPause(milliseconds base, milliseconds cap, int attempt, double random) {
  milliseconds pause = std::min(base, cap);
  for (int i = 1; i < attempt && pause < cap; ++i) pause = std::min(cap, pause * 2);
  return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(pause.count()) * (0.5 + random / 2)));
}

}  // namespace meshplay::kube
