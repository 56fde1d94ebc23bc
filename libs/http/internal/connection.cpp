#include "libs/http/internal/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <vector>

#include "libs/http/internal/failure.h"
#include "libs/http/internal/resolve.h"

namespace meshplay::http {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

void SetOption(int socket, int level, int name, int value) {
  // A socket without an option still works, so failure is not looked at.
  ::setsockopt(socket, level, name, &value, sizeof value);
}

// Children of this process must not inherit the socket, so it is born close-on-exec; Asio's own sockets are not.
int OpenSocket(bool v6) {
  const int socket = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return socket;
  SetOption(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
  return socket;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const Url& url, net::ssl::context& tls, const TlsOptions& options,
                                                     const Bound& bound) {
  MP_TRY(const std::vector<net::ip::address> addresses, Resolve(url.host, bound));
  Result<void> last = Unreachable("the host has no address");
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // A silent address must leave time for those after it.
    Bound share = bound;
    if (bound.deadline != Bound::kNever) {
      const auto left = bound.deadline - std::chrono::steady_clock::now();
      share.deadline = std::chrono::steady_clock::now() + left / static_cast<int>(addresses.size() - i);
    }
    try {
      std::unique_ptr<Connection> connection(new Connection);
      if (url.tls) {
        connection->tls_.emplace(Tcp(connection->io_), tls);
      } else {
        connection->tcp_.emplace(connection->io_);
      }
      last = connection->Connect(addresses[i], url.port, share);
      if (last && url.tls) {
        MP_CHECK(
            connection->Handshake(options.server_name.empty() ? url.host : options.server_name, options.verify, bound));
      }
      if (last) return connection;
    } catch (const boost::system::system_error& error) {
      return Unreachable(error.code().message());
    }
    if (last.error().code() == meshplay::ErrorCode::kCancelled) break;
  }
  return std::move(last).error();
}

Result<void> Connection::Connect(const net::ip::address& address, std::uint16_t port, const Bound& bound) {
  const int socket = OpenSocket(address.is_v6());
  if (socket < 0) return Unreachable("no socket could be opened");
  ErrorCode ec;
  tcp().socket().assign(address.is_v6() ? tcp::v6() : tcp::v4(), socket, ec);
  if (ec) {
    ::close(socket);
    return Unreachable(ec.message());
  }
  const tcp::endpoint endpoint(address, port);
  ec = Run(bound, [&](auto done) { tcp().async_connect(endpoint, done); });
  if (!ec) return {};
  if (bound.stop.stop_requested()) return Cancelled(RequestSent::kNo);
  return Unreachable(ec == boost::beast::error::timeout ? "connecting took too long" : ec.message());
}

Result<void> Connection::Handshake(const std::string& server_name, bool verify, const Bound& bound) {
  SSL* ssl = tls_->native_handle();
  ErrorCode ec;
  net::ip::make_address(server_name, ec);
  const bool is_address = !ec;
  bool named = true;
  if (is_address) {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_name.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    named = SSL_set1_host(ssl, server_name.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, server_name.c_str()) == 1;
  }
  if (!named) return Unreachable("the server name is not usable for TLS");
  ec = Run(bound, [&](auto done) { tls_->async_handshake(net::ssl::stream_base::client, done); });
  if (!ec) return {};
  if (bound.stop.stop_requested()) return Cancelled(RequestSent::kNo);
  if (ec == boost::beast::error::timeout) return Unreachable("the TLS handshake took too long");
  const long verdict = SSL_get_verify_result(ssl);
  if (verify && verdict != X509_V_OK) {
    return Unavailable("TLS_PEER_UNTRUSTED", std::string("the server's certificate is not trusted: ") +
                                                 X509_verify_cert_error_string(verdict))
        .WithMetadata("request_sent", "no");
  }
  return Unreachable("TLS handshake: " + ec.message());
}

bool Connection::LooksAlive() {
  pollfd entry{};
  entry.fd = tcp().socket().native_handle();
  entry.events = POLLIN | POLLRDHUP;
  return ::poll(&entry, 1, 0) == 0;
}

}  // namespace meshplay::http
