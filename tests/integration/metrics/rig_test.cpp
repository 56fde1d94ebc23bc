#include <catch2/catch.hpp>

#include "tests/integration/metrics/answers.h"
#include "tests/integration/metrics/traffic.h"
#include "tests/support/eventually.h"
#include "tests/support/prometheus.h"
#include "tests/support/stack.h"

/// TrafficMetrics through the whole product: REST, server, Istio's adapter, a real Prometheus that scrapes known
/// traffic; and Prometheus-like servers that answer what no Prometheus should.
namespace {

using namespace meshplay;
using namespace meshplay::test;
using namespace std::chrono_literals;

class Product {
 public:
  struct Answer {
    int status = 0;
    Json body;
  };

  explicit Product(std::unique_ptr<Stack> stack) : stack_(std::move(stack)) {
    stack_->StartServer();
    stack_->StartAdapter();
    stack_->AwaitConnected();
    Run("istio.install", nlohmann::json::object());
    nlohmann::json meshes;
    REQUIRE(Eventually(120s, [&] {
      meshes = stack_->TryGet("/v1/meshes");
      return meshes.is_object() && meshes.at("meshes").size() == 1;
    }));
    mesh_ = meshes["meshes"][0].at("id");
    auto http = http::Client::Create();
    REQUIRE(http.has_value());
    http_ = std::move(*http);
  }

  Answer Call(const std::string& path) {
    http::Request request;
    request.url = "http://" + nlohmann::json::parse(Text("ports.json")).at("rest").get<std::string>() +
                  "/v1/smi/metrics/" + mesh_ + path;
    request.headers = {{"Authorization", "Bearer " + Text("token")}};
    request.timeout = 30s;
    const auto answer = http_->Send(request);
    INFO(path);
    REQUIRE(answer.has_value());
    return {answer->status, Json::parse(answer->body)};
  }
  Json Ask(const std::string& path) {
    const Answer answer = Call(path);
    INFO(path << " " << answer.body.dump(1) << stack_->LogTail("adapter"));
    REQUIRE(answer.status == 200);
    return answer.body;
  }
  /// It must be an error of this kind, whose message holds `said`.
  void CheckError(const std::string& path, int status, const std::string& reason, const std::string& said) {
    const Answer answer = Call(path);
    INFO(path << " " << answer.body.dump(1));
    CHECK(answer.status == status);
    CHECK(answer.body.dump().find('"' + reason + '"') != std::string::npos);
    CHECK(answer.body.dump().find(said) != std::string::npos);
  }
  void Run(const std::string& type, const nlohmann::json& parameters) {
    const nlohmann::json operation = stack_->AwaitFinal(stack_->Submit(type, parameters), 300s);
    INFO(operation.dump(1) << stack_->LogTail("adapter"));
    REQUIRE(operation.at("state") == "SUCCEEDED");
  }
  void SetPrometheus(const std::string& address) { Run("istio.metrics.set", {{"prometheus", address}}); }
  void Put(const nlohmann::json& object) {
    const auto applied = stack_->kube().Apply(object, {"someone-else", true, false});
    INFO((applied ? "" : applied.error().ToString()));
    REQUIRE(applied);
  }
  Stack& stack() { return *stack_; }

 private:
  std::string Text(const std::string& file) {
    const auto text = ReadFile(stack_->folder() + "/" + file);
    REQUIRE(text.has_value());
    return text->substr(0, text->find('\n'));
  }

  std::unique_ptr<Stack> stack_;
  std::unique_ptr<http::Client> http_;
  std::string mesh_;
};

nlohmann::json Deployment(const Workload& workload, const std::string& tier) {
  const nlohmann::json labels = {{"app", workload.name}};
  const nlohmann::json pod = {{"metadata", {{"labels", labels}}},
                              {"spec", {{"containers", {{{"name", "app"}, {"image", "example.invalid/app:1"}}}}}}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", workload.name}, {"namespace", workload.name_space}, {"labels", {{"tier", tier}}}}},
          {"spec", {{"replicas", 0}, {"selector", {{"matchLabels", labels}}}, {"template", pod}}}};
}

nlohmann::json Namespace(const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}, {"labels", {{"team", name}}}}}};
}

/// An answer to a query with so many series.
std::string Series(int count) {
  std::string text = R"({"status":"success","data":{"resultType":"vector","result":[)";
  for (int i = 0; i < count; ++i) {
    text += std::string(i == 0 ? "" : ",") +
            R"({"metric":{"destination_workload_namespace":"n","destination_workload":"w)" + std::to_string(i) +
            R"("},"value":[1,"1"]})";
  }
  return text + "]}}";
}

TEST_CASE("TrafficMetrics of Istio are what a real Prometheus scraped, through the whole product") {
  Exporter exporter;
  auto prometheus = Prometheus::Start({{exporter.address()}});
  if (!prometheus) return;
  auto stack = Stack::Up("metrics");
  if (!stack) return;
  Product product(std::move(stack));
  product.CheckError("/deployments", 409, "METRICS_NOT_CONFIGURED", "istio.metrics.set");

  product.SetPrometheus(prometheus->url());
  const Json index = product.Ask("");
  CHECK(index.at("kind") == "APIResourceList");
  CHECK(product.Ask("/deployments").at("items").empty());
  product.CheckError("/namespaces/shop/deployments/api", 503, "METRICS_UNAVAILABLE", "unable to lookup metrics");

  const Workload edge{"front", "edge"}, web{"shop", "web"}, api{"shop", "api"}, store{"data", "store"};
  const auto call = [&](const Workload& from, const Workload& to, double good, double bad, double milliseconds) {
    Report(exporter, "istio", {from, to, good, bad, milliseconds});
  };
  for (const Workload& to : {api, store}) call(web, to, 0, 0, 0);
  call(edge, web, 0, 0, 0);
  prometheus->AwaitScrapes(8);
  call(edge, web, 100, 0, 3);
  call(web, api, 80, 0, 8);
  call(web, api, 5, 10, 20);
  call(web, api, 0, 5, 70);
  call(web, store, 50, 0, 300);
  prometheus->AwaitScrapes(2);

  {
    INFO("one workload");
    const Json item = product.Ask("/namespaces/shop/deployments/api?t=1m");
    INFO(item.dump(1));
    CheckCounts(item, 85, 15);
    CHECK(item.at("window") == "60s");
    CHECK(ValueOf(item, "p50_response_latency") == Approx(8.125).margin(0.01));
    CHECK(ValueOf(item, "p90_response_latency") == Approx(36.667).margin(0.01));
    CHECK(ValueOf(item, "p99_response_latency") == Approx(90).margin(0.01));
    // Counts are increases that Prometheus extends to the window: fractions.
    CHECK(item.dump().find("m\"") != std::string::npos);
    CheckCounts(product.Ask("/namespaces/shop/pods/api-0?t=1m"), 85, 15);
    CheckCounts(product.Ask("/namespaces/shop?t=1m"), 185, 15);
  }
  {
    INFO("lists");
    CHECK(All(product.Ask("/deployments?t=1m"), NameOf) == Texts{"data/store", "shop/api", "shop/web"});
    CHECK(All(product.Ask("/namespaces/shop/deployments?t=1m"), NameOf) == Texts{"shop/api", "shop/web"});
    CHECK(All(product.Ask("/namespaces?t=1m"), NameOf) == Texts{"/data", "/shop"});
    CHECK(All(product.Ask("/pods?t=1m"), NameOf) == Texts{"data/store-0", "shop/api-0", "shop/web-0"});
  }
  {
    INFO("edges");
    const Json edges = product.Ask("/namespaces/shop/deployments/web/edges?t=1m&version=v1alpha2");
    REQUIRE(All(edges, EdgeOf) == Texts{"from front/edge", "to data/store", "to shop/api"});
    CheckCounts(edges.at("items").at(0), 100, 0);
    CheckCounts(edges.at("items").at(2), 85, 15);
    CHECK(edges.at("items").at(0).at("edge").at("side") == "server");
    CHECK(All(product.Ask("/namespaces/shop/edges?t=1m"), EdgeOf) ==
          Texts{"from /front", "from /shop", "to /data", "to /shop"});
    product.CheckError("/namespaces/shop/pods/api-0/edges", 501, "METRICS_UNSUPPORTED", "both ends");
  }
  {
    INFO("label selectors: what the cluster has");
    for (const char* name : {"front", "shop", "data"}) product.Put(Namespace(name));
    product.Put(Deployment(web, "front"));
    product.Put(Deployment(api, "back"));
    product.Put(Deployment(store, "back"));
    CHECK(All(product.Ask("/deployments?t=1m&label_selector=tier%3Dback"), NameOf) == Texts{"data/store", "shop/api"});
    CHECK(All(product.Ask("/namespaces/shop/deployments?t=1m&label_selector=tier%3Dback"), NameOf) ==
          Texts{"shop/api"});
    CHECK(product.Ask("/deployments?t=1m&label_selector=tier%3Dnone").at("items").empty());
    CHECK(All(product.Ask("/namespaces?t=1m&label_selector=team%3Dshop"), NameOf) == Texts{"/shop"});
  }
  {
    INFO("a window that the traffic has left");
    Json last;
    CHECK(Eventually(120s, [&] {
      last = product.Ask("/namespaces/shop/deployments/api?t=2s");
      return ValueOf(last, "success_count") == 0;
    }));
    CHECK(last.at("window") == "2s");
  }
  {
    INFO("gone, and back");
    prometheus->Stop();
    product.CheckError("/deployments", 503, "METRICS_UNAVAILABLE", "refused");
    prometheus->Restart();
    CheckCounts(product.Ask("/namespaces/shop/deployments/api?t=5m"), 85, 15);
    product.SetPrometheus("");
    product.CheckError("/deployments", 409, "METRICS_NOT_CONFIGURED", "istio.metrics.set");
  }
}

TEST_CASE("What a Prometheus should never answer is told, and stays within limits") {
  std::mutex mutex;
  int status = 200;
  std::string body;
  testing::LoopbackServer server([&](const testing::SeenRequest&, testing::Wire& wire) {
    const std::lock_guard lock(mutex);
    if (status == 0) return wire.WaitForPeerToClose();
    wire.Answer(status, body, {{"Content-Type", "application/json"}});
  });
  const auto answer = [&](int new_status, std::string new_body) {
    const std::lock_guard lock(mutex);
    status = new_status;
    body = std::move(new_body);
  };
  auto stack = Stack::Up("metrics-bad");
  if (!stack) return;
  Product product(std::move(stack));
  product.SetPrometheus(server.url());
  const auto told = [&](const std::string& said) {
    product.CheckError("/deployments", 503, "METRICS_UNAVAILABLE", said);
  };
  answer(400, R"({"status":"error","errorType":"bad_data","error":"parse error: unexpected end of input"})");
  told("unexpected end of input");
  answer(503, "upstream connect error");
  told("status 503");
  answer(500, std::string(1'000, 'x') + "end");
  told("status 500: xxx");
  CHECK(product.Call("/deployments").body.dump().find("end") == std::string::npos);  // only its beginning
  answer(200, "<html>\xff\xfe no JSON</html>");
  told("did not answer the query");
  answer(200, R"({"status":"success","data":{"resultType":"scalar","result":[1,"2"]}})");
  told("no vector");
  answer(200, R"({"status":"success","data":{"resultType":"vector","result":[)");
  told("did not answer the query");
  answer(200, std::string(200, '['));
  told("did not answer the query");
  answer(200, Series(100'001));
  told("too many series");
  answer(200, Series(1) + std::string(17 * 1024 * 1024, ' '));
  told("larger than allowed");
  answer(0, "");  // it hangs
  told("did not answer in time");
  answer(200, Series(20'000));  // good, but more than a client can be told
  told("larger than 1.5 MiB");
  answer(200, Series(1));
  CHECK(All(product.Ask("/deployments"), NameOf) == Texts{"n/w0"});

  INFO("an address that somebody wrote by hand");
  const auto maps = product.stack().kube().List({"", "v1", "ConfigMap"}, {"istio-system", "", ""});
  REQUIRE(maps);
  bool changed = false;
  for (nlohmann::json map : maps->items) {
    if (!kube::NameOf(map).starts_with("meshplay-smi-metrics-")) continue;
    product.Put({{"apiVersion", "v1"},
                 {"kind", "ConfigMap"},
                 {"metadata", {{"name", kube::NameOf(map)}, {"namespace", "istio-system"}}},
                 {"data", {{"prometheus", "gopher://user:secret@host"}}}});
    changed = true;
  }
  REQUIRE(changed);
  const Product::Answer refused = product.Call("/deployments");
  INFO(refused.body.dump(1));
  CHECK(refused.body.dump().find("PROMETHEUS_ADDRESS_INVALID") != std::string::npos);
  CHECK(refused.body.dump().find("secret") == std::string::npos);
}

}  // namespace
