#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "libs/base/bounded_pool.h"
#include "server/hub/internal/status.h"

namespace meshplay::hub {

/// Runs `call` (returns Result<Response>) on the pool and finishes the RPC. Owned by gRPC: deletes itself in OnDone.
template <class Response>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  template <class Call>
  static grpc::ServerUnaryReactor* Start(BoundedPool& pool, Response* response, Call call) {
    auto* self = new UnaryCall;
    const bool posted = pool.TryPost([self, response, call = std::move(call)]() mutable {
      Result<Response> result = Error(ErrorCode::kInternal, "INTERNAL_BUG", "the call failed inside the server");
      try {
        result = call();
      } catch (...) {  // the error above says all that a caller may know
      }
      if (result) response->Swap(&*result);
      self->Finish(result ? grpc::Status::OK : ToGrpcStatus(result.error()));
    });
    if (!posted) self->Finish(ToGrpcStatus(Unavailable("HUB_BUSY", "the hub has too much to do; try again")));
    return self;
  }

 private:
  void OnDone() override { delete this; }
};

}  // namespace meshplay::hub
