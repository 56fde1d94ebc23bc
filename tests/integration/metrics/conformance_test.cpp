#include <catch2/catch.hpp>
#include <set>

#include "adapters/conformance/objects.h"
#include "adapters/metrics/prometheus.h"
#include "tests/integration/metrics/traffic.h"
#include "tests/support/prometheus.h"
#include "tests/unit/conformance/bench.h"

/// The conformance cases of TrafficMetrics: real programs call each other through the gate, which counts as Istio's
/// proxies do, and a real Prometheus scrapes that.
namespace {

using namespace meshplay;
using namespace meshplay::test;
using namespace std::chrono_literals;
using conformance::CaseResult;
using nlohmann::json;

const std::vector<std::string> kGroups = {"metrics-list", "metrics-get", "metrics-edges"};

/// The adapter's way to TrafficMetrics, without the cluster that says where the Prometheus is.
std::function<Result<json>(const std::string&, std::chrono::seconds)> SourceAt(const std::string& url) {
  return [url](const std::string& resource, std::chrono::seconds window) -> Result<json> {
    MP_TRY(auto address, metrics::ParseAddress(url));
    MP_TRY(const auto prometheus, metrics::Prometheus::Create(std::move(address), nullptr));
    MP_TRY(auto request, metrics::ParseRequest("/namespaces/home/" + resource, metrics::Version::kV1Alpha1));
    request.window = window;
    const metrics::Ask ask = [&](const std::string& promql) { return prometheus->Query(promql, 5s); };
    MP_TRY(const metrics::MetricsAnswer answer,
           metrics::AnswerMetrics(*metrics::DialectOf("istio"), request, ask, std::nullopt, SystemClock().NowUnixMs()));
    return json(answer.body);
  };
}

void CheckAll(const conformance::RunReport& report, const char* status, const std::string& reason) {
  for (const std::string& id : kGroups) {
    const CaseResult& result = CaseOf(report, id);
    INFO(id << ": " << result.reason << " " << result.detail << result.evidence.dump());
    CHECK(conformance::CaseStatusName(result.status) == status);
    CHECK(result.reason == reason);
  }
}

TEST_CASE("The metrics cases pass where a Prometheus tells of the traffic, and fail where it tells of none") {
  Bench bench;
  Exporter exporter;
  auto prometheus = Prometheus::Start({{exporter.address()}});
  if (!prometheus) return;
  std::atomic<bool> counts{true};
  bench.gate().SetObserver([&](const Gate::Passed& request) {
    if (!counts) return;
    const bool good = request.status < 500;
    Report(exporter, "istio",
           {{"home", conformance::DeploymentOf(request.caller)},
            {"home", conformance::DeploymentOf(request.app)},
            good ? 1.0 : 0.0,
            good ? 0.0 : 1.0,
            request.took.count()});
  });
  bench.traffic_metrics = SourceAt(prometheus->url());
  bench.pauses_take_time = true;
  bench.options.pause = 100ms;
  bench.options.converge = 20s;
  const conformance::RunReport report = bench.Run(kGroups);
  CheckAll(report, "PASSED", "");
  const json seen = CaseOf(report, "metrics-edges").evidence["looks"].back()["seen"];
  INFO(seen.dump(1));
  CHECK(seen["requests"] >= 20);
  CHECK(seen["answer"]["edge"]["resource"]["name"] == "app-c-deployment");

  counts = false;
  bench.options.converge = 1s;
  // What was counted a moment ago moves in Prometheus' extrapolation, and is no proof.
  CheckAll(bench.Run(kGroups), "FAILED", "EXPECTATION_NOT_MET");
  prometheus->Stop();
  CheckAll(bench.Run(kGroups), "INCONCLUSIVE", "PROMETHEUS_UNREACHABLE");
}

}  // namespace
