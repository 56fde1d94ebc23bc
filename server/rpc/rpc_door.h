#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "libs/base/result.h"
#include "server/services/api.h"

namespace meshplay::rpc {

struct RpcOptions {
  std::string listen = "127.0.0.1:9082";  ///< host:port; port 0 takes a free one.
  bool allow_plaintext = false;           ///< Without TLS only loopback addresses are accepted unless this is set.
  std::string certificate_path;           ///< PEM chain; with key_path: TLS.
  std::string key_path;
  std::size_t workers = 16;
  std::size_t worker_queue = 256;  ///< More waiting calls are RESOURCE_EXHAUSTED OVERLOADED.
  std::size_t max_message_bytes = 1024 * 1024;
};

/// The gRPC door: every method of package meshplay.v1, grpc.health.v1 and server reflection. It reads and writes bytes,
/// finds the method by its descriptor and calls services::Api, as the REST door does.
/// Errors in answers: grpc status plus google.rpc.Status details (ErrorInfo, BadRequest, RetryInfo, RequestInfo).
/// The caller's token comes in metadata "authorization: Bearer ...", the request id in "x-request-id".
/// Threads: gRPC's own and a worker pool; methods of this class from any other thread.
class RpcDoor {
 public:
  /// Errors: kInvalidArgument PLAINTEXT_REFUSED, TLS_MATERIAL_INVALID; kUnavailable LISTEN_FAILED.
  static Result<std::unique_ptr<RpcDoor>> Start(services::Api& api, RpcOptions options);
  ~RpcDoor();
  RpcDoor(const RpcDoor&) = delete;
  RpcDoor& operator=(const RpcDoor&) = delete;

  std::string address() const;
  void Stop(std::chrono::milliseconds bound);

 private:
  struct State;
  explicit RpcDoor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace meshplay::rpc
