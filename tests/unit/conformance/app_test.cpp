#include <catch2/catch.hpp>
#include <chrono>

#include "adapters/conformance/app/exchange.h"
#include "adapters/conformance/app/server.h"
#include "adapters/conformance/app/socket.h"
#include "libs/base/process.h"
#include "tests/support/child_process.h"
#include "tests/unit/conformance/bench.h"

namespace {

using namespace meshplay::conformance_app;
using nlohmann::json;
using namespace std::chrono_literals;

std::unique_ptr<Server> StartServer(const std::string& name, std::chrono::milliseconds timeout = 30s) {
  ServerOptions options;
  options.service_name = name;
  options.port = 0;
  options.extra_ports = {0};
  options.udp_port = 0;
  options.client_timeout = timeout;
  std::string error;
  auto server = Server::Start(options, error);
  INFO(error);
  REQUIRE(server);
  return server;
}

std::string Address(int port, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}

json MetricsOf(const Server& server, const std::string& path = "/metrics") {
  return json::parse(Exchange({Address(server.port(), path), "GET", "", {}}, 30s).body);
}

Answer Call(const Server& server, const json& wish) {
  return Exchange({Address(server.port(), "/call"), "POST", wish.dump(), {}}, 60s);
}

TEST_CASE("An answer is recorded by the caller and the request by the called") {
  const auto a = StartServer("app-a");
  const auto b = StartServer("app-b");
  const std::string url = Address(b->port(), "/echo?x=1");
  const Answer answer = Call(*a, {{"url", url}, {"method", "PUT"}, {"body", "hi"}, {"headers", {{"X-One", "1"}}}});
  CHECK(answer.status == 200);
  CHECK(answer.body.find("PUT /echo?x=1") == 0);
  CHECK(answer.body.find("X-One: 1") != std::string::npos);
  const json seen = MetricsOf(*a);
  REQUIRE(seen["RespSucceeded"].size() == 1);
  CHECK(seen["RespSucceeded"][0]["URL"] == url);
  CHECK(seen["RespSucceeded"][0]["Method"] == "PUT");
  CHECK(seen["RespSucceeded"][0]["Status"] == 200);
  CHECK(seen["RespSucceeded"][0]["Headers"]["X-One"] == "1");
  CHECK(seen["RespFailed"].empty());
  CHECK(MetricsOf(*b)["ReqReceived"] == json::array({"app-a"}));
}

TEST_CASE("Metrics of another application's asking count as received, the driver's do not") {
  const auto a = StartServer("app-a");
  const auto b = StartServer("app-b");
  Call(*a, {{"url", Address(b->port(), "/metrics")}, {"method", "GET"}, {"headers", nullptr}});
  MetricsOf(*b);
  CHECK(MetricsOf(*b)["ReqReceived"] == json::array({"app-a"}));
}

TEST_CASE("Failures of every kind are recorded, with what happened") {
  int silent_port = 0;
  std::string error;
  const Socket silent = Listen(0, false, silent_port, error);  // accepts nothing
  struct Row {
    std::string url;
    int status;
    std::string begins;
  };
  const std::vector<Row> rows = {{Address(1, "/"), 0, "REFUSED"},
                                 {Address(silent_port, "/"), 0, "TIMEOUT"},
                                 {"http://no-such-name.invalid:80/", 0, "RESOLVE"},
                                 {"ftp://127.0.0.1/", 0, "INVALID"}};
  for (const Row& row : rows) {
    INFO(row.url);
    // Nothing but silence is to be met by the time.
    const auto a = StartServer("app-a", row.begins == "TIMEOUT" ? 500ms : 20s);
    Exchange({Address(a->port(), "/metrics"), "DELETE", "", {}}, 30s);
    const auto began = std::chrono::steady_clock::now();
    Call(*a, {{"url", row.url}, {"method", "GET"}});
    CHECK(std::chrono::steady_clock::now() - began < 15s);
    const json seen = MetricsOf(*a);
    REQUIRE(seen["RespFailed"].size() == 1);
    CHECK(seen["RespSucceeded"].empty());
    CHECK(seen["RespFailed"][0]["Status"] == row.status);
    CHECK(seen["RespFailed"][0]["Error"].get<std::string>().find(row.begins) == 0);
  }
}

TEST_CASE("An answer that failed is recorded with its status and the start of its body") {
  const auto a = StartServer("app-a");
  const auto b = StartServer("app-b");
  Call(*a, {{"url", Address(b->port(), "/call")}, {"method", "GET"}});  // counted, answered like /echo
  Call(*a, {{"url", Address(b->port(), "/nowhere")}, {"method", "GET"}});
  const json summary = MetricsOf(*a, "/metrics/summary");
  CHECK(summary["RespSucceeded"] == 2);
  CHECK(MetricsOf(*b, "/metrics/summary")["ReqReceived"]["app-a"] == 2);
}

TEST_CASE("Many calls are one request to the application, each on a connection of its own") {
  const auto a = StartServer("app-a");
  const auto b = StartServer("app-b");
  Call(*a, {{"url", Address(b->port(), "/echo")}, {"count", 40}});
  CHECK(MetricsOf(*a, "/metrics/summary")["RespSucceeded"] == 40);
  CHECK(MetricsOf(*b, "/metrics/summary")["ReqReceived"]["app-a"] == 40);
  Exchange({Address(b->port(), "/metrics/reset"), "GET", "", {}}, 30s);
  CHECK(MetricsOf(*b)["ReqReceived"].empty());
  const Answer by_get = Exchange(
      {Address(a->port(), "/call?request=%7B%22url%22%3A%22" + Address(b->port(), "/echo") + "%22%7D"), "GET", "", {}},
      30s);
  CHECK(by_get.status == 200);
  CHECK(MetricsOf(*b)["ReqReceived"].size() == 1);
}

TEST_CASE("Other ports answer too, and datagrams come back") {
  const auto a = StartServer("app-a");
  const auto b = StartServer("app-b");
  Call(*a, {{"url", Address(b->extra_ports().front(), "/echo")}});
  Call(*a, {{"url", "udp://127.0.0.1:" + std::to_string(b->udp_port())}, {"method", "SEND"}, {"body", "ping"}});
  const json summary = MetricsOf(*a, "/metrics/summary");
  CHECK(summary["RespSucceeded"] == 2);
  CHECK(MetricsOf(*b, "/metrics/summary")["ReqReceived"] == json({{"app-a", 1}, {"Datagram", 1}}));
}

TEST_CASE("Wishes that are none are refused") {
  const auto a = StartServer("app-a");
  CHECK(Exchange({Address(a->port(), "/call"), "POST", "nonsense", {}}, 30s).status == 400);
  CHECK(Exchange({Address(a->port(), "/call"), "POST", "{}", {}}, 30s).status == 400);
  CHECK(Exchange({Address(a->port(), "/metrics"), "PUT", "x", {}}, 30s).status == 400);
  CHECK(Exchange({Address(a->port(), "/metrics"), "GET", "", {{"A", "b\r\nC: d"}}}, 30s).error.find("INVALID") == 0);
}

TEST_CASE("The program drives its own application from standard input") {
  meshplay::test::Bench bench;
  meshplay::ProcessSpec spec;
  spec.argv = {std::string(MESHPLAY_BINARY_DIR) + "/bin/meshplay-conformance-app", "drive"};
  spec.environment = meshplay::test::ChildEnvironment({{"PORT", std::to_string(bench.PortOf("app-a"))}});
  spec.stdin_text = R"([{"path": "/metrics"}, {"method": "DELETE", "path": "/metrics"}])";
  const auto ended = meshplay::RunProcess(spec);
  REQUIRE(ended);
  CHECK(ended->exit_code == 0);
  const json answers = json::parse(ended->stdout_text);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0]["status"] == 200);
  CHECK(json::parse(answers[0]["body"].get<std::string>()).contains("ReqReceived"));
}

}  // namespace
