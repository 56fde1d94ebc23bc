#pragma once

#include <grpcpp/support/status.h>

#include "libs/base/result.h"
#include "meshplay/adapter/v1/adapter.pb.h"

namespace meshplay::hub {

/// google.rpc.Status with ErrorInfo (domain adapter.meshplay.dev) and the protocol's Error in its details.
grpc::Status ToGrpcStatus(const Error& error);

/// The protocol's Error: class by code, side effects NONE (a refused frame or call did nothing).
adapter::v1::Error ToProtoError(const Error& error);

}  // namespace meshplay::hub
