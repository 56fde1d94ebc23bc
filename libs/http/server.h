#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "libs/base/tls.h"
#include "libs/http/message.h"

namespace meshplay::http {

struct ServerOptions {
  std::string listen;                ///< "IP:PORT" or "[IP]:PORT"; port 0 is a free one.
  std::size_t max_connections = 64;  ///< Further ones are closed at once.
  std::size_t workers = 8;           ///< Requests that are answered at the same time.
  std::size_t worker_queue = 32;     ///< Requests that wait for a worker; further ones are refused with 503.
  std::uint32_t max_header_bytes = 32 * 1024;
  std::size_t max_target_bytes = 4 * 1024;
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds header_timeout{10'000};
  /// Longer than Go's clients keep an idle connection (90 s), so that they close it and never meet one just closed.
  std::chrono::milliseconds idle_timeout{120'000};
  std::chrono::milliseconds write_timeout{30'000};
};

struct ServerRequest {
  std::string target;  ///< As it was sent: "/path?query".
  std::vector<Header> headers;
  /// What the client presented, leaf first, DER; empty when nothing. The client has proven that it holds the leaf's
  /// key; who signed it is for the handler to judge.
  std::vector<std::string> client_chain_der;
};

struct ServerAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<Header> headers = {};
};

class ServerHandler {
 public:
  virtual ~ServerHandler() = default;
  /// A GET or HEAD. On worker threads, several at once; may block.
  virtual ServerAnswer Handle(const ServerRequest& request) = 0;
  /// The answer to what never becomes a request: 400, 405, 413, 414, 431, 500, 503. Must not block.
  virtual ServerAnswer Refuse(int status, const std::string& message) = 0;
};

/// A small HTTPS server for read-only APIs: HTTP/1.1, TLS 1.2 or newer, GET and HEAD, no request bodies. Client
/// certificates are asked for and passed on, not required. No session tickets: every connection proves its identity.
///
/// Threads:   any thread may call any method; one thread of its own for input and output, and the workers.
/// Ownership: `handler` must outlive it.
class HttpsServer {
 public:
  /// Errors: kInvalidArgument LISTEN_ADDRESS_INVALID, TLS_MATERIAL_INVALID; kUnavailable LISTEN_FAILED.
  static Result<std::unique_ptr<HttpsServer>> Start(ServerOptions options, const KeyPair& certificate,
                                                    ServerHandler& handler);
  ~HttpsServer();  ///< Stop with a second.
  HttpsServer(const HttpsServer&) = delete;
  HttpsServer& operator=(const HttpsServer&) = delete;

  /// For connections from now on. Errors: kInvalidArgument TLS_MATERIAL_INVALID, and the one before stays.
  Status UseCertificate(const KeyPair& certificate);
  std::string address() const;  ///< The bound one, "127.0.0.1:9443".
  std::uint16_t port() const;

  /// Takes no new connection, closes idle ones, lets requests in progress end for `bound`, then cuts them. Waits for
  /// the handler to return. Again: no effect.
  void Stop(std::chrono::milliseconds bound);

 private:
  struct State;
  explicit HttpsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace meshplay::http
