#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "libs/base/result.h"

namespace meshplay::rpc {

/// The only gRPC code table.
grpc::StatusCode ToGrpcCode(ErrorCode code);

/// Status with google.rpc.Status details: ErrorInfo (domain "meshplay.dev", the remediation under metadata key
/// "remediation"), BadRequest for violations, RetryInfo, RequestInfo.
grpc::Status ToGrpcStatus(const Error& error, const std::string& request_id);

}  // namespace meshplay::rpc
