#include "libs/http/server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>

#include "libs/base/clock.h"
#include "libs/base/tls.h"
#include "libs/http/client.h"
#include "tests/support/eventually.h"

using namespace std::chrono_literals;
using namespace meshplay;
using http::HttpsServer;
using http::Method;
using http::ServerAnswer;
using http::ServerOptions;
using http::ServerRequest;

namespace {

const UnixMs kNow = SystemClock().NowUnixMs();

KeyPair Leaf(const KeyPair& authority, const std::string& name) {
  CertificateRequest request;
  request.common_name = name;
  request.ip_addresses = {"127.0.0.1"};
  request.lifetime = 1h;
  request.server_auth = request.client_auth = true;
  return IssueKeyPair(authority, request, kNow).value();
}

/// Tells what it saw; "/slow" waits until it is let go.
class Echo final : public http::ServerHandler {
 public:
  ServerAnswer Handle(const ServerRequest& request) override {
    ++handled;
    if (request.target == "/slow") gate.get_future().wait();
    std::string names;
    for (const std::string& der : request.client_chain_der) {
      names += ReadCertificate(DerToPem(der).value()).value().subject_common_name + ";";
    }
    return {200, "text/plain", request.target + " " + names, {{"X-Seen", "yes"}}};
  }
  ServerAnswer Refuse(int status, const std::string& message) override { return {status, "text/plain", message, {}}; }

  std::atomic<int> handled{0};
  std::promise<void> gate;
};

struct Served {
  explicit Served(ServerOptions options = {}) {
    options.listen = "127.0.0.1:0";
    auto started = HttpsServer::Start(options, Leaf(authority, "server"), echo);
    REQUIRE(started.has_value());
    server = std::move(*started);
  }

  std::unique_ptr<http::Client> Client(const KeyPair* identity = nullptr) const {
    http::ClientOptions options;
    options.tls.ca_pem = authority.certificate_chain_pem;
    if (identity != nullptr) {
      options.tls.client_certificate_pem = identity->certificate_chain_pem;
      options.tls.client_key_pem = identity->private_key_pem;
    }
    return http::Client::Create(options).value();
  }
  http::Request Ask(const std::string& target, Method method = Method::kGet) const {
    http::Request request;
    request.method = method;
    request.url = "https://" + server->address() + target;
    request.timeout = 60s;
    return request;
  }
  /// 0 without an answer. For any thread, so nothing is asserted here.
  int StatusOf(const http::Request& request) const {
    const auto answer = Client()->Send(request);
    return answer ? answer->status : 0;
  }
  /// A TCP connection that says nothing.
  int Connect() const {
    const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server->port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(handle, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    return handle;
  }

  KeyPair authority = NewCertificateAuthority("server CA", 1h, kNow).value();
  Echo echo;
  std::unique_ptr<HttpsServer> server;
};

/// True when the peer closes the connection within the time.
bool IsClosed(int handle, std::chrono::milliseconds time) {
  const timeval wait{time.count() / 1000, static_cast<suseconds_t>(time.count() % 1000 * 1000)};
  ::setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  char byte = 0;
  const auto got = ::recv(handle, &byte, 1, 0);
  const bool closed = got == 0 || (got < 0 && errno == ECONNRESET);
  ::close(handle);
  return closed;
}

}  // namespace

TEST_CASE("a GET is answered and a HEAD gets the head of the same answer", "[http][server]") {
  Served served;
  const auto client = served.Client();
  for (int i = 0; i < 2; ++i) {  // the second one on the kept connection
    const auto got = client->Send(served.Ask("/a?b=c"));
    REQUIRE(got.has_value());
    CHECK(got->status == 200);
    CHECK(got->body == "/a?b=c ");
    CHECK(got->HeaderValue("X-Seen") == "yes");
    const auto head = client->Send(served.Ask("/a?b=c", Method::kHead));
    REQUIRE(head.has_value());
    CHECK(head->body.empty());
    CHECK(head->HeaderValue("Content-Length") == "7");
  }
}

TEST_CASE("a client certificate of any authority is passed on, and none is none", "[http][server]") {
  Served served;
  const KeyPair stranger = Leaf(NewCertificateAuthority("other CA", 1h, kNow).value(), "stranger");
  CHECK(served.Client(&stranger)->Send(served.Ask("/"))->body == "/ stranger;");
  CHECK(served.Client()->Send(served.Ask("/"))->body == "/ ");
}

TEST_CASE("what is no plain question is refused", "[http][server]") {
  ServerOptions options;
  options.max_header_bytes = 8 * 1024;
  options.max_target_bytes = 1024;
  Served served(options);
  CHECK(served.StatusOf(served.Ask("/", Method::kPost)) == 405);
  CHECK(served.StatusOf(served.Ask("/", Method::kDelete)) == 405);
  CHECK(served.StatusOf(served.Ask("/" + std::string(2'000, 'a'))) == 414);
  http::Request large = served.Ask("/");
  large.headers.push_back({"X-Large", std::string(9'000, 'a')});
  CHECK(served.StatusOf(large) == 431);
  http::Request with_body = served.Ask("/");
  with_body.body = "hello";
  CHECK(served.StatusOf(with_body) == 413);
  CHECK(served.echo.handled == 0);
}

TEST_CASE("plain HTTP and old TLS get no answer", "[http][server]") {
  Served served;
  const int handle = served.Connect();
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  REQUIRE(::send(handle, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  std::string answer(1024, '\0');
  const auto got = ::recv(handle, answer.data(), answer.size(), 0);
  CHECK((got <= 0 || answer[0] == 21));  // at most a TLS alert
  ::close(handle);
  CHECK(served.echo.handled == 0);
}

TEST_CASE("connections beyond the limit are closed at once", "[http][server]") {
  ServerOptions options;
  options.max_connections = 2;
  options.handshake_timeout = 300s;
  Served served(options);
  const int first = served.Connect(), second = served.Connect();
  CHECK(IsClosed(served.Connect(), 60s));
  CHECK_FALSE(IsClosed(first, 1ms));
  CHECK_FALSE(IsClosed(second, 1ms));
  CHECK(test::Eventually(60s, [&] { return served.Client()->Send(served.Ask("/")).has_value(); }));
}

TEST_CASE("a connection that says nothing is closed after its time", "[http][server]") {
  ServerOptions options;
  options.handshake_timeout = 300ms;
  Served served(options);
  CHECK(IsClosed(served.Connect(), 60s));
}

TEST_CASE("requests beyond workers and queue are refused with 503", "[http][server]") {
  ServerOptions options;
  options.workers = 1;
  options.worker_queue = 1;
  Served served(options);
  const auto slow = [&] { return served.StatusOf(served.Ask("/slow")); };
  auto running = std::async(std::launch::async, slow);
  REQUIRE(test::Eventually(60s, [&] { return served.echo.handled == 1; }));
  auto waiting = std::async(std::launch::async, [&] { return served.StatusOf(served.Ask("/waits")); });
  // Whoever comes first waits; everybody after that is refused.
  CHECK(test::Eventually(60s, [&] {
    http::Request request = served.Ask("/more");
    request.timeout = 2s;
    const auto answer = served.Client()->Send(request);
    return answer && answer->status == 503;
  }));
  served.echo.gate.set_value();
  CHECK(running.get() == 200);
  const int late = waiting.get();
  CHECK((late == 200 || late == 503));
}

TEST_CASE("a stop lets the request in progress end and closes idle connections", "[http][server]") {
  Served served;
  const auto idle = served.Client();
  REQUIRE(idle->Send(served.Ask("/")).has_value());
  auto running = std::async(std::launch::async, [&] { return served.StatusOf(served.Ask("/slow")); });
  REQUIRE(test::Eventually(60s, [&] { return served.echo.handled == 2; }));
  auto stopping = std::async(std::launch::async, [&] { served.server->Stop(60s); });
  CHECK(test::Eventually(60s, [&] { return !idle->Send(served.Ask("/")).has_value(); }));
  CHECK(stopping.wait_for(0s) == std::future_status::timeout);
  served.echo.gate.set_value();
  CHECK(running.get() == 200);
  CHECK(stopping.wait_for(60s) == std::future_status::ready);
}

TEST_CASE("a new certificate holds for new connections", "[http][server]") {
  Served served;
  const KeyPair other = NewCertificateAuthority("next CA", 1h, kNow).value();
  REQUIRE(served.server->UseCertificate(Leaf(other, "server")).has_value());
  const auto untrusted = served.Client()->Send(served.Ask("/"));
  REQUIRE_FALSE(untrusted.has_value());
  CHECK(untrusted.error().reason() == "TLS_PEER_UNTRUSTED");
  served.authority.certificate_chain_pem = other.certificate_chain_pem;
  CHECK(served.StatusOf(served.Ask("/")) == 200);
  CHECK(served.server->UseCertificate({Secret("no key"), "no certificate"}).error().reason() == "TLS_MATERIAL_INVALID");
  CHECK(served.StatusOf(served.Ask("/")) == 200);
}

TEST_CASE("an address that is none, or is taken, is an error", "[http][server]") {
  Served served;
  const KeyPair leaf = Leaf(served.authority, "server");
  const auto reason = [&](const std::string& listen) {
    ServerOptions options;
    options.listen = listen;
    auto started = HttpsServer::Start(options, leaf, served.echo);
    return started ? std::string() : started.error().reason();
  };
  for (const char* bad :
       {"", "9443", "localhost:9443", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:1x"}) {
    CHECK(reason(bad) == "LISTEN_ADDRESS_INVALID");
  }
  CHECK(reason(served.server->address()) == "LISTEN_FAILED");
  CHECK(reason("[::1]:0").empty());
}
