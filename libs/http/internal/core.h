#pragma once

// Holds Asio and Beast types: only this room's .cpp files include it.

#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "libs/http/client.h"
#include "libs/http/internal/connection.h"

namespace meshplay::http {

/// What a Client owns: the TLS context and the idle connections. Threads: any.
class Client::Core {
 public:
  Core(ClientOptions options, boost::asio::ssl::context tls) : options_(std::move(options)), tls_(std::move(tls)) {}

  /// Null `stream` reads the whole body into the answer.
  Result<Response> Call(const Request& request, const StreamOptions* stream,
                        const std::function<bool(std::string_view)>& on_chunk);

  /// A new connection, never from the pool.
  Result<std::unique_ptr<Connection>> Open(const Url& url, const Bound& bound);

  const ClientOptions& options() const { return options_; }

 private:
  struct Idle {
    std::string key;
    std::unique_ptr<Connection> connection;
    Bound::Time since;
  };
  std::unique_ptr<Connection> TakeIdle(const Url& url);
  void Keep(const Url& url, std::unique_ptr<Connection> connection);

  const ClientOptions options_;
  boost::asio::ssl::context tls_;
  std::mutex mutex_;
  std::vector<Idle> idle_;  // GUARDED_BY(mutex_); newest last
};

/// Errors: kInvalidArgument HTTP_HEADER_INVALID.
Status CheckHeaders(const std::vector<Header>& headers);

}  // namespace meshplay::http
