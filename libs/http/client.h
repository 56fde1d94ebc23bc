#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "libs/base/result.h"
#include "libs/http/message.h"

namespace meshplay::http {

struct ClientOptions {
  TlsOptions tls = {};
  std::string user_agent = "meshplay";
  std::chrono::milliseconds connect_timeout{5'000};  ///< Name look-up, TCP and TLS; inside Request::timeout.
  std::size_t max_idle_connections = 8;
  std::chrono::milliseconds max_idle_time{30'000};
};

struct StreamOptions {
  /// Longest wait between two pieces of the body; unset: for ever (TCP keep-alive still finds a dead peer).
  std::optional<std::chrono::milliseconds> idle_timeout = {};
};

/// A blocking HTTP/1.1 client with TLS 1.2 or newer and connection reuse.
///
/// Threads:   any thread may call any method at the same time; each call blocks its thread and uses one connection.
/// Ownership: keeps no reference to anything of the caller's.
/// Retries:   none, but a GET or HEAD that meets a kept connection the server has just closed is sent once more.
/// Proxies, redirects, cookies, compression: none.
/// Errors:
///   kInvalidArgument    HTTP_URL_INVALID, HTTP_HEADER_INVALID
///   kUnavailable        HTTP_UNREACHABLE (look-up, connect, TLS: nothing was sent), TLS_PEER_UNTRUSTED (its
///   certificate),
///                       HTTP_CONNECTION_LOST
///   kDeadlineExceeded   HTTP_TIMEOUT;  kCancelled CANCELLED
///   kResourceExhausted  HTTP_ANSWER_TOO_LARGE;  kInternal HTTP_ANSWER_INVALID
/// Metadata `request_sent` is "yes" when the server may have received the request, else "no".
class Client {
 public:
  /// Checks the TLS material. Errors: kInvalidArgument TLS_MATERIAL_INVALID.
  static Result<std::unique_ptr<Client>> Create(ClientOptions options = {});
  ~Client();  ///< No call may be in progress.
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// An answer of any status is a value.
  Result<Response> Send(const Request& request);

  /// As Send for an answer whose body is long or endless: the body of a 2xx answer goes to `on_chunk` as it arrives, on
  /// this thread, until it ends or `on_chunk` returns false. Request::timeout bounds the wait for the head only, and
  /// Request::max_body_bytes only the body of other answers, which are returned whole.
  Result<Response> Stream(const Request& request, const StreamOptions& options,
                          const std::function<bool(std::string_view chunk)>& on_chunk);

  class Core;
  Core& core() { return *core_; }  ///< For this room's own files.

 private:
  explicit Client(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace meshplay::http
