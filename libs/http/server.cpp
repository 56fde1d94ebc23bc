#include "libs/http/server.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <charconv>
#include <thread>
#include <utility>

#include "libs/base/log.h"
#include "libs/http/internal/server_session.h"

namespace meshplay::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using TlsContext = std::shared_ptr<asio::ssl::context>;

namespace {

Error AddressInvalid(const std::string& listen) {
  return InvalidArgument("LISTEN_ADDRESS_INVALID", "\"" + listen + "\" is not an IP address and a port");
}

Result<tcp::endpoint> ParseListen(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return AddressInvalid(listen);
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(host, ec);
  std::uint16_t port = 0;
  const char* const end = listen.data() + listen.size();
  const auto [at, fault] = std::from_chars(listen.data() + colon + 1, end, port);
  if (ec || fault != std::errc() || at != end) return AddressInvalid(listen);
  return tcp::endpoint(address, port);
}

int TakeAnyCertificate(X509_STORE_CTX*, void*) {
  return 1;  // the handshake still proves that the client holds its key
}

int NoPassword(char*, int, int, void*) {
  return -1;
}

Error BadMaterial() {
  ERR_clear_error();
  return InvalidArgument("TLS_MATERIAL_INVALID", "the server's certificate or key cannot be used");
}

Result<TlsContext> MakeContext(const KeyPair& certificate) {
  try {
    ERR_clear_error();
    auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    SSL_CTX* const native = tls->native_handle();
    SSL_CTX_set_default_passwd_cb(native, &NoPassword);
    if (SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1) return BadMaterial();
    if (SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) return BadMaterial();
    SSL_CTX_set_options(native, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_num_tickets(native, 0);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(native, &TakeAnyCertificate, nullptr);
    boost::system::error_code ec;
    const std::string& key = certificate.private_key_pem.Reveal();
    tls->use_certificate_chain(asio::buffer(certificate.certificate_chain_pem), ec);
    if (!ec) tls->use_private_key(asio::buffer(key), asio::ssl::context::pem, ec);
    if (ec || SSL_CTX_check_private_key(native) != 1) return BadMaterial();
    return tls;
  } catch (const boost::system::system_error&) {
    return BadMaterial();
  }
}

}  // namespace

struct HttpsServer::State {
  State(const ServerOptions& options, TlsContext context, ServerHandler& handler)
      : shared(options, handler), tls(std::move(context)) {}

  Status Bind() {
    MP_TRY(const tcp::endpoint endpoint, ParseListen(shared.options.listen));
    boost::system::error_code ec;
    acceptor.open(endpoint.protocol(), ec);
    if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor.bind(endpoint, ec);
    if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
    if (!ec) bound = acceptor.local_endpoint(ec);
    if (ec) {
      return Unavailable("LISTEN_FAILED", "cannot listen on " + shared.options.listen + ": " + ec.message())
          .WithRemediation("Another process may use the port; choose another address.");
    }
    ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
    return {};
  }

  asio::awaitable<void> Accept() {
    boost::system::error_code ec;
    while (!shared.stopping) {
      tcp::socket socket(io);
      co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, ec));
      if (ec == asio::error::operation_aborted || shared.stopping) break;
      if (ec) {
        // Out of descriptors, most likely: wait for some to come back instead of spinning.
        asio::steady_timer pause(io, std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        continue;
      }
      ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      socket.set_option(tcp::no_delay(true), ec);
      if (Admit()) Serve(std::move(socket));
    }
  }

  bool Admit() {
    const std::lock_guard lock(shared.mutex);
    if (shared.connections >= shared.options.max_connections) return false;
    ++shared.connections;
    return true;
  }

  void Serve(tcp::socket socket) {
    const auto done = [this](const std::exception_ptr& fault) {
      if (fault) LogError("a connection ended by an exception");
      const std::lock_guard lock(shared.mutex);
      --shared.connections;
      shared.fewer.notify_all();
    };
    asio::co_spawn(io, ServeSession(std::move(socket), Tls(), shared), done);
  }

  TlsContext Tls() {
    const std::lock_guard lock(tls_mutex);
    return tls;
  }

  void Close(bool busy_too) {
    asio::post(io, [this, busy_too] {
      boost::system::error_code ignored;
      acceptor.close(ignored);
      CloseSessions(shared, busy_too);
    });
  }

  bool WaitUntilAllGone(std::chrono::milliseconds time) {
    std::unique_lock lock(shared.mutex);
    return shared.fewer.wait_for(lock, time, [this] { return shared.connections == 0; });
  }

  ServerShared shared;
  std::mutex tls_mutex;
  TlsContext tls;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  tcp::endpoint bound;
  std::thread thread;
  std::once_flag stopped;
};

Result<std::unique_ptr<HttpsServer>> HttpsServer::Start(ServerOptions options, const KeyPair& certificate,
                                                        ServerHandler& handler) {
  MP_TRY(TlsContext tls, MakeContext(certificate));
  auto state = std::make_unique<State>(options, std::move(tls), handler);
  MP_CHECK(state->Bind());
  State* const raw = state.get();
  asio::co_spawn(raw->io, raw->Accept(), asio::detached);
  raw->thread = std::thread([raw] { raw->io.run(); });
  return std::unique_ptr<HttpsServer>(new HttpsServer(std::move(state)));
}

HttpsServer::HttpsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpsServer::~HttpsServer() {
  Stop(std::chrono::seconds(1));
}

Status HttpsServer::UseCertificate(const KeyPair& certificate) {
  MP_TRY(TlsContext tls, MakeContext(certificate));
  const std::lock_guard lock(state_->tls_mutex);
  state_->tls = std::move(tls);
  return {};
}

std::string HttpsServer::address() const {
  const std::string host = state_->bound.address().to_string();
  return (state_->bound.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(state_->bound.port());
}

std::uint16_t HttpsServer::port() const {
  return state_->bound.port();
}

void HttpsServer::Stop(std::chrono::milliseconds bound) {
  State& state = *state_;
  std::call_once(state.stopped, [&] {
    constexpr std::chrono::seconds kAfterTheCut{1};
    state.shared.stopping = true;
    state.Close(false);
    if (!state.WaitUntilAllGone(bound)) {
      state.Close(true);
      state.WaitUntilAllGone(kAfterTheCut);
    }
    state.shared.workers.Drain();
    state.io.stop();
    state.thread.join();
  });
}

}  // namespace meshplay::http
