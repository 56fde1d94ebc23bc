#include "adapters/conformance/app/server.h"

#include <poll.h>
#include <sys/socket.h>
#include <array>
#include <atomic>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <list>
#include <sstream>
#include <thread>

#include "adapters/conformance/app/exchange.h"
#include "adapters/conformance/app/records.h"
#include "adapters/conformance/app/socket.h"

namespace meshplay::conformance_app {
namespace {

namespace http = boost::beast::http;
using HttpRequest = http::request<http::string_body>;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kRequestTime{10'000};
constexpr milliseconds kCallTime{25'000};
constexpr milliseconds kTurn{100};
constexpr std::size_t kMaxBody = 256 * 1024;
constexpr std::size_t kMaxConnections = 256;
constexpr std::size_t kMaxCalls = 1'000;
constexpr std::size_t kMaxDatagram = 2'048;

struct Reply {
  int status = 200;
  std::string body;
  std::string type = "text/plain";
  std::string done = {};
};

std::string Decoded(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    plain += escaped ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  return plain;
}

std::string TextAt(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, std::vector<Socket> sockets, std::vector<int> ports, Socket udp, int udp_port)
      : options_(std::move(options)),
        sockets_(std::move(sockets)),
        ports_(std::move(ports)),
        udp_(std::move(udp)),
        udp_port_(udp_port),
        loop_([this](const std::stop_token& stop) { Serve(stop); }) {}

  ~ServerImpl() override {
    loop_.request_stop();
    loop_.join();
  }
  int port() const override { return ports_.front(); }
  int udp_port() const override { return udp_port_; }
  std::vector<int> extra_ports() const override { return {ports_.begin() + 1, ports_.end()}; }

 private:
  struct Connection {
    std::atomic<bool> done{false};
    std::jthread thread;
  };

  void Serve(const std::stop_token& stop) {
    std::list<Connection> connections;
    std::vector<pollfd> waiting;
    for (const Socket& socket : sockets_) waiting.push_back({socket.descriptor(), POLLIN, 0});
    if (udp_.open()) waiting.push_back({udp_.descriptor(), POLLIN, 0});
    while (!stop.stop_requested()) {
      connections.remove_if([](const Connection& connection) { return connection.done.load(); });
      if (::poll(waiting.data(), waiting.size(), static_cast<int>(kTurn.count())) <= 0) continue;
      for (const pollfd& one : waiting) {
        if ((one.revents & POLLIN) == 0) continue;
        if (one.fd == udp_.descriptor()) {
          EchoDatagram();
          continue;
        }
        Socket accepted(::accept4(one.fd, nullptr, nullptr, SOCK_CLOEXEC));
        if (!accepted.open() || connections.size() >= kMaxConnections) continue;
        Connection& connection = connections.emplace_back();
        connection.thread = std::jthread([this, &connection, socket = std::move(accepted)] {
          Handle(socket);
          connection.done = true;
        });
      }
    }
  }

  void EchoDatagram() {
    std::array<char, kMaxDatagram> bytes{};
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    auto* address = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(udp_.descriptor(), bytes.data(), bytes.size(), MSG_DONTWAIT, address, &size);
    if (got < 0) return;
    records_.Received("Datagram");
    ::sendto(udp_.descriptor(), bytes.data(), static_cast<std::size_t>(got), 0, address, size);
  }

  void Handle(const Socket& socket) {
    const Deadline until = steady_clock::now() + kRequestTime;
    http::request_parser<http::string_body> parser;
    parser.eager(true);
    parser.body_limit(kMaxBody);
    std::string received;
    bool ended = false;
    while (!parser.is_done()) {
      if (!ReceiveSome(socket, received, ended, until).empty() || ended) return;
      boost::beast::error_code code;
      const std::size_t used = parser.put(boost::asio::buffer(received), code);
      if (code && code != http::error::need_more) return Answer(socket, {400, "bad request\n"});
      received.erase(0, used);
    }
    Answer(socket, Dispatch(parser.get()));
  }

  static void Answer(const Socket& socket, const Reply& reply) {
    std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " " +
                       std::string(http::obsolete_reason(static_cast<http::status>(reply.status))) +
                       "\r\nConnection: close\r\nContent-Type: " + reply.type +
                       "\r\nContent-Length: " + std::to_string(reply.body.size()) + "\r\n";
    if (!reply.done.empty()) head += "X-Meshplay-Done: " + reply.done + "\r\n";
    SendAll(socket, head + "\r\n" + reply.body, steady_clock::now() + kRequestTime);
    ::shutdown(socket.descriptor(), SHUT_WR);
  }

  Reply Dispatch(const HttpRequest& request) {
    const std::string target(request.target());
    const std::string path = target.substr(0, target.find('?'));
    const auto caller = request.find("ServiceName");
    const bool from_application = caller != request.end();
    const bool metrics = path == "/metrics" || path == "/metrics/summary" || path == "/metrics/reset";
    if (metrics && !from_application) return Metrics(request.method(), path);
    if (path == "/call" && !from_application) return Call(request, target);
    records_.Received(from_application ? std::string(caller->value()) : "Unidentified");
    std::ostringstream dump;
    dump << request.method_string() << ' ' << target << " HTTP/1.1\n";
    for (const auto& field : request) dump << field.name_string() << ": " << field.value() << '\n';
    return {200, dump.str()};
  }

  Reply Metrics(http::verb method, const std::string& path) {
    if (method == http::verb::delete_ || path == "/metrics/reset") {
      records_.Reset();
      return {};
    }
    if (method != http::verb::get) return {400, "GET or DELETE\n"};
    const nlohmann::json document = path == "/metrics" ? records_.Full() : records_.Summary();
    return {200, document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n", "application/json"};
  }

  Reply Call(const HttpRequest& request, const std::string& target) {
    const std::string_view key = "/call?request=";
    const bool by_get = request.method() == http::verb::get && target.starts_with(key);
    if (request.method() != http::verb::post && !by_get) return {};
    const std::string text = by_get ? Decoded(std::string_view(target).substr(key.size())) : request.body();
    const nlohmann::json wish = nlohmann::json::parse(text, nullptr, false);
    if (!wish.is_object() || TextAt(wish, "url").empty()) return {400, "an object with url is needed\n"};
    Wanted wanted;
    wanted.url = TextAt(wish, "url");
    wanted.method = TextAt(wish, "method").empty() ? "GET" : TextAt(wish, "method");
    wanted.body = TextAt(wish, "body");
    const auto headers = wish.find("headers");
    if (headers != wish.end() && headers->is_object()) {
      for (const auto& [name, value] : headers->items()) {
        if (value.is_string()) wanted.headers[name] = value.get<std::string>();
      }
    }
    wanted.headers["ServiceName"] = options_.service_name;
    const auto count = wish.find("count");
    const std::size_t times =
        count != wish.end() && count->is_number_unsigned() ? std::clamp<std::size_t>(*count, 1, kMaxCalls) : 1;
    const Deadline until = steady_clock::now() + kCallTime;
    Reply reply;
    std::size_t done = 0;
    while (done < times && steady_clock::now() < until) {
      conformance_app::Answer answer = Exchange(wanted, options_.client_timeout);
      records_.Called(wanted, answer);
      reply.body = std::move(answer.body);
      ++done;
    }
    reply.done = std::to_string(done);
    return reply;
  }

  const ServerOptions options_;
  const std::vector<Socket> sockets_;
  const std::vector<int> ports_;
  const Socket udp_;
  const int udp_port_;
  Records records_;
  std::jthread loop_;  ///< Last: it uses all of the above.
};

}  // namespace

std::unique_ptr<Server> Server::Start(const ServerOptions& options, std::string& error) {
  std::vector<Socket> sockets;
  std::vector<int> ports = options.extra_ports;
  ports.insert(ports.begin(), options.port);
  for (int& port : ports) {
    sockets.push_back(Listen(port, false, port, error));
    if (!sockets.back().open()) return nullptr;
  }
  int udp_port = -1;
  Socket udp;
  if (options.udp_port >= 0) {
    udp = Listen(options.udp_port, true, udp_port, error);
    if (!udp.open()) return nullptr;
  }
  return std::make_unique<ServerImpl>(options, std::move(sockets), std::move(ports), std::move(udp), udp_port);
}

}  // namespace meshplay::conformance_app
