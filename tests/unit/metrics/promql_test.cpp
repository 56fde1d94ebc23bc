#include "adapters/metrics/promql.h"

#include <catch2/catch.hpp>

using namespace meshplay::metrics;

namespace {

MetricsRequest Parsed(const std::string& path) {
  auto request = ParseRequest(path, Version::kV1Alpha1);
  REQUIRE(request);
  return *request;
}

std::string Text(const char* mesh, const std::string& path, End end, Metric metric) {
  const Dialect* dialect = DialectOf(mesh);
  REQUIRE(dialect != nullptr);
  const MetricsRequest request = Parsed(path);
  const auto labels = LabelsOf(*dialect, request, end);
  REQUIRE(labels);
  return Query(*dialect, request, end, *labels, metric);
}

}  // namespace

TEST_CASE("Linkerd's queries are those its documented series answer", "[metrics]") {
  const std::string path = "/namespaces/shop/deployments/web";
  CHECK(Text("linkerd", path, End::kResource, Metric::kP99) ==
        "histogram_quantile(0.99, sum(rate(response_latency_ms_bucket{direction=\"inbound\",namespace=\"shop\","
        "deployment=\"web\"}[30s])) by (namespace, deployment, le))");
  CHECK(Text("linkerd", path, End::kResource, Metric::kFailure) ==
        "sum(increase(response_total{direction=\"inbound\",namespace=\"shop\",deployment=\"web\","
        "classification=\"failure\"}[30s])) by (namespace, deployment)");
  CHECK(Text("linkerd", path + "/edges", End::kDestination, Metric::kSuccess) ==
        "sum(increase(response_total{direction=\"outbound\",dst_namespace=\"shop\",dst_deployment=\"web\","
        "namespace=~\".+\",deployment=~\".+\",classification=\"success\"}[30s])) by (dst_namespace, dst_deployment, "
        "namespace, deployment)");
}

TEST_CASE("Istio's queries are those its documented series answer", "[metrics]") {
  CHECK(Text("istio", "/deployments", End::kResource, Metric::kP50) ==
        "histogram_quantile(0.5, sum(rate(istio_request_duration_milliseconds_bucket{reporter=\"destination\","
        "destination_workload_namespace=~\".+\",destination_workload_namespace!=\"unknown\","
        "destination_workload=~\".+\",destination_workload!=\"unknown\"}[30s])) by "
        "(destination_workload_namespace, destination_workload, le))");
  CHECK(Text("istio", "/namespaces/shop", End::kResource, Metric::kSuccess) ==
        "sum(increase(istio_requests_total{reporter=\"destination\",destination_workload_namespace=\"shop\","
        "response_code!~\"5..\"}[30s])) by (destination_workload_namespace)");
  CHECK(Text("istio", "/namespaces/shop/pods/web-1", End::kResource, Metric::kFailure) ==
        "sum(increase(istio_requests_total{reporter=\"destination\",namespace=\"shop\",pod=\"web-1\","
        "response_code=~\"5..\"}[30s])) by (namespace, pod)");
}

TEST_CASE("edges of pods are refused where telemetry does not know both pods", "[metrics]") {
  const MetricsRequest request = Parsed("/namespaces/shop/pods/web-1/edges");
  const auto labels = LabelsOf(*DialectOf("istio"), request, End::kSource);
  REQUIRE_FALSE(labels);
  CHECK(labels.error().reason() == "METRICS_EDGES_UNSUPPORTED");
  CHECK(LabelsOf(*DialectOf("linkerd"), request, End::kSource));
  CHECK(DialectOf("traefik-mesh") == nullptr);
}
