#include <catch2/catch.hpp>

#include "tests/unit/kube/exec_wire.h"
#include "tests/unit/kube/fake_api.h"

using namespace meshplay::kube;
using namespace meshplay::testing;
using namespace std::chrono_literals;

namespace {

// The payloads of masked client frames (all short) at the front of `bytes`.
std::vector<std::string> Unmasked(const std::string& bytes) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at + 6 <= bytes.size();) {
    const std::size_t size = static_cast<unsigned char>(bytes[at + 1]) & 0x7f;
    std::string data = bytes.substr(at + 6, size);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(data[i] ^ bytes[at + 2 + i % 4]);
    out.push_back(data);
    at += 6 + size;
  }
  return out;
}

std::unique_ptr<Client> ClientOf(const LoopbackServer& server) {
  Access access;
  access.server_url = server.url();
  access.token = meshplay::Secret("t0ken");
  auto client = Client::Create(access);
  REQUIRE(client);
  return std::move(*client);
}

const ExecRequest kLs{"shop", "web", "app", {"ls", "-l", "a b"}};

}  // namespace

TEST_CASE("a program in a container is run over a WebSocket", "[kube]") {
  std::vector<std::string> got;
  LoopbackServer server(AcceptingExec([&](Wire& wire) {
    std::string bytes;
    while (Unmasked(bytes).size() < 2) bytes += wire.ReadSome();
    got = Unmasked(bytes);
    wire.Raw(ChannelMessage(1, "out") + ChannelMessage(2, "err"));
    wire.Raw(ChannelMessage(3, R"({"status":"Success"})"));
    wire.WaitForPeerToClose();
  }));
  ExecRequest request = kLs;
  request.stdin_text = "hello";

  const auto outcome = ClientOf(server)->Exec(request);

  REQUIRE(outcome);
  CHECK(outcome->exit_code == 0);
  CHECK(outcome->stdout_text == "out");
  CHECK(outcome->stderr_text == "err");
  REQUIRE(got.size() == 2);
  CHECK(got[0] == std::string(1, '\0') + "hello");
  CHECK(got[1] == std::string("\xff") + '\0');
  const SeenRequest seen = server.seen().at(0);
  CHECK(seen.target ==
        "/api/v1/namespaces/shop/pods/web/exec?container=app&stdin=true&stdout=true&stderr=true"
        "&command=ls&command=-l&command=a%20b");
  CHECK(seen.headers.at("sec-websocket-protocol") == "v5.channel.k8s.io");
  CHECK(seen.headers.at("authorization") == "Bearer t0ken");
}

TEST_CASE("an exec that is declined, cut or silent is an error", "[kube]") {
  LoopbackServer declining([](const SeenRequest&, Wire& wire) {
    wire.Answer(404, StatusBody(404, "NotFound", "pods \"web\" not found", {{"name", "web"}}).dump());
  });
  CHECK(ClientOf(declining)->Exec(kLs).error().reason() == "OBJECT_NOT_FOUND");

  LoopbackServer cutting(AcceptingExec([](Wire& wire) { wire.Raw(ChannelMessage(1, "half")); }));
  CHECK(ClientOf(cutting)->Exec(kLs).error().reason() == "TARGET_UNREACHABLE");

  LoopbackServer silent(AcceptingExec([](Wire& wire) { wire.WaitForPeerToClose(); }));
  const auto late = ClientOf(silent)->Exec(kLs, {.timeout = 200ms});
  REQUIRE_FALSE(late);
  CHECK(late.error().reason() == "TARGET_TIMEOUT");
}

TEST_CASE("a server that speaks another protocol is not trusted with an exec", "[kube]") {
  LoopbackServer server([](const SeenRequest& request, Wire& wire) {
    wire.Raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
             WebSocketAccept(request.headers.at("sec-websocket-key")) + "\r\nSec-WebSocket-Protocol: other\r\n\r\n");
    wire.Cut();
  });
  CHECK(ClientOf(server)->Exec(kLs).error().reason() == "TARGET_ANSWER_INVALID");
}
