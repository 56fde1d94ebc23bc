#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace meshplay::conformance_app {

struct ServerOptions {
  std::string service_name = "default";
  int port = 9091;               ///< 0: a free one. Likewise the others.
  std::vector<int> extra_ports;  ///< Answered like `port`: to tell ports apart.
  int udp_port = -1;             ///< Sends datagrams back; negative: none.
  std::chrono::milliseconds client_timeout{3'000};
};

/// The sample application of the conformance suite: an HTTP server that calls others and counts what happens.
///   POST   /call             {"url", "method", "body", "headers": {}, "count"?}: makes `count` (1 to 1000) requests
///   with
///                            the header ServiceName; ends after 25 s at the latest. Answers the last answer's body and
///                            X-Meshplay-Done with how many were made. GET /call?request=<that, percent-encoded> is the
///                            same, for drivers that can only GET.
///   *      /echo, others     counted as received and answered with the request's first line and headers
///   GET    /metrics          Records::Full;  GET /metrics/summary: Records::Summary;  DELETE /metrics or GET
///                            /metrics/reset: begins anew. None of them is counted, but for those that carry the header
///                            ServiceName (another application's): these are answered and counted like /echo.
/// Each connection carries one request.
class Server {
 public:
  /// Binds and serves until destroyed. Null, and `error` says why, when a port cannot be taken.
  static std::unique_ptr<Server> Start(const ServerOptions& options, std::string& error);
  virtual ~Server() = default;
  virtual int port() const = 0;
  virtual int udp_port() const = 0;
  virtual std::vector<int> extra_ports() const = 0;
};

}  // namespace meshplay::conformance_app
