#include "libs/http/internal/server_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <string_view>

#include "libs/base/log.h"

namespace meshplay::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace wire = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr int kMaxChain = 8;
constexpr std::chrono::milliseconds kGoodbye{500};

/// One request on its way through a worker.
struct Pending {
  explicit Pending(const asio::any_io_executor& executor) : signal(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer signal;
  ServerAnswer answer;
  bool ready = false;
};

std::string DerOf(X509* certificate) {
  unsigned char* data = nullptr;
  const int size = i2d_X509(certificate, &data);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return der;
}

std::vector<std::string> ChainOf(SSL* connection) {
  std::vector<std::string> chain;
  X509* const leaf = SSL_get0_peer_certificate(connection);
  if (leaf == nullptr) return chain;
  chain.push_back(DerOf(leaf));
  const STACK_OF(X509)* const others = SSL_get_peer_cert_chain(connection);
  for (int i = 0; others != nullptr && i < sk_X509_num(others) && i < kMaxChain; ++i) {
    chain.push_back(DerOf(sk_X509_value(others, i)));
  }
  ERR_clear_error();
  return chain;
}

bool IsParseFault(beast::error_code error) {
  return error && error != wire::error::end_of_stream && error != wire::error::partial_message &&
         error.category() == make_error_code(wire::error::bad_method).category();
}

}  // namespace

class ServerSession {
 public:
  ServerSession(tcp::socket socket, std::shared_ptr<asio::ssl::context> tls, ServerShared& shared)
      : tls_(std::move(tls)), stream_(std::move(socket), *tls_), shared_(shared) {
    shared_.sessions.insert(this);
  }
  ~ServerSession() { shared_.sessions.erase(this); }
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;

  asio::awaitable<void> Run() {
    beast::error_code ec;
    Socket().expires_after(shared_.options.handshake_timeout);
    co_await stream_.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, ec));
    ERR_clear_error();
    if (ec) co_return;
    chain_ = ChainOf(stream_.native_handle());
    bool go_on = true;
    while (go_on && !shared_.stopping) {
      busy_ = false;
      co_await WaitForBytes(ec);
      busy_ = true;
      if (ec) break;
      go_on = co_await ServeOne();
    }
    Socket().expires_after(kGoodbye);
    co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, ec));
    ERR_clear_error();
  }

  void Close(bool busy_too) {
    if (busy_ && !busy_too) return;
    Socket().cancel();
    beast::error_code ignored;
    Socket().socket().shutdown(tcp::socket::shutdown_both, ignored);
  }

 private:
  beast::tcp_stream& Socket() { return beast::get_lowest_layer(stream_); }

  /// A connection may idle between requests for longer than a request's head may take.
  asio::awaitable<void> WaitForBytes(beast::error_code& ec) {
    if (buffer_.size() > 0) co_return;
    Socket().expires_after(served_ ? shared_.options.idle_timeout : shared_.options.header_timeout);
    const auto room = buffer_.prepare(4096);
    const std::size_t got = co_await stream_.async_read_some(room, asio::redirect_error(asio::use_awaitable, ec));
    buffer_.commit(ec ? 0 : got);
  }

  /// True when the connection goes on.
  asio::awaitable<bool> ServeOne() {
    beast::error_code ec;
    wire::request_parser<wire::empty_body> parser;
    parser.header_limit(shared_.options.max_header_bytes);
    Socket().expires_after(shared_.options.header_timeout);
    co_await wire::async_read_header(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, ec));
    if (ec) {
      const bool too_large = ec == wire::error::header_limit;
      if (IsParseFault(ec))
        co_await Refuse(too_large ? 431 : 400, too_large ? "the head is too large" : "no valid HTTP");
      co_return false;
    }
    served_ = true;
    const auto& head = parser.get();
    if (head.method() != wire::verb::get && head.method() != wire::verb::head) {
      co_await Refuse(405, "this API can only be read");
      co_return false;
    }
    if (!parser.is_done()) {
      co_await Refuse(413, "a request has no body here");
      co_return false;
    }
    if (head.target().size() > shared_.options.max_target_bytes) {
      co_await Refuse(414, "the URL is too long");
      co_return false;
    }
    const bool keep_alive = head.keep_alive() && !shared_.stopping;
    auto pending = std::make_shared<Pending>(stream_.get_executor());
    if (!Post(pending, head)) {
      pending->answer = shared_.handler.Refuse(503, "too many requests are waiting");
    } else if (!pending->ready) {
      co_await pending->signal.async_wait(asio::redirect_error(asio::use_awaitable, ec));
      ec = {};
    }
    co_await Write(pending->answer, head.method() == wire::verb::head, keep_alive, ec);
    co_return !ec && keep_alive;
  }

  bool Post(const std::shared_ptr<Pending>& pending, const wire::request<wire::empty_body>& head) {
    ServerRequest request;
    request.target = std::string(head.target());
    request.client_chain_der = chain_;
    for (const auto& field : head)
      request.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    auto executor = stream_.get_executor();
    ServerHandler& handler = shared_.handler;
    return shared_.workers.TryPost([pending, request = std::move(request), executor, &handler] {
      ServerAnswer answer;
      try {
        answer = handler.Handle(request);
      } catch (const std::exception& fault) {
        LogError("a request ended by an exception", {{log_key::kError, fault.what()}});
        answer = handler.Refuse(500, "the adapter made a mistake");
      }
      asio::post(executor, [pending, answer = std::move(answer)]() mutable {
        pending->answer = std::move(answer);
        pending->ready = true;
        pending->signal.cancel();
      });
    });
  }

  asio::awaitable<void> Refuse(int status, std::string message) {
    beast::error_code ec;
    const ServerAnswer answer = shared_.handler.Refuse(status, message);
    co_await Write(answer, false, false, ec);
    // Reads what is still on its way, so that the close does not reset the answer away from the client.
    Socket().expires_after(kGoodbye);
    std::string rest(4096, '\0');
    for (int i = 0; i < 64 && !ec; ++i) {
      const auto target = asio::buffer(rest);
      co_await stream_.async_read_some(target, asio::redirect_error(asio::use_awaitable, ec));
    }
  }

  asio::awaitable<void> Write(const ServerAnswer& answer, bool head, bool keep_alive, beast::error_code& ec) {
    wire::response<wire::string_body> out;
    out.version(11);
    out.result(static_cast<unsigned>(answer.status));
    out.set(wire::field::content_type, answer.content_type);
    out.set(wire::field::cache_control, "no-cache, private");
    for (const Header& header : answer.headers) out.insert(header.name, header.value);
    out.keep_alive(keep_alive);
    out.body() = answer.body;
    out.prepare_payload();
    if (head) out.body().clear();
    Socket().expires_after(shared_.options.write_timeout);
    wire::response_serializer<wire::string_body> serializer(out);
    if (head) {
      co_await wire::async_write_header(stream_, serializer, asio::redirect_error(asio::use_awaitable, ec));
    } else {
      co_await wire::async_write(stream_, serializer, asio::redirect_error(asio::use_awaitable, ec));
    }
  }

  const std::shared_ptr<asio::ssl::context> tls_;  ///< Of this connection; the server may use another one by now.
  beast::ssl_stream<beast::tcp_stream> stream_;
  ServerShared& shared_;
  beast::flat_buffer buffer_{64 * 1024};
  std::vector<std::string> chain_;
  bool served_ = false;
  bool busy_ = true;  ///< Not waiting for a request.
};

void CloseSessions(ServerShared& shared, bool busy_too) {
  for (ServerSession* session : shared.sessions) session->Close(busy_too);
}

asio::awaitable<void> ServeSession(tcp::socket socket, std::shared_ptr<asio::ssl::context> tls, ServerShared& shared) {
  ServerSession session(std::move(socket), std::move(tls), shared);
  co_await session.Run();
}

}  // namespace meshplay::http
