#include "server/rpc/status.h"

#include "meshplay/rpc/status.pb.h"
#include "server/services/remediation.h"

namespace meshplay::rpc {

namespace {

/// Details travel in the trailers, of which clients take 8 KiB by default (in base64); more would hide the whole error.
constexpr std::size_t kMaximumViolationBytes = 2'048;

/// Packs under the public type name, which our own copy of the message does not carry.
void Pack(const google::protobuf::Message& detail, const std::string& public_name, Status& status) {
  google::protobuf::Any* any = status.add_details();
  any->set_type_url("type.googleapis.com/google.rpc." + public_name);
  detail.SerializeToString(any->mutable_value());
}

}  // namespace

grpc::StatusCode ToGrpcCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case ErrorCode::kUnknown:
      return grpc::StatusCode::UNKNOWN;
    case ErrorCode::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorCode::kDeadlineExceeded:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case ErrorCode::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case ErrorCode::kAlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case ErrorCode::kPermissionDenied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case ErrorCode::kResourceExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kFailedPrecondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case ErrorCode::kAborted:
      return grpc::StatusCode::ABORTED;
    case ErrorCode::kOutOfRange:
      return grpc::StatusCode::OUT_OF_RANGE;
    case ErrorCode::kUnimplemented:
      return grpc::StatusCode::UNIMPLEMENTED;
    case ErrorCode::kInternal:
      return grpc::StatusCode::INTERNAL;
    case ErrorCode::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::kDataLoss:
      return grpc::StatusCode::DATA_LOSS;
    case ErrorCode::kUnauthenticated:
      return grpc::StatusCode::UNAUTHENTICATED;
  }
  return grpc::StatusCode::INTERNAL;
}

grpc::Status ToGrpcStatus(const Error& error, const std::string& request_id) {
  Status status;
  status.set_code(static_cast<int>(ToGrpcCode(error.code())));
  status.set_message(error.message());

  ErrorInfo info;
  info.set_reason(error.reason());
  info.set_domain("meshplay.dev");
  for (const auto& [key, value] : error.metadata()) (*info.mutable_metadata())[key] = value;
  const std::string remediation = services::RemediationOf(error);
  if (!remediation.empty()) (*info.mutable_metadata())["remediation"] = remediation;
  Pack(info, "ErrorInfo", status);

  if (!error.violations().empty()) {
    BadRequest bad;
    std::size_t bytes = 0;
    for (const Violation& violation : error.violations()) {
      bytes += violation.pointer.size() + violation.detail.size();
      if (bytes > kMaximumViolationBytes) break;
      BadRequest::FieldViolation* field = bad.add_field_violations();
      field->set_field(violation.pointer);
      field->set_description(violation.detail);
    }
    Pack(bad, "BadRequest", status);
  }
  if (error.retry_after()) {
    RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(error.retry_after()->count() / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int>(error.retry_after()->count() % 1000) * 1'000'000);
    Pack(retry, "RetryInfo", status);
  }
  RequestInfo request;
  request.set_request_id(request_id);
  Pack(request, "RequestInfo", status);
  return {ToGrpcCode(error.code()), error.message(), status.SerializeAsString()};
}

}  // namespace meshplay::rpc
