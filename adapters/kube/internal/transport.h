#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kube/client.h"
#include "adapters/kube/internal/credentials.h"
#include "libs/http/client.h"
#include "libs/http/websocket.h"

namespace meshplay::kube {

/// How long a call with all its parts may still take.
struct Budget {
  std::chrono::steady_clock::time_point deadline;
  std::stop_token stop = {};
  std::chrono::milliseconds Left() const;  ///< Never negative.
};

struct RestRequest {
  http::Method method = http::Method::kGet;
  std::string path;  ///< Encoded path and query, starts with "/".
  std::string body = {};
  std::string content_type = {};
  std::string accept = "application/json";
  std::vector<http::Header> headers = {};
  bool repeatable = false;          ///< A second delivery is harmless.
  bool retry_server_errors = true;  ///< False: a 5xx is the caller's to judge.
};

/// Sends requests to one API server as one identity, again where that is right. Threads: any.
class Transport {
 public:
  static Result<std::unique_ptr<Transport>> Create(Access access, const ClientOptions& options);

  /// The last answer, whatever its status.
  Result<http::Response> Exchange(const RestRequest& request, const Budget& budget);
  /// The last answer when it is no failure (below 400).
  Result<http::Response> Send(const RestRequest& request, const Budget& budget);
  Result<nlohmann::json> SendForJson(const RestRequest& request, const Budget& budget);

  /// One attempt; the body of a 2xx answer goes to `on_chunk`. The budget's deadline bounds the head only.
  Result<http::Response> Stream(const RestRequest& request, const Budget& budget,
                                std::chrono::milliseconds idle_timeout,
                                const std::function<bool(std::string_view)>& on_chunk);

  /// One attempt. A server that declines is a value.
  Result<http::WebSocketOpening> OpenWebSocket(const RestRequest& request, const http::WebSocketOptions& options,
                                               const Budget& budget);

  const Access& access() const { return credentials_.access(); }

 private:
  struct Session {
    std::shared_ptr<http::Client> client;
    std::vector<http::Header> headers;
  };
  Transport(Access access, const ClientOptions& options) : options_(options), credentials_(std::move(access)) {}
  Result<std::shared_ptr<http::Client>> MakeClient(const Credentials::Identity& identity) const;
  Result<Session> Open(const Budget& budget);
  http::Request MakeRequest(const RestRequest& request, const Session& session, const Budget& budget) const;

  const ClientOptions options_;
  std::string base_url_;
  Credentials credentials_;
  std::mutex mutex_;
  std::shared_ptr<http::Client> client_;  // GUARDED_BY(mutex_)
  int generation_ = -1;                   // GUARDED_BY(mutex_); of the TLS identity in client_
};

/// Waits; false when stopped meanwhile.
bool SleepFor(std::chrono::milliseconds length, const std::stop_token& stop);

double RandomFraction();  ///< In [0, 1).

}  // namespace meshplay::kube
