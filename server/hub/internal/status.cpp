#include "server/hub/internal/status.h"

#include "meshplay/rpc/status.pb.h"

namespace meshplay::hub {
namespace {

namespace pb = meshplay::adapter::v1;

constexpr const char* kDomain = "adapter.meshplay.dev";

pb::ErrorClass ClassOf(const Error& error) {
  if (error.reason() == "INSTANCE_CONFLICT") return pb::ERROR_CLASS_CONFLICT;
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kUnimplemented:
      return pb::ERROR_CLASS_INVALID;
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kPermissionDenied:
      return pb::ERROR_CLASS_AUTH;
    case ErrorCode::kResourceExhausted:
      return pb::ERROR_CLASS_THROTTLED;
    case ErrorCode::kNotFound:
    case ErrorCode::kFailedPrecondition:
      return pb::ERROR_CLASS_PRECONDITION;
    case ErrorCode::kAborted:
    case ErrorCode::kAlreadyExists:
      return pb::ERROR_CLASS_CONFLICT;
    case ErrorCode::kCancelled:
      return pb::ERROR_CLASS_CANCELLED;
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kUnavailable:
      return pb::ERROR_CLASS_TRANSIENT;
    case ErrorCode::kUnknown:
    case ErrorCode::kInternal:
    case ErrorCode::kDataLoss:
      return pb::ERROR_CLASS_BUG;
  }
  return pb::ERROR_CLASS_BUG;
}

template <class Message>
void AddDetail(rpc::Status& status, const char* type_name, const Message& detail) {
  google::protobuf::Any& any = *status.add_details();
  any.set_type_url(std::string("type.googleapis.com/") + type_name);
  any.set_value(detail.SerializeAsString());
}

}  // namespace

pb::Error ToProtoError(const Error& error) {
  pb::Error wire;
  wire.set_reason(error.reason());
  wire.set_error_class(ClassOf(error));
  wire.set_side_effects(pb::SIDE_EFFECTS_NONE);
  wire.set_message(error.message());
  wire.set_remediation(error.remediation());
  for (const auto& [key, value] : error.metadata()) (*wire.mutable_metadata())[key] = value;
  for (const Violation& violation : error.violations()) {
    pb::FieldViolation& field = *wire.add_fields();
    field.set_pointer(violation.pointer);
    field.set_description(violation.detail);
  }
  if (error.retry_after()) {
    wire.mutable_retry_after()->set_seconds(error.retry_after()->count() / 1000);
    wire.mutable_retry_after()->set_nanos(static_cast<int>(error.retry_after()->count() % 1000) * 1'000'000);
  }
  return wire;
}

grpc::Status ToGrpcStatus(const Error& error) {
  rpc::Status status;
  status.set_code(static_cast<int>(error.code()));
  status.set_message(error.message());
  rpc::ErrorInfo info;
  info.set_reason(error.reason());
  info.set_domain(kDomain);
  for (const auto& [key, value] : error.metadata()) (*info.mutable_metadata())[key] = value;
  AddDetail(status, "google.rpc.ErrorInfo", info);
  AddDetail(status, "meshplay.adapter.v1.Error", ToProtoError(error));
  return grpc::Status(static_cast<grpc::StatusCode>(error.code()), error.message(), status.SerializeAsString());
}

}  // namespace meshplay::hub
