#include "server/rest/rest_door.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <charconv>
#include <thread>
#include <vector>

#include "libs/base/log.h"
#include "server/rest/internal/connection.h"

namespace meshplay::rest {

namespace asio = boost::asio;
using asio::ip::tcp;

struct RestDoor::State {
  State(services::Api& api, RestOptions given, std::string openapi, Router::MoreGauges more_gauges)
      : options(std::move(given)),
        router(api, std::move(openapi), std::move(more_gauges)),
        workers("rest", options.workers, options.worker_queue),
        fanout(api, options.sse_ping),
        io(static_cast<int>(options.io_threads)),
        acceptor(io),
        shared(new Shared{options, router, workers, fanout, {}, {}, {}, {}, {}, {}}) {}

  const RestOptions options;
  Router router;
  BoundedPool workers;
  EventFanout fanout;
  asio::io_context io;
  tcp::acceptor acceptor;
  std::unique_ptr<asio::ssl::context> tls;
  std::shared_ptr<Shared> shared;
  std::string address;
  std::vector<std::thread> threads;
  bool stopped = false;

  Status Bind();
  asio::awaitable<void> Accept();
  bool Admit(const std::string& peer);
};

namespace {

Result<std::pair<std::string, std::string>> SplitAddress(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon + 1 == listen.size()) {
    return InvalidArgument("LISTEN_ADDRESS_INVALID", "\"" + listen + "\" is not HOST:PORT");
  }
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return std::pair{host, listen.substr(colon + 1)};
}

void ServeOne(tcp::socket socket, asio::ssl::context* tls, const std::shared_ptr<Shared>& shared,
              const std::string& peer) {
  const auto done = [shared, peer](const std::exception_ptr& fault) {
    shared->connections -= 1;
    const std::lock_guard lock(shared->addresses_mutex);
    const auto entry = shared->addresses.find(peer);
    if (entry != shared->addresses.end() && --entry->second == 0) shared->addresses.erase(entry);
    if (fault) LogError("a connection ended by an exception");
  };
  const auto strand = socket.get_executor();
  asio::co_spawn(strand, ServeConnection(std::move(socket), tls, shared), done);
}

}  // namespace

Status RestDoor::State::Bind() {
  MP_TRY(const auto host_port, SplitAddress(options.listen));
  boost::system::error_code ec;
  const auto host = asio::ip::make_address(host_port.first == "localhost" ? "127.0.0.1" : host_port.first, ec);
  const std::string& digits = host_port.second;
  unsigned short port = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (ec || fault != std::errc() || end != digits.data() + digits.size()) {
    return InvalidArgument("LISTEN_ADDRESS_INVALID", "\"" + options.listen + "\" is not an IP address and a port");
  }
  const bool use_tls = !options.certificate_path.empty() || !options.key_path.empty();
  if (!use_tls && !host.is_loopback() && !options.allow_plain_http) {
    return InvalidArgument("PLAIN_HTTP_REFUSED", "plain HTTP is served on loopback addresses only")
        .WithRemediation("Give a certificate and key (rest.certificate, rest.key), or set rest.allow_plain_http.");
  }
  if (use_tls) {
    tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(tls->native_handle(), "ECDHE+AESGCM:ECDHE+CHACHA20");
    tls->use_certificate_chain_file(options.certificate_path, ec);
    if (!ec) tls->use_private_key_file(options.key_path, asio::ssl::context::pem, ec);
    if (ec) return InvalidArgument("TLS_MATERIAL_INVALID", "the certificate or key of the REST door cannot be used");
  }
  const tcp::endpoint endpoint(host, port);
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) {
    return Unavailable("LISTEN_FAILED", "cannot listen on " + options.listen + ": " + ec.message())
        .WithRemediation("Another process may use the port; choose another address with --rest-listen.");
  }
  ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
  const auto bound = acceptor.local_endpoint(ec);
  address = (bound.address().is_v6() ? "[" + bound.address().to_string() + "]" : bound.address().to_string()) + ":" +
            std::to_string(bound.port());
  return {};
}

bool RestDoor::State::Admit(const std::string& peer) {
  if (shared->connections >= options.max_connections) return false;
  const std::lock_guard lock(shared->addresses_mutex);
  std::size_t& count = shared->addresses[peer];
  const bool loopback = peer.starts_with("127.") || peer == "::1";
  if (!loopback && count >= options.max_connections_per_address) return false;
  count += 1;
  shared->connections += 1;
  return true;
}

asio::awaitable<void> RestDoor::State::Accept() {
  boost::system::error_code ec;
  while (!shared->stopping) {
    // The socket lives on a strand of its own: everything of one connection is posted to its executor.
    tcp::socket socket(asio::make_strand(io));
    co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, ec));
    if (ec == asio::error::operation_aborted || shared->stopping) break;
    if (ec) {
      // Out of descriptors, most likely: wait for some to come back instead of spinning.
      asio::steady_timer pause(io, std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
      continue;
    }
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    socket.set_option(tcp::no_delay(true), ec);
    const std::string peer = socket.remote_endpoint(ec).address().to_string();
    if (ec || !Admit(peer)) continue;
    ServeOne(std::move(socket), tls.get(), shared, peer);
  }
}

RestDoor::RestDoor(std::unique_ptr<State> state) : state_(std::move(state)) {}

RestDoor::~RestDoor() {
  Stop(std::chrono::seconds(1));
}

Result<std::unique_ptr<RestDoor>> RestDoor::Start(services::Api& api, RestOptions options, std::string openapi_json,
                                                  Router::MoreGauges more_gauges) {
  auto state = std::make_unique<State>(api, std::move(options), std::move(openapi_json), std::move(more_gauges));
  MP_CHECK(state->Bind());
  State* raw = state.get();
  asio::co_spawn(raw->io, raw->Accept(), asio::detached);
  for (std::size_t i = 0; i < raw->options.io_threads; ++i) {
    raw->threads.emplace_back([raw] { raw->io.run(); });
  }
  return std::unique_ptr<RestDoor>(new RestDoor(std::move(state)));
}

std::string RestDoor::address() const {
  return state_->address;
}

void RestDoor::Stop(std::chrono::milliseconds bound) {
  State& state = *state_;
  if (state.stopped) return;
  state.stopped = true;
  state.shared->stopping = true;
  asio::post(state.io, [&state] {
    boost::system::error_code ec;
    state.acceptor.close(ec);
  });
  state.fanout.Stop();
  // Idle connections end at once; busy ones finish their call, and the rest is cut when the bound is over.
  const auto deadline = std::chrono::steady_clock::now() + bound;
  bool cut_busy = false;
  while (state.shared->connections > 0) {
    {
      const std::lock_guard lock(state.shared->sockets_mutex);
      for (const auto& [descriptor, busy] : state.shared->sockets) {
        if (!busy || cut_busy) ::shutdown(descriptor, cut_busy ? SHUT_RDWR : SHUT_RD);
      }
    }
    if (cut_busy && std::chrono::steady_clock::now() > deadline + std::chrono::seconds(1)) break;
    cut_busy = std::chrono::steady_clock::now() >= deadline;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  state.workers.Drain();
  state.io.stop();
  for (std::thread& thread : state.threads) thread.join();
}

}  // namespace meshplay::rest
