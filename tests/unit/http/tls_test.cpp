#include <fcntl.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "libs/base/clock.h"
#include "libs/base/tls.h"
#include "libs/http/client.h"
#include "tests/unit/http/loopback.h"

using namespace std::chrono_literals;
using meshplay::KeyPair;
using meshplay::http::Client;
using meshplay::http::ClientOptions;
using meshplay::http::Request;
using meshplay::testing::LoopbackServer;
using meshplay::testing::SeenRequest;
using meshplay::testing::ServerTls;
using meshplay::testing::Wire;

namespace {

struct Authority {
  meshplay::UnixMs now = meshplay::SystemClock().NowUnixMs();
  KeyPair ca = meshplay::NewCertificateAuthority("test CA", 1h, now).value();

  KeyPair Leaf(std::vector<std::string> dns, std::vector<std::string> ips) const {
    meshplay::CertificateRequest request;
    request.common_name = "leaf";
    request.dns_names = std::move(dns);
    request.ip_addresses = std::move(ips);
    request.lifetime = 1h;
    request.server_auth = true;
    request.client_auth = true;
    return meshplay::IssueKeyPair(ca, request, now).value();
  }
};

ServerTls TlsOf(const KeyPair& leaf, const std::string& client_ca = "") {
  return {leaf.certificate_chain_pem, leaf.private_key_pem.Reveal(), client_ca};
}

meshplay::Result<meshplay::http::Response> Fetch(const LoopbackServer& server, ClientOptions options) {
  auto client = Client::Create(std::move(options));
  if (!client) return std::move(client).error();
  Request request;
  request.url = server.url("/");
  request.timeout = 60s;
  return (*client)->Send(request);
}

const auto kOk = [](const SeenRequest&, Wire& wire) { wire.Answer(200, "ok"); };

}  // namespace

TEST_CASE("a server with a certificate of the given authority is trusted", "[http][tls]") {
  const Authority authority;
  LoopbackServer server(kOk, TlsOf(authority.Leaf({}, {"127.0.0.1"})));
  ClientOptions options;
  options.tls.ca_pem = authority.ca.certificate_chain_pem;

  const auto answer = Fetch(server, options);

  REQUIRE(answer);
  CHECK(answer->body == "ok");
}

TEST_CASE("a server of another authority or another name is not trusted", "[http][tls]") {
  const Authority authority;
  const Authority other;
  ClientOptions options;
  options.tls.ca_pem = authority.ca.certificate_chain_pem;

  LoopbackServer stranger(kOk, TlsOf(other.Leaf({}, {"127.0.0.1"})));
  LoopbackServer misnamed(kOk, TlsOf(authority.Leaf({"api.example.com"}, {})));
  for (const LoopbackServer* server : {&stranger, &misnamed}) {
    const auto answer = Fetch(*server, options);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().reason() == "TLS_PEER_UNTRUSTED");
    CHECK(answer.error().metadata().at("request_sent") == "no");
    CHECK(server->seen().empty());
  }
}

TEST_CASE("the server name to verify can be given", "[http][tls]") {
  const Authority authority;
  LoopbackServer server(kOk, TlsOf(authority.Leaf({"api.example.com"}, {})));
  ClientOptions options;
  options.tls.ca_pem = authority.ca.certificate_chain_pem;
  options.tls.server_name = "api.example.com";
  CHECK(Fetch(server, options));

  options.tls.server_name = "other.example.com";
  CHECK_FALSE(Fetch(server, options));
}

TEST_CASE("verification can be switched off", "[http][tls]") {
  const Authority authority;
  LoopbackServer server(kOk, TlsOf(authority.Leaf({"api.example.com"}, {})));
  ClientOptions options;
  options.tls.verify = false;
  CHECK(Fetch(server, options));
}

TEST_CASE("a client certificate is shown to a server that asks for one", "[http][tls]") {
  const Authority authority;
  LoopbackServer server(kOk, TlsOf(authority.Leaf({}, {"127.0.0.1"}), authority.ca.certificate_chain_pem));
  ClientOptions options;
  options.tls.ca_pem = authority.ca.certificate_chain_pem;
  CHECK_FALSE(Fetch(server, options));

  const KeyPair leaf = authority.Leaf({}, {});
  options.tls.client_certificate_pem = leaf.certificate_chain_pem;
  options.tls.client_key_pem = leaf.private_key_pem;
  CHECK(Fetch(server, options));
}

TEST_CASE("TLS material that cannot work is refused when the client is made", "[http][tls]") {
  const Authority authority;
  const KeyPair one = authority.Leaf({}, {});
  const KeyPair two = authority.Leaf({}, {});
  ClientOptions options;
  SECTION("a CA that is no PEM") {
    options.tls.ca_pem = "not a certificate";
  }
  SECTION("a CA that is cut") {
    options.tls.ca_pem = authority.ca.certificate_chain_pem.substr(0, 200);
  }
  SECTION("a certificate without key") {
    options.tls.client_certificate_pem = one.certificate_chain_pem;
  }
  SECTION("the key of another certificate") {
    options.tls.client_certificate_pem = one.certificate_chain_pem;
    options.tls.client_key_pem = two.private_key_pem;
  }
  SECTION("a key that is no PEM") {
    options.tls.client_certificate_pem = one.certificate_chain_pem;
    options.tls.client_key_pem = meshplay::Secret("secret text");
  }
  const auto client = Client::Create(options);
  REQUIRE_FALSE(client);
  CHECK(client.error().reason() == "TLS_MATERIAL_INVALID");
  CHECK(client.error().message().find("secret text") == std::string::npos);
}

TEST_CASE("a timeout also ends a TLS handshake that the server does not go on with", "[http][tls]") {
  // Speaks no TLS: it waits for a request line that never comes.
  LoopbackServer server(kOk);
  auto client = Client::Create();
  REQUIRE(client);
  Request request;
  request.url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
  request.timeout = 200ms;
  const auto start = std::chrono::steady_clock::now();

  const auto answer = (*client)->Send(request);

  REQUIRE_FALSE(answer);
  CHECK(answer.error().reason() == "HTTP_TIMEOUT");
  CHECK(answer.error().metadata().at("request_sent") == "no");
  CHECK(std::chrono::steady_clock::now() - start < 30s);
}

TEST_CASE("a child process would inherit no connection", "[http][tls]") {
  const Authority authority;
  std::size_t inheritable = 0;
  std::size_t sockets = 0;
  LoopbackServer server(
      [&](const SeenRequest&, Wire& wire) {
        // Counts while the client's connection is open; the server's own sockets are close-on-exec as well.
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
          std::error_code ec;
          const std::string target = std::filesystem::read_symlink(entry.path(), ec).string();
          if (ec || target.rfind("socket:", 0) != 0) continue;
          const int flags = ::fcntl(std::stoi(entry.path().filename()), F_GETFD);
          if (flags < 0 || std::stoi(entry.path().filename()) < 3) continue;
          ++sockets;
          if ((flags & FD_CLOEXEC) == 0) ++inheritable;
        }
        wire.Answer(200, "ok");
      },
      TlsOf(authority.Leaf({}, {"127.0.0.1"})));
  ClientOptions options;
  options.tls.ca_pem = authority.ca.certificate_chain_pem;
  REQUIRE(Fetch(server, options));
  CHECK(sockets >= 3);
  CHECK(inheritable == 0);
}
