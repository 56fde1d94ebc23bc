#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace meshplay {

/// google.rpc.Code, one to one (numbers included).
enum class ErrorCode {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

/// "NOT_FOUND" and so on; "UNKNOWN" for a value from outside the enum.
std::string_view ErrorCodeName(ErrorCode code);

/// One fault in the caller's input. `pointer` is an RFC 6901 JSON pointer ("" is the whole document).
struct Violation {
  std::string pointer;
  std::string detail;
  bool operator==(const Violation&) const = default;
};

/// Why something failed. `reason` is for programs: stable, UPPER_SNAKE and a row of docs/errors.md. `message` is for
/// people, never parsed and free of secrets, paths, SQL and peers' texts.
class Error {
 public:
  Error(ErrorCode code, std::string reason, std::string message);

  ErrorCode code() const { return code_; }
  const std::string& reason() const { return reason_; }
  const std::string& message() const { return message_; }
  const std::string& remediation() const { return remediation_; }  ///< What to do next; may be empty.
  const std::vector<Violation>& violations() const { return violations_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::optional<std::chrono::milliseconds> retry_after() const { return retry_after_; }

  /// Prefixes the message with what was being done: "apply Deployment/web: <message>".
  Error Doing(std::string_view what) &&;
  Error WithRemediation(std::string text) &&;
  Error WithViolation(std::string pointer, std::string detail) &&;
  Error WithViolations(std::vector<Violation> violations) &&;
  Error WithMetadata(std::string key, std::string value) &&;
  Error WithRetryAfter(std::chrono::milliseconds delay) &&;

  /// "NOT_FOUND/MESH_UNKNOWN: message", for logs and test output.
  std::string ToString() const;

 private:
  ErrorCode code_;
  std::string reason_;
  std::string message_;
  std::string remediation_;
  std::vector<Violation> violations_;
  std::map<std::string, std::string> metadata_;
  std::optional<std::chrono::milliseconds> retry_after_;
};

/// A value or an Error. tl::expected 1.0.0 is not nodiscard and does not convert from .map() results; this is and does.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(tl::expected<T, Error> other)
      : tl::expected<T, Error>(std::move(other)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)                                // NOLINT(google-explicit-constructor)
      : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}
};

using Status = Result<void>;

inline Error InvalidArgument(std::string reason, std::string message) {
  return Error(ErrorCode::kInvalidArgument, std::move(reason), std::move(message));
}
inline Error NotFound(std::string reason, std::string message) {
  return Error(ErrorCode::kNotFound, std::move(reason), std::move(message));
}
inline Error FailedPrecondition(std::string reason, std::string message) {
  return Error(ErrorCode::kFailedPrecondition, std::move(reason), std::move(message));
}
inline Error Aborted(std::string reason, std::string message) {
  return Error(ErrorCode::kAborted, std::move(reason), std::move(message));
}
inline Error Internal(std::string reason, std::string message) {
  return Error(ErrorCode::kInternal, std::move(reason), std::move(message));
}
inline Error Unavailable(std::string reason, std::string message) {
  return Error(ErrorCode::kUnavailable, std::move(reason), std::move(message));
}

}  // namespace meshplay

#define MP_CONCAT_INNER(a, b) a##b
#define MP_CONCAT(a, b) MP_CONCAT_INNER(a, b)
#define MP_TRY_INNER(temporary, declaration, expression)           \
  auto temporary = (expression);                                   \
  if (!temporary.has_value()) return std::move(temporary).error(); \
  declaration = std::move(temporary).value()

/// MP_TRY(const Split split, ParseSplit(text)): declares `split` or returns the error. Plain functions only.
/// A comma inside the expression's template arguments needs parentheses around the expression.
#define MP_TRY(declaration, ...) MP_TRY_INNER(MP_CONCAT(mp_result_, __LINE__), declaration, (__VA_ARGS__))

/// MP_CHECK(store.Commit(batch)): returns the error of a Status, else goes on.
#define MP_CHECK(...)                                                \
  do {                                                               \
    auto mp_status = (__VA_ARGS__);                                  \
    if (!mp_status.has_value()) return std::move(mp_status).error(); \
  } while (false)
