#include "libs/http/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <stop_token>
#include <thread>

#include "tests/unit/http/loopback.h"

using namespace std::chrono_literals;
using meshplay::ErrorCode;
using meshplay::http::Client;
using meshplay::http::ClientOptions;
using meshplay::http::Method;
using meshplay::http::Request;
using meshplay::testing::LoopbackServer;
using meshplay::testing::SeenRequest;
using meshplay::testing::Wire;

namespace {

std::unique_ptr<Client> MakeClient(ClientOptions options = {}) {
  auto client = Client::Create(std::move(options));
  REQUIRE(client);
  return std::move(*client);
}

Request To(const LoopbackServer& server, const std::string& target, std::chrono::milliseconds timeout = 60s) {
  Request request;
  request.url = server.url(target);
  request.timeout = timeout;
  return request;
}

std::chrono::milliseconds Since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

}  // namespace

TEST_CASE("a request arrives whole and its answer comes back whole", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) { wire.Answer(409, "no", {{"X-Reason", "because"}}); });
  const auto client = MakeClient();

  Request request = To(server, "/a?b=c");
  request.method = Method::kPatch;
  request.body = std::string(200'000, 'x');
  request.headers = {{"Content-Type", "text/plain"}};
  const auto answer = client->Send(request);

  REQUIRE(answer);
  CHECK(answer->status == 409);
  CHECK(answer->body == "no");
  CHECK(answer->HeaderValue("x-reason") == "because");
  CHECK(answer->HeaderValue("absent").empty());
  const SeenRequest seen = server.seen().at(0);
  CHECK(seen.method == "PATCH");
  CHECK(seen.target == "/a?b=c");
  CHECK(seen.body.size() == 200'000);
  CHECK(seen.headers.at("content-type") == "text/plain");
  CHECK(seen.headers.at("host") == "127.0.0.1:" + std::to_string(server.port()));
}

TEST_CASE("the next request uses the same connection", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) { wire.Answer(200, "ok"); });
  const auto client = MakeClient();

  REQUIRE(client->Send(To(server, "/1")));
  REQUIRE(client->Send(To(server, "/2")));

  CHECK(server.seen().at(1).connection == 1);
}

TEST_CASE("a connection that the server closed in between is replaced", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) {
    wire.Answer(200, "ok");
    wire.Cut();
  });
  const auto client = MakeClient();

  for (int i = 0; i < 20; ++i) REQUIRE(client->Send(To(server, "/")));
  CHECK(server.seen().size() == 20);
}

TEST_CASE("a POST whose answer got lost is not sent again", "[http]") {
  LoopbackServer server([](const SeenRequest& request, Wire& wire) {
    if (request.method == "GET") {
      wire.Answer(200, "ok");
    } else {
      wire.Cut();
    }
  });
  const auto client = MakeClient();
  REQUIRE(client->Send(To(server, "/warm")));

  Request request = To(server, "/write");
  request.method = Method::kPost;
  const auto answer = client->Send(request);

  REQUIRE_FALSE(answer);
  CHECK(answer.error().reason() == "HTTP_CONNECTION_LOST");
  CHECK(answer.error().metadata().at("request_sent") == "yes");
  CHECK(server.seen().size() == 2);
}

TEST_CASE("an answer that comes before the body was taken is read, though the rest cannot be sent", "[http]") {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  std::thread refuses([listener] {
    const int peer = ::accept(listener, nullptr, nullptr);
    char some[1024];
    ::recv(peer, some, sizeof some, 0);
    const std::string answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch";
    ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(peer);  // with bytes unread: the kernel resets the connection
  });
  Request request;
  request.url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/large";
  request.method = Method::kPost;
  request.body = std::string(32'000'000, 'x');
  request.timeout = 60s;
  const auto answer = MakeClient()->Send(request);
  refuses.join();
  ::close(listener);
  REQUIRE(answer);
  CHECK(answer->status == 413);
  CHECK(answer->body == "much");
}

TEST_CASE("a server that does not answer costs no more than the timeout", "[http]") {
  LoopbackServer server([](const SeenRequest& request, Wire& wire) {
    if (request.target == "/head") wire.Raw("HTTP/1.1 200 OK\r\n");
    if (request.target == "/body") wire.Raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    wire.WaitForPeerToClose();
  });
  const auto client = MakeClient();
  const auto start = std::chrono::steady_clock::now();

  const auto answer = client->Send(To(server, GENERATE(as<std::string>{}, "/nothing", "/head", "/body"), 200ms));

  REQUIRE_FALSE(answer);
  CHECK(answer.error().code() == ErrorCode::kDeadlineExceeded);
  CHECK(answer.error().reason() == "HTTP_TIMEOUT");
  CHECK(answer.error().metadata().at("request_sent") == "yes");
  CHECK(Since(start) >= 200ms);
  CHECK(Since(start) < 30s);
}

TEST_CASE("a stop from another thread ends a waiting call at once", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) { wire.WaitForPeerToClose(); });
  const auto client = MakeClient();
  std::stop_source source;
  Request request = To(server, "/", 300s);
  request.stop = source.get_token();

  auto call = std::async(std::launch::async, [&] { return client->Send(request); });
  REQUIRE(server.WaitForRequests(1));
  const auto start = std::chrono::steady_clock::now();
  source.request_stop();
  const auto answer = call.get();

  REQUIRE_FALSE(answer);
  CHECK(answer.error().code() == ErrorCode::kCancelled);
  CHECK(answer.error().metadata().at("request_sent") == "yes");
  CHECK(Since(start) < 30s);
}

TEST_CASE("a stop that came before the call sends nothing", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) { wire.Answer(200, "ok"); });
  std::stop_source source;
  source.request_stop();
  Request request = To(server, "/");
  request.stop = source.get_token();

  const auto answer = MakeClient()->Send(request);

  REQUIRE_FALSE(answer);
  CHECK(answer.error().reason() == "CANCELLED");
  CHECK(answer.error().metadata().at("request_sent") == "no");
  CHECK(server.seen().empty());
}

TEST_CASE("an unreachable server is told from a lost answer", "[http]") {
  Request request;
  request.url = "http://127.0.0.1:" + std::to_string(meshplay::testing::ClosedPort()) + "/";
  const auto refused = MakeClient()->Send(request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::kUnavailable);
  CHECK(refused.error().reason() == "HTTP_UNREACHABLE");
  CHECK(refused.error().metadata().at("request_sent") == "no");

  request.url = "http://no-such-host.invalid/";
  const auto unknown = MakeClient()->Send(request);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().reason() == "HTTP_UNREACHABLE");
}

TEST_CASE("an answer larger than allowed is refused, announced or not", "[http]") {
  LoopbackServer server([](const SeenRequest& request, Wire& wire) {
    if (request.target == "/announced") {
      wire.Answer(200, std::string(1001, 'x'));
    } else {
      wire.BeginChunked(200);
      for (int i = 0; i < 11; ++i) wire.Chunk(std::string(100, 'x'));
      wire.EndChunked();
    }
  });
  Request request = To(server, GENERATE(as<std::string>{}, "/announced", "/chunked"));
  request.max_body_bytes = 1000;
  const auto answer = MakeClient()->Send(request);

  REQUIRE_FALSE(answer);
  CHECK(answer.error().code() == ErrorCode::kResourceExhausted);
  CHECK(answer.error().reason() == "HTTP_ANSWER_TOO_LARGE");
}

TEST_CASE("an answer of exactly the allowed size is fine", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) { wire.Answer(200, std::string(1000, 'x')); });
  Request request = To(server, "/");
  request.max_body_bytes = 1000;
  const auto answer = MakeClient()->Send(request);
  REQUIRE(answer);
  CHECK(answer->body.size() == 1000);
}

TEST_CASE("something that is not HTTP is an invalid answer", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) {
    wire.Raw("220 smtp.example.com ESMTP\r\n\r\n");
    wire.Cut();
  });
  const auto answer = MakeClient()->Send(To(server, "/"));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().reason() == "HTTP_ANSWER_INVALID");
}

TEST_CASE("interim answers are skipped and HEAD expects no body", "[http]") {
  LoopbackServer server([](const SeenRequest& request, Wire& wire) {
    if (request.method == "HEAD") {
      wire.Raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    } else {
      wire.Raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
      wire.Answer(200, "late");
    }
  });
  const auto client = MakeClient();
  Request head = To(server, "/");
  head.method = Method::kHead;
  REQUIRE(client->Send(head));
  const auto answer = client->Send(To(server, "/"));
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body == "late");
}

TEST_CASE("headers that would smuggle another request are refused", "[http]") {
  Request request;
  request.url = "http://127.0.0.1:1/";
  request.headers = {{"X", "a\r\nEvil: 1"}};
  const auto answer = MakeClient()->Send(request);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().reason() == "HTTP_HEADER_INVALID");
}

TEST_CASE("a stream delivers pieces as they come and may be ended by its reader", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) {
    wire.BeginChunked(200);
    wire.Chunk("one\n");
    wire.Chunk("two\n");
    wire.WaitForPeerToClose();
  });
  std::string got;
  const auto answer = MakeClient()->Stream(To(server, "/watch"), {}, [&](std::string_view piece) {
    got += piece;
    return got.find("two") == std::string::npos;
  });
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(got == "one\ntwo\n");
}

TEST_CASE("a stream outlives the timeout of its head but not its idle timeout", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) {
    wire.BeginChunked(200);
    for (int i = 0; i < 5; ++i) {
      std::this_thread::sleep_for(450ms);
      wire.Chunk("x");
    }
    wire.WaitForPeerToClose();
  });
  std::string got;
  const auto answer = MakeClient()->Stream(To(server, "/", 2s), {4s}, [&](std::string_view piece) {
    got += piece;
    return true;
  });
  REQUIRE_FALSE(answer);
  CHECK(answer.error().reason() == "HTTP_TIMEOUT");
  CHECK(got == "xxxxx");
}

TEST_CASE("a stream that is cut is an error and one that ends is none", "[http]") {
  LoopbackServer server([](const SeenRequest& request, Wire& wire) {
    wire.BeginChunked(200);
    wire.Chunk("x");
    if (request.target == "/end") wire.EndChunked();
    wire.Cut();
  });
  const auto client = MakeClient();
  const auto ignore = [](std::string_view) { return true; };
  CHECK(client->Stream(To(server, "/end"), {}, ignore));
  const auto cut = client->Stream(To(server, "/cut"), {}, ignore);
  REQUIRE_FALSE(cut);
  CHECK(cut.error().reason() == "HTTP_CONNECTION_LOST");
}

TEST_CASE("the body of a stream's refusal is returned whole", "[http]") {
  LoopbackServer server([](const SeenRequest&, Wire& wire) { wire.Answer(403, "forbidden"); });
  const auto answer = MakeClient()->Stream(To(server, "/"), {}, [](std::string_view) -> bool {
    FAIL("no piece was expected");
    return false;
  });
  REQUIRE(answer);
  CHECK(answer->status == 403);
  CHECK(answer->body == "forbidden");
}

TEST_CASE("many threads share one client", "[http]") {
  LoopbackServer server([](const SeenRequest& request, Wire& wire) { wire.Answer(200, request.target); });
  const auto client = MakeClient();
  std::vector<std::future<bool>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(std::async(std::launch::async, [&, i] {
      bool good = true;
      for (int j = 0; j < 50; ++j) {
        const std::string target = "/" + std::to_string(i) + "/" + std::to_string(j);
        const auto answer = client->Send(To(server, target));
        good = good && answer && answer->body == target;
      }
      return good;
    }));
  }
  for (auto& call : calls) CHECK(call.get());
}
