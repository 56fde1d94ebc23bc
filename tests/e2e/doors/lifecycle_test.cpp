// Starting, stopping and following the real server.
#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <thread>

#include "libs/base/clock.h"
#include "libs/base/tls.h"
#include "meshplay/v1/access.grpc.pb.h"
#include "meshplay/v1/inventory.pb.h"
#include "tests/e2e/doors/server.h"
#include "tests/unit/services/fixture.h"

using namespace meshplay;
using namespace meshplay::testing;
using namespace std::chrono_literals;
using http::Method;
using Json = nlohmann::json;

namespace {

void CreateOperations(ServerProcess& server, const std::string& token, const std::string& prefix, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string body =
        R"({"type":"istio.install","target":{"cluster":"kind-dev"},"parameters":{"version":"1.30.3"},"reason":")" +
        prefix + std::to_string(i) + "\"}";
    REQUIRE(server.Send(Method::kPost, "/v1/operations", token, body).status == 202);
  }
}

/// Event ids ("id:" lines) that the SSE stream tells after `since`, until `last` was seen.
std::vector<std::string> FollowRest(ServerProcess& server, const std::string& token, const std::string& since,
                                    const std::string& last) {
  auto client = Must(http::Client::Create());
  http::Request request;
  request.url = "http://" + server.rest() + "/v1/events?since=" + since;
  request.headers = {{"Authorization", "Bearer " + token}, {"Accept", "text/event-stream"}};
  std::string text;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  const auto ended = client->Stream(request, {5s}, [&](std::string_view chunk) {
    text += chunk;
    return text.find("id: " + last + "\n") == std::string::npos && std::chrono::steady_clock::now() < deadline;
  });
  REQUIRE(ended.has_value());
  std::vector<std::string> ids;
  for (std::size_t at = text.find("id: "); at != std::string::npos; at = text.find("\nid: ", at)) {
    at += text[at] == '\n' ? 1 : 0;
    const std::size_t end = text.find('\n', at);
    const bool bookmark = text.compare(end + 1, 15, "event: bookmark") == 0;
    if (!bookmark) ids.push_back(text.substr(at + 4, end - at - 4));
    at = end;
  }
  return ids;
}

std::vector<std::string> FollowGrpc(ServerProcess& server, const std::string& token, const std::string& since,
                                    const std::string& last) {
  const auto stub = v1::Events::NewStub(server.channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 20s);
  context.AddMetadata("authorization", "Bearer " + token);
  v1::WatchEventsRequest request;
  request.set_since(since);
  const auto reader = stub->WatchEvents(&context, request);
  std::vector<std::string> ids;
  v1::EventFrame frame;
  while ((ids.empty() || ids.back() != last) && reader->Read(&frame)) {
    for (const auto& event : frame.events()) ids.push_back(event.id());
  }
  context.TryCancel();
  return ids;
}

}  // namespace

TEST_CASE("the event stream tells the same through both doors, and the list has neither more nor less") {
  const TemporaryDirectory folder = Must(TemporaryDirectory::Create("doors"));
  Seed seed = Seed::Plant(folder.path() + "/data");
  ServerProcess server(folder.path() + "/data");
  REQUIRE(server.WaitForPorts());
  const std::string& admin = seed.tokens["admin"];
  CreateOperations(server, admin, "e", 20);
  const Json list = Json::parse(server.Send(Method::kGet, "/v1/events?page_size=1000", admin).body);
  std::vector<std::string> expected;
  for (const auto& event : list["events"]) expected.push_back(event["id"]);
  REQUIRE(expected.size() > 20);
  const std::string start = expected[0].substr(0, expected[0].find('.')) + ".0";
  CHECK(FollowRest(server, admin, start, expected.back()) == expected);
  CHECK(FollowGrpc(server, admin, start, expected.back()) == expected);
  const std::vector<std::string> tail(expected.begin() + 10, expected.end());
  CHECK(FollowRest(server, admin, expected[9], expected.back()) == tail);
  CHECK(FollowGrpc(server, admin, expected[9], expected.back()) == tail);
}

TEST_CASE("SIGTERM ends the server in time with streams and connections open, and nothing acknowledged is lost") {
  const TemporaryDirectory folder = Must(TemporaryDirectory::Create("doors"));
  Seed seed = Seed::Plant(folder.path() + "/data");
  const std::string& admin = seed.tokens["admin"];
  std::vector<std::string> acknowledged;
  {
    ServerProcess server(folder.path() + "/data");
    REQUIRE(server.WaitForPorts());
    CreateOperations(server, admin, "warm", 1);
    // An open REST stream, an open gRPC stream, a waiting call, and a writer that goes on until it is refused.
    std::vector<std::thread> clients;
    std::atomic<int> open{0};
    clients.emplace_back([&] {
      const auto client = http::Client::Create();
      http::Request request;
      request.url = "http://" + server.rest() + "/v1/events";
      request.headers = {{"Authorization", "Bearer " + admin}, {"Accept", "text/event-stream"}};
      bool first = true;
      (void)(*client)->Stream(request, {}, [&](std::string_view) {
        if (first) open += 1;
        first = false;
        return true;
      });
    });
    clients.emplace_back([&] {
      const auto stub = v1::Events::NewStub(server.channel());
      grpc::ClientContext context;
      context.AddMetadata("authorization", "Bearer " + admin);
      const auto reader = stub->WatchEvents(&context, {});
      v1::EventFrame frame;
      bool first = true;
      while (reader->Read(&frame)) {
        if (first) open += 1;
        first = false;
      }
    });
    clients.emplace_back([&] {
      const auto client = http::Client::Create();
      http::Request request;
      request.method = Method::kPost;
      request.url = "http://" + server.rest() + "/v1/operations";
      request.headers = {{"Authorization", "Bearer " + admin}, {"Content-Type", "application/json"}};
      request.body = R"({"type":"istio.install","target":{"cluster":"kind-dev"},"parameters":{"version":"1.30.3"}})";
      for (int i = 0; i < 100'000; ++i) {
        const auto answer = (*client)->Send(request);
        if (!answer || answer->status != 202) break;
        acknowledged.push_back(Json::parse(answer->body)["id"]);
        if (i == 5) open += 1;
      }
    });
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (open < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
    CHECK(open == 3);
    const auto before = std::chrono::steady_clock::now();
    CHECK(server.Terminate() == 0);
    CHECK(std::chrono::steady_clock::now() - before < 30s);
    INFO(server.log());
    for (std::thread& client : clients) client.join();
  }
  REQUIRE(acknowledged.size() >= 5);
  ServerProcess again(folder.path() + "/data");
  REQUIRE(again.WaitForPorts());
  for (const std::string& id : acknowledged) {
    CAPTURE(id);
    REQUIRE(again.Send(Method::kGet, "/v1/operations/" + id, admin).status == 200);
  }
}

TEST_CASE("a second server on one data folder is refused and says why") {
  const TemporaryDirectory folder = Must(TemporaryDirectory::Create("doors"));
  ServerProcess first(folder.path() + "/data");
  REQUIRE(first.WaitForPorts());
  ServerProcess second(folder.path() + "/data");
  CHECK_FALSE(second.WaitForPorts());
  CHECK(second.WaitForExit(60s) == 1);
  INFO(second.log());
  CHECK(second.log().find("STORE_LOCKED: Another server uses") != std::string::npos);
  CHECK(first.Send(Method::kGet, "/readyz", "").status == 200);
  CHECK(first.Terminate() == 0);
}

TEST_CASE("settings that cannot be served end the start with exit code 2 and the way out") {
  const TemporaryDirectory folder = Must(TemporaryDirectory::Create("doors"));
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--rest-listen", "0.0.0.0:0"}, "PLAIN_HTTP_REFUSED"},
      {{"--grpc-listen", "0.0.0.0:0"}, "PLAINTEXT_REFUSED"},
      {{"--rest-key", "/nowhere"}, "TLS_MATERIAL_INVALID"},
      {{"--grpc-certificate", "/nowhere"}, "TLS_MATERIAL_INVALID"},
      {{"--log-level", "loud"}, "CONFIG_INVALID"}};
  int number = 0;
  for (const auto& [flags, reason] : cases) {
    CAPTURE(reason);
    ServerProcess server(folder.path() + "/data" + std::to_string(++number), flags);
    CHECK_FALSE(server.WaitForPorts());
    CHECK(server.WaitForExit(60s) == 2);
    INFO(server.log());
    CHECK(server.log().find(reason) != std::string::npos);
  }
}

TEST_CASE("both doors speak TLS with a certificate of ours, and nothing else") {
  const TemporaryDirectory folder = Must(TemporaryDirectory::Create("doors"));
  Seed seed = Seed::Plant(folder.path() + "/data");
  const UnixMs now = SystemClock().NowUnixMs();
  const KeyPair authority = Must(NewCertificateAuthority("test", std::chrono::hours(1), now));
  CertificateRequest wanted;
  wanted.common_name = "localhost";
  wanted.dns_names = {"localhost"};
  wanted.ip_addresses = {"127.0.0.1"};
  wanted.server_auth = true;
  const KeyPair leaf = Must(IssueKeyPair(authority, wanted, now));
  const std::string certificate = folder.path() + "/cert.pem";
  const std::string key = folder.path() + "/key.pem";
  Must(WriteFileAtomically(certificate, leaf.certificate_chain_pem));
  Must(WriteFileAtomically(key, leaf.private_key_pem.Reveal()));
  ServerProcess server(folder.path() + "/data", {"--rest-certificate", certificate, "--rest-key", key,
                                                 "--grpc-certificate", certificate, "--grpc-key", key});
  const bool ready = server.WaitForPorts();
  INFO(server.log());
  REQUIRE(ready);
  http::ClientOptions options;
  options.tls.ca_pem = authority.certificate_chain_pem;
  auto client = Must(http::Client::Create(options));
  http::Request request;
  request.url = "https://" + server.rest() + "/v1/whoami";
  request.headers = {{"Authorization", "Bearer " + seed.tokens["viewer"]}};
  CHECK(Must(client->Send(request)).status == 200);
  auto stranger = Must(http::Client::Create());
  CHECK(ReasonOf(stranger->Send(request)) == "TLS_PEER_UNTRUSTED");
  request.url = "http://" + server.rest() + "/v1/whoami";
  CHECK_FALSE(client->Send(request).has_value());

  grpc::SslCredentialsOptions trust;
  trust.pem_root_certs = authority.certificate_chain_pem;
  const auto stub = v1::Access::NewStub(grpc::CreateChannel(server.grpc(), grpc::SslCredentials(trust)));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 10s);
  context.AddMetadata("authorization", "Bearer " + seed.tokens["viewer"]);
  v1::WhoAmIResponse who;
  const grpc::Status status = stub->WhoAmI(&context, {}, &who);
  INFO(status.error_message());
  CHECK(status.ok());
  CHECK(who.roles_size() == 1);
  CHECK(server.Terminate() == 0);
}
