#include <catch2/catch.hpp>

#include "adapters/conformance/internal/metrics_look.h"
#include "tests/unit/conformance/bench.h"

namespace {

using namespace meshplay::conformance;
using meshplay::Error;
using meshplay::ErrorCode;
using meshplay::Result;
using meshplay::test::Bench;
using meshplay::test::CaseOf;
using nlohmann::json;

json Metric(const char* name, const std::string& value) {
  json metric = {{"name", name}, {"value", value}};
  if (std::string(name).ends_with("latency")) metric["unit"] = "ms";
  return metric;
}

/// As upstream's server writes it.
json Item(const std::string& name, const std::string& successes) {
  return {
      {"kind", "TrafficMetrics"},
      {"apiVersion", "metrics.smi-spec.io/v1alpha1"},
      {"window", "7200s"},
      {"resource", {{"kind", "Deployment"}, {"namespace", "home"}, {"name", name}}},
      {"edge", {{"direction", "from"}, {"resource", nullptr}}},
      {"metrics",
       {Metric("p99_response_latency", "9900m"), Metric("p90_response_latency", "9"),
        Metric("p50_response_latency", "5500m"), Metric("success_count", successes), Metric("failure_count", "0")}}};
}
json Edge(const std::string& from, const std::string& to, const std::string& successes) {
  json item = Item(to, successes);
  item["edge"]["resource"] = {{"kind", "Deployment"}, {"namespace", "home"}, {"name", from}};
  return item;
}
json List(std::vector<json> items) {
  return {{"kind", "TrafficMetricsList"}, {"items", std::move(items)}};
}

ToldMetrics Read(const json& answer, const std::string& caller = "") {
  return ReadTrafficMetrics(answer, "home", "app-a-deployment", caller);
}

using Asked = std::function<Result<json>(const std::string& resource, std::chrono::seconds window)>;

/// A source in which the workload has had as many successes as `count` says.
Asked Source(std::function<double()> count) {
  return [count](const std::string& resource, std::chrono::seconds) -> Result<json> {
    const std::string successes = std::to_string(static_cast<long>(count() * 1'000)) + "m";
    if (resource == "deployments/app-a-deployment") return Item("app-a-deployment", successes);
    if (resource == "deployments") return List({Item("app-b-deployment", "7"), Item("app-a-deployment", successes)});
    return List({Edge("app-c-deployment", "app-a-deployment", successes)});
  };
}

const std::vector<std::string> kGroups = {"metrics-list", "metrics-get", "metrics-edges"};

void CheckAll(const RunReport& report, const char* status, const std::string& reason) {
  for (const std::string& id : kGroups) {
    const CaseResult& result = CaseOf(report, id);
    INFO(id << ": " << result.reason << " " << result.detail << result.evidence.dump());
    CHECK(CaseStatusName(result.status) == status);
    CHECK(result.reason == reason);
  }
}

TEST_CASE("TrafficMetrics of a workload are found in an item, a list and the edges to it") {
  CHECK(Read(Item("app-a-deployment", "73492m")).successes == 73.492);
  CHECK(Read(List({Item("app-b-deployment", "1"), Item("app-a-deployment", "2")})).successes == 2);
  const json edges =
      List({Edge("app-b-deployment", "app-a-deployment", "1"), Edge("app-c-deployment", "app-a-deployment", "2")});
  CHECK(Read(edges, "app-c-deployment").successes == 2);
  CHECK(Read(edges, "app-c-deployment").wrong == "");
  json outgoing = Edge("app-c-deployment", "app-a-deployment", "2");
  outgoing["edge"]["direction"] = "to";
  for (const json& other :
       {List({}), List({Item("app-b-deployment", "1")}), Item("app-b-deployment", "1"), List({outgoing}),
        json{{"error", "unable to lookup metrics"}}, json(nullptr), json("text")}) {
    INFO(other.dump());
    const ToldMetrics told = Read(other, other == List({outgoing}) ? "app-c-deployment" : "");
    CHECK_FALSE(told.successes.has_value());
    CHECK(told.wrong != "");
  }
}

TEST_CASE("TrafficMetrics in another shape are told as what they are") {
  const auto changed = [](const std::function<void(json&)>& change) {
    json item = Item("app-a-deployment", "20");
    change(item);
    return Read(item).wrong;
  };
  CHECK(changed([](json&) {}) == "");
  CHECK(changed([](json& item) { item["metrics"].erase(1); }) == "it has not five metrics");
  CHECK(changed([](json& item) { item["metrics"][1]["name"] = "p95_response_latency"; }) ==
        "it has no p90_response_latency");
  CHECK(changed([](json& item) { item["metrics"][3]["value"] = "many"; }) == "success_count is no quantity");
  CHECK(changed([](json& item) { item["metrics"][3]["value"] = 20; }) == "success_count is no quantity");
  CHECK(changed([](json& item) { item["metrics"][4]["value"] = "-1"; }) == "failure_count is no quantity");
  CHECK(changed([](json& item) { item["metrics"][0]["unit"] = "s"; }) == "p99_response_latency is not in ms");
  CHECK(changed([](json& item) { item["metrics"][2]["value"] = "12"; }) == "its latencies are not in order");
  CHECK(changed([](json& item) { item.erase("window"); }) == "it names no window");
  CHECK(changed([](json& item) { item["apiVersion"] = "v1"; }) == "it has another apiVersion");
  const auto unmeasured = [](json& item) {
    for (int i = 0; i < 3; ++i) item["metrics"][i]["value"] = "0";
  };
  CHECK(changed(unmeasured) == "it counts requests without any latency");
}

TEST_CASE("Metrics that grow with the traffic pass, also when something was counted before") {
  Bench bench;
  std::atomic<int> passed{0};
  const double before = GENERATE(0, 500);
  bench.gate().SetObserver([&](const auto& request) { passed += request.app == "app-a" ? 1 : 0; });
  bench.traffic_metrics = Source([&] { return before + passed; });
  CheckAll(bench.Run(kGroups), "PASSED", "");
  CHECK(passed >= 3 * 20);
}

TEST_CASE("Metrics that stand still, or tell of less than a batch, fail") {
  Bench bench;
  const double at_most = GENERATE(19, 1'000);
  std::atomic<int> asked{0};
  bench.traffic_metrics = Source([&] { return at_most < 20 ? std::min<double>(++asked, at_most) : at_most; });
  const RunReport report = bench.Run(kGroups);
  CheckAll(report, "FAILED", "EXPECTATION_NOT_MET");
  CHECK(CaseOf(report, "metrics-get").took >= bench.options.converge);
}

TEST_CASE("The window of the question is the time since its case began looking") {
  Bench bench;
  bench.options.converge = std::chrono::milliseconds(700);
  std::vector<long> windows;
  bench.traffic_metrics = [&](const std::string&, std::chrono::seconds window) -> Result<json> {
    windows.push_back(window.count());
    return Item("app-a-deployment", "0");
  };
  bench.Run({"metrics-get"});
  REQUIRE(windows.size() > 2);
  CHECK(windows.at(1) == 1);
  CHECK(windows.back() >= 2);
  CHECK(windows.back() <= 10);
}

TEST_CASE("Metrics that never tell of the workload fail") {
  Bench bench;
  bench.traffic_metrics = [](const std::string&, std::chrono::seconds) -> Result<json> {
    return json{{"error", "unable to lookup metrics"}};
  };
  const RunReport report = bench.Run(kGroups);
  CheckAll(report, "FAILED", "EXPECTATION_NOT_MET");
  CHECK(CaseOf(report, "metrics-get").detail.find("app-a-deployment") != std::string::npos);
}

TEST_CASE("Metrics that nobody has set up are unsupported, with what to do about it") {
  Bench bench;
  bench.traffic_metrics = [](const std::string&, std::chrono::seconds) -> Result<json> {
    return meshplay::FailedPrecondition("METRICS_NOT_CONFIGURED", "no Prometheus is known")
        .WithRemediation("Run the operation istio.metrics.set.");
  };
  const RunReport report = bench.Run(kGroups);
  CheckAll(report, "UNSUPPORTED", "METRICS_NOT_CONFIGURED");
  CHECK(CaseOf(report, "metrics-get").detail == "no Prometheus is known. Run the operation istio.metrics.set.");
}

TEST_CASE("A source of metrics that is away, or refuses, proves nothing about the mesh") {
  Bench bench;
  const bool away = GENERATE(true, false);
  bench.traffic_metrics = [&](const std::string&, std::chrono::seconds) -> Result<json> {
    if (away) return meshplay::Unavailable("PROMETHEUS_UNREACHABLE", "nobody listens");
    return meshplay::Internal("PROMETHEUS_FAILED", "status 400");
  };
  CheckAll(bench.Run(kGroups), "INCONCLUSIVE", away ? "PROMETHEUS_UNREACHABLE" : "PROMETHEUS_FAILED");
}

TEST_CASE("A source that comes back within its time is asked again") {
  Bench bench;
  std::atomic<int> passed{0}, asked{0};
  bench.gate().SetObserver([&](const auto& request) { passed += request.app == "app-a" ? 1 : 0; });
  const auto source = Source([&] { return passed.load(); });
  bench.traffic_metrics = [&](const std::string& resource, std::chrono::seconds window) -> Result<json> {
    if (++asked < 4) return meshplay::Unavailable("PROMETHEUS_UNREACHABLE", "nobody listens");
    return source(resource, window);
  };
  CheckAll(bench.Run(kGroups), "PASSED", "");
}

TEST_CASE("Without traffic that passes no metrics are judged") {
  Bench bench;
  bench.traffic_metrics = Source([] { return 1'000; });
  bench.on_progress = [&](const std::string& text) {
    if (text == "metrics-list") bench.gate().SetMode(meshplay::test::GateMode::kAnswersItself);
  };
  CheckAll(bench.Run(kGroups), "INCONCLUSIVE", "CONTROL_FAILED");
}

}  // namespace
