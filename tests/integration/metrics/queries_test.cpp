#include <catch2/catch.hpp>

#include "adapters/metrics/prometheus.h"
#include "tests/integration/metrics/answers.h"
#include "tests/integration/metrics/traffic.h"
#include "tests/support/eventually.h"
#include "tests/support/prometheus.h"

/// Every query that adapters/metrics makes, answered by a real Prometheus that scraped known traffic.
namespace {

using namespace meshplay;
using namespace meshplay::test;
using namespace std::chrono_literals;
using metrics::MetricsRequest;

/// front/edge calls shop/web, which calls shop/api and data/store.
class Shop {
 public:
  explicit Shop(const std::string& mesh_type)
      : mesh_type_(mesh_type), prometheus_(Prometheus::Start({{exporter_.address()}})) {
    if (!prometheus_) return;
    auto address = metrics::ParseAddress(prometheus_->url());
    REQUIRE(address);
    auto asked = metrics::Prometheus::Create(*address, nullptr);
    REQUIRE(asked);
    asked_ = std::move(*asked);
    // Counters that are there before they grow: what a series begins with is no increase.
    if (mesh_type_ == "istio") Report(exporter_, mesh_type_, {outside_, web_});
    for (const Workload& caller : {web_, edge_}) {
      for (const Workload& called : {api_, store_, web_}) {
        const bool calls = (called.name == "web") == (caller.name == "edge");
        if (calls) Report(exporter_, mesh_type_, {caller, called});
      }
    }
    prometheus_->AwaitScrapes(8);
  }
  explicit operator bool() const { return prometheus_ != nullptr; }

  void Call(const Workload& from, const Workload& to, double successes, double failures, double milliseconds) {
    Report(exporter_, mesh_type_, {from, to, successes, failures, milliseconds});
  }
  void AwaitScrapes(int more) { prometheus_->AwaitScrapes(more); }
  Prometheus& prometheus() { return *prometheus_; }

  Result<metrics::MetricsAnswer> TryAsk(const std::string& path, const std::string& window = "1m") {
    auto request = metrics::ParseRequest(path, metrics::Version::kV1Alpha2);
    REQUIRE(request);
    request->window = metrics::ParseWindow(window);
    const metrics::Ask ask = [&](const std::string& promql) { return asked_->Query(promql, 10s); };
    return metrics::AnswerMetrics(*metrics::DialectOf(mesh_type_), *request, ask, std::nullopt,
                                  SystemClock().NowUnixMs());
  }
  Json Ask(const std::string& path, const std::string& window = "1m") {
    const auto answer = TryAsk(path, window);
    INFO(path << " " << (answer ? answer->body.dump(1) : answer.error().ToString()));
    REQUIRE(answer);
    REQUIRE(answer->status == 200);
    return answer->body;
  }

  const Workload edge_{"front", "edge"}, web_{"shop", "web"}, api_{"shop", "api"}, store_{"data", "store"},
      outside_{"unknown", "unknown"};

 private:
  const std::string mesh_type_;
  Exporter exporter_;
  std::unique_ptr<Prometheus> prometheus_;
  std::unique_ptr<metrics::Prometheus> asked_;
};

TEST_CASE("A Prometheus of a test scrapes, stops, and goes on with its data") {
  Exporter exporter;
  exporter.Add("beans_total", {{"colour", "red"}}, 7);
  auto prometheus = Prometheus::Start({{exporter.address(), {{"shelf", "top"}}}});
  if (!prometheus) return;
  prometheus->AwaitScrapes(1);
  const nlohmann::json first = prometheus->Query("beans_total");
  REQUIRE(first.size() == 1);
  CHECK(first[0].at("metric").at("shelf") == "top");
  CHECK(first[0].at("value").at(1) == "7");
  prometheus->Stop();
  const auto address = metrics::ParseAddress(prometheus->url());
  REQUIRE(address);
  const auto client = metrics::Prometheus::Create(*address, nullptr);
  REQUIRE(client);
  const auto gone = (*client)->Query("beans_total", 2s);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().reason() == "PROMETHEUS_UNREACHABLE");
  prometheus->Restart();
  CHECK(prometheus->Query("count_over_time(beans_total[1m])").size() == 1);
  CHECK((*client)->Query("beans_total[", 2s).error().reason() == "PROMETHEUS_FAILED");
}

TEST_CASE("A Prometheus answers what a mesh's traffic was") {
  const std::string mesh_type = GENERATE("istio", "linkerd");
  CAPTURE(mesh_type);
  Shop shop(mesh_type);
  if (!shop) return;
  const double from_outside = mesh_type == "istio" ? 40 : 0;
  if (from_outside > 0) shop.Call(shop.outside_, shop.web_, from_outside, 0, 3);
  shop.Call(shop.edge_, shop.web_, 100, 0, 3);
  // Of 100 requests to shop/api 80 take 5 to 10 ms, 15 take 10 to 50 ms, 5 take 50 to 100 ms.
  shop.Call(shop.web_, shop.api_, 80, 0, 8);
  shop.Call(shop.web_, shop.api_, 5, 10, 20);
  shop.Call(shop.web_, shop.api_, 0, 5, 70);
  shop.Call(shop.web_, shop.store_, 50, 0, 300);
  shop.AwaitScrapes(1);

  const Json api = shop.Ask("/namespaces/shop/deployments/api");
  INFO(api.dump(1));
  CheckCounts(api, 85, 15);
  CHECK(api.at("window") == "60s");
  CHECK(ValueOf(api, "p50_response_latency") == Approx(5 + 5 * 50.0 / 80).margin(0.01));
  CHECK(ValueOf(api, "p90_response_latency") == Approx(10 + 40 * 10.0 / 15).margin(0.01));
  CHECK(ValueOf(api, "p99_response_latency") == Approx(50 + 50 * 4.0 / 5).margin(0.01));

  const Json list = shop.Ask("/deployments");
  CHECK(All(list, NameOf) == Texts{"data/store", "shop/api", "shop/web"});
  CheckCounts(list.at("items").at(0), 50, 0);
  CheckCounts(list.at("items").at(2), 100 + from_outside, 0);
  CHECK(All(shop.Ask("/namespaces/shop/deployments"), NameOf) == Texts{"shop/api", "shop/web"});
  CHECK(All(shop.Ask("/namespaces/nowhere/deployments"), NameOf).empty());

  const Json space = shop.Ask("/namespaces/shop");
  CheckCounts(space, 185 + from_outside, 15);
  CHECK(All(shop.Ask("/namespaces"), NameOf) == Texts{"/data", "/shop"});
  CHECK(All(shop.Ask("/pods"), NameOf) == Texts{"data/store-0", "shop/api-0", "shop/web-0"});
  CheckCounts(shop.Ask("/namespaces/shop/pods/api-0"), 85, 15);

  // Istio's proxy writes "unknown" for a caller outside the mesh: traffic of the workload, but no workload of its own.
  const Json edges = shop.Ask("/namespaces/shop/deployments/web/edges");
  REQUIRE(All(edges, EdgeOf) == Texts{"from front/edge", "to data/store", "to shop/api"});
  CheckCounts(edges.at("items").at(0), 100, 0);
  CheckCounts(edges.at("items").at(1), 50, 0);
  CheckCounts(edges.at("items").at(2), 85, 15);
  CHECK(ValueOf(edges.at("items").at(1), "p50_response_latency") == Approx(300).margin(0.01));
  CHECK(All(shop.Ask("/namespaces/shop/edges"), EdgeOf) == Texts{"from /front", "from /shop", "to /data", "to /shop"});

  const auto nothing = shop.TryAsk("/namespaces/shop/deployments/nobody");
  REQUIRE(nothing);
  CHECK(nothing->status == 500);
}

TEST_CASE("Traffic that ended within the window is still measured, and is gone when the window has passed") {
  const std::string mesh_type = GENERATE("istio", "linkerd");
  CAPTURE(mesh_type);
  Shop shop(mesh_type);
  if (!shop) return;
  shop.Call(shop.web_, shop.api_, 30, 10, 8);
  shop.AwaitScrapes(4);
  const Json item = shop.Ask("/namespaces/shop/deployments/api");
  CheckCounts(item, 30, 10);
  CHECK(ValueOf(item, "p50_response_latency") == Approx(7.5).margin(0.01));
  Json last;
  const bool passed = Eventually(120s, [&] {
    last = shop.Ask("/namespaces/shop/deployments/api", "2s");
    return ValueOf(last, "success_count") == 0;
  });
  INFO(last.dump(1));
  CHECK(passed);
  CHECK(last.at("window") == "2s");
  CHECK(ValueOf(last, "p50_response_latency") == 0);
  CheckCounts(shop.Ask("/namespaces/shop/deployments/api", "1m"), 30, 10);
}

TEST_CASE("A Prometheus takes every query there is") {
  const std::string mesh_type = GENERATE("istio", "linkerd");
  CAPTURE(mesh_type);
  Shop shop(mesh_type);
  if (!shop) return;
  for (const metrics::Kind kind : metrics::AllKinds()) {
    const std::string plural(metrics::PluralOf(kind));
    Texts paths = {"/" + plural};
    if (kind == metrics::Kind::kNamespace) {
      paths.insert(paths.end(), {"/namespaces/shop", "/namespaces/shop/edges"});
    } else {
      const std::string of = "/namespaces/shop/" + plural;
      paths.insert(paths.end(), {of, of + "/web", of + "/web/edges"});
    }
    for (const std::string& path : paths) {
      CAPTURE(path);
      const auto answer = shop.TryAsk(path);
      const std::string reason = answer ? "" : answer.error().reason();
      const bool known = reason.empty() || reason == "METRICS_EDGES_UNSUPPORTED";
      CHECK(known);
    }
  }
}

}  // namespace
