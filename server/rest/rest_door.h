#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "libs/base/result.h"
#include "server/rest/router.h"
#include "server/services/api.h"

namespace meshplay::rest {

struct RestOptions {
  std::string listen = "127.0.0.1:9081";  ///< host:port; port 0 takes a free one.
  bool allow_plain_http = false;          ///< Without TLS only loopback addresses are accepted unless this is set.
  std::string certificate_path;           ///< PEM chain; with key_path: HTTPS.
  std::string key_path;
  std::size_t io_threads = 2;  ///< 1..4
  std::size_t workers = 16;
  std::size_t worker_queue = 256;  ///< More waiting calls are 503 OVERLOADED.
  std::size_t max_connections = 4'096;
  std::size_t max_connections_per_address = 128;  ///< Not applied to loopback peers.
  std::size_t max_header_bytes = 16 * 1024;
  std::size_t max_headers = 100;
  std::size_t max_target_bytes = 8 * 1024;
  std::size_t max_body_bytes = 1024 * 1024;
  std::chrono::milliseconds header_timeout{10'000};
  /// After a refusal, what the client still sends is read and dropped up to these, so that it can read the answer.
  std::size_t max_drain_bytes = 32 * 1024 * 1024;
  std::chrono::milliseconds drain_timeout{3'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds sse_ping{15'000};
  std::size_t max_subscriber_bytes = 1024 * 1024;  ///< Unsent bytes of one event stream; slower readers are cut.
};

/// The HTTP door: listener, connections, event streams.
/// Threads: own io threads and workers; methods may be called from any other thread. Ownership: keeps `api`.
class RestDoor {
 public:
  /// Binds and serves at once. Errors: kInvalidArgument LISTEN_ADDRESS_INVALID, PLAIN_HTTP_REFUSED,
  /// TLS_MATERIAL_INVALID; kUnavailable LISTEN_FAILED (with a remedy).
  static Result<std::unique_ptr<RestDoor>> Start(services::Api& api, RestOptions options, std::string openapi_json,
                                                 Router::MoreGauges more_gauges = {});
  ~RestDoor();  ///< Stop with one second.
  RestDoor(const RestDoor&) = delete;
  RestDoor& operator=(const RestDoor&) = delete;

  std::string address() const;  ///< "127.0.0.1:9081", the bound one.
  /// Accepts no further connection, ends event streams, lets calls in progress finish within `bound`. Idempotent.
  void Stop(std::chrono::milliseconds bound);

 private:
  struct State;
  explicit RestDoor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace meshplay::rest
