#include "libs/base/result.h"

namespace meshplay {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCancelled:
      return "CANCELLED";
    case ErrorCode::kUnknown:
      return "UNKNOWN";
    case ErrorCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case ErrorCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case ErrorCode::kNotFound:
      return "NOT_FOUND";
    case ErrorCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case ErrorCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case ErrorCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case ErrorCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case ErrorCode::kAborted:
      return "ABORTED";
    case ErrorCode::kOutOfRange:
      return "OUT_OF_RANGE";
    case ErrorCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case ErrorCode::kInternal:
      return "INTERNAL";
    case ErrorCode::kUnavailable:
      return "UNAVAILABLE";
    case ErrorCode::kDataLoss:
      return "DATA_LOSS";
    case ErrorCode::kUnauthenticated:
      return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

Error::Error(ErrorCode code, std::string reason, std::string message)
    : code_(code), reason_(std::move(reason)), message_(std::move(message)) {}

Error Error::Doing(std::string_view what) && {
  message_ = std::string(what) + ": " + message_;
  return std::move(*this);
}

Error Error::WithRemediation(std::string text) && {
  remediation_ = std::move(text);
  return std::move(*this);
}

Error Error::WithViolation(std::string pointer, std::string detail) && {
  violations_.push_back({std::move(pointer), std::move(detail)});
  return std::move(*this);
}

Error Error::WithViolations(std::vector<Violation> violations) && {
  violations_ = std::move(violations);
  return std::move(*this);
}

Error Error::WithMetadata(std::string key, std::string value) && {
  metadata_[std::move(key)] = std::move(value);
  return std::move(*this);
}

Error Error::WithRetryAfter(std::chrono::milliseconds delay) && {
  retry_after_ = delay;
  return std::move(*this);
}

std::string Error::ToString() const {
  std::string text(ErrorCodeName(code_));
  text += '/';
  text += reason_;
  text += ": ";
  text += message_;
  for (const Violation& violation : violations_) text += "\n  " + violation.pointer + ": " + violation.detail;
  return text;
}

}  // namespace meshplay
