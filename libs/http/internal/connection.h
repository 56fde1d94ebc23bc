#pragma once

// Holds Asio and Beast types: only this room's .cpp files include it.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <memory>
#include <optional>
#include <stop_token>

#include "libs/base/result.h"
#include "libs/http/internal/bound.h"
#include "libs/http/message.h"
#include "libs/http/url.h"

namespace meshplay::http {

/// One connection, plain or TLS, driven by the thread that calls. Threads: one at a time.
class Connection {
 public:
  using Tcp = boost::beast::tcp_stream;
  using Tls = boost::beast::ssl_stream<Tcp>;
  using ErrorCode = boost::system::error_code;

  /// Looks the host up, connects to its addresses in turn and shakes hands. `tls` must outlive the connection.
  static Result<std::unique_ptr<Connection>> Open(const Url& url, boost::asio::ssl::context& tls,
                                                  const TlsOptions& options, const Bound& bound);

  /// Runs one asynchronous operation to its end, the deadline or the stop. `start` gets the completion handler.
  /// Synchronous operations of Asio know no deadline, so nothing here uses them.
  template <class Start>
  ErrorCode Run(const Bound& bound, Start&& start) {
    if (bound.stop.stop_requested()) return boost::asio::error::operation_aborted;
    if (bound.Passed()) return boost::beast::error::timeout;
    if (bound.deadline == Bound::kNever) {
      tcp().expires_never();
    } else {
      tcp().expires_at(bound.deadline);
    }
    ErrorCode outcome = boost::asio::error::operation_aborted;
    {
      // The stop only posts: the socket is touched by the calling thread alone. A post that comes too late stays in the
      // queue, but a stopped connection is never used again.
      const std::stop_callback on_stop(bound.stop, [this] { boost::asio::post(io_, [this] { tcp().cancel(); }); });
      io_.restart();
      start([&outcome](ErrorCode ec, auto&&...) { outcome = ec; });
      io_.run();
    }
    return outcome;
  }

  /// Calls `use` with the stream to read and write.
  template <class Use>
  auto With(Use&& use) {
    return tls_ ? use(*tls_) : use(*tcp_);
  }

  bool LooksAlive();  ///< Idle, and the peer has neither closed it nor sent anything.

 private:
  Connection() = default;
  Tcp& tcp() { return tls_ ? tls_->next_layer() : *tcp_; }
  Result<void> Connect(const boost::asio::ip::address& address, std::uint16_t port, const Bound& bound);
  Result<void> Handshake(const std::string& server_name, bool verify, const Bound& bound);

  boost::asio::io_context io_{1};
  std::optional<Tcp> tcp_;
  std::optional<Tls> tls_;
};

}  // namespace meshplay::http
