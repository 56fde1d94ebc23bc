#include "adapters/metrics/traffic_metrics.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace meshplay::metrics;
using Json = nlohmann::ordered_json;

namespace {

constexpr meshplay::UnixMs kNow = 1'560'781'582'000;  // 2019-06-17T14:26:22Z

MetricsRequest Parsed(const std::string& path, Version version = Version::kV1Alpha1) {
  auto request = ParseRequest(path, version);
  REQUIRE(request);
  return *request;
}

/// A Prometheus that answers each query whose text holds a key.
struct Recorded {
  std::map<std::string, std::vector<Sample>> answers;
  mutable int asked = 0;
  meshplay::Result<std::vector<Sample>> operator()(const std::string& promql) const {
    ++asked;
    std::vector<Sample> all;
    for (const auto& [key, samples] : answers) {
      if (promql.find(key) != std::string::npos) all.insert(all.end(), samples.begin(), samples.end());
    }
    return all;
  }
};

Json Answered(const char* mesh, const MetricsRequest& request, const Ask& ask,
              const std::optional<Selected>& selected = std::nullopt) {
  const auto answer = AnswerMetrics(*DialectOf(mesh), request, ask, selected, kNow);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  return answer->body;
}

}  // namespace

TEST_CASE("values are quantities of thousandths, cut towards zero", "[metrics]") {
  CHECK(MilliQuantity(10.123456) == "10123m");
  CHECK(MilliQuantity(296.875) == "296875m");
  CHECK(MilliQuantity(2) == "2");
  CHECK(MilliQuantity(0) == "0");
  CHECK(MilliQuantity(0.0004) == "0");
  CHECK(MilliQuantity(-1.5) == "-1500m");
  CHECK(MilliQuantity(std::nan("")) == "0");
  CHECK(MilliQuantity(std::numeric_limits<double>::infinity()) == "0");
  CHECK(MilliQuantity(1e300) == "0");
}

TEST_CASE("a resource has the documented shape, member by member", "[metrics]") {
  const std::map<std::string, std::string> labels = {{"namespace", "linkerd"}, {"deployment", "linkerd-web"}};
  const Recorded recorded{{{"0.99,", {{labels, 296.875}}},
                           {"0.9,", {{labels, 268.75}}},
                           {"0.5,", {{labels, 162.5}}},
                           {"\"success\"", {{labels, 73.492}}}}};
  const Json body = Answered("linkerd", Parsed("/namespaces/linkerd/deployments/linkerd-web"), std::cref(recorded));
  CHECK(recorded.asked == 5);
  CHECK(
      body.dump() ==
      R"({"kind":"TrafficMetrics","apiVersion":"metrics.smi-spec.io/v1alpha1","metadata":{"name":"linkerd-web",)"
      R"("namespace":"linkerd","selfLink":"/apis/metrics.smi-spec.io/v1alpha1/namespaces/linkerd/deployments/linkerd-web",)"
      R"("creationTimestamp":"2019-06-17T14:26:22Z"},"timestamp":"2019-06-17T14:26:22Z","window":"30s",)"
      R"("resource":{"kind":"Deployment","namespace":"linkerd","name":"linkerd-web"},)"
      R"("edge":{"direction":"from","resource":null},"metrics":[)"
      R"({"name":"p99_response_latency","unit":"ms","value":"296875m"},)"
      R"({"name":"p90_response_latency","unit":"ms","value":"268750m"},)"
      R"({"name":"p50_response_latency","unit":"ms","value":"162500m"},)"
      R"({"name":"success_count","value":"73492m"},{"name":"failure_count","value":"0"}]})");
}

TEST_CASE("edges run both ways, seen from the asked resource", "[metrics]") {
  const std::map<std::string, std::string> out = {{"source_workload_namespace", "shop"},
                                                  {"source_workload", "web"},
                                                  {"destination_workload_namespace", "data"},
                                                  {"destination_workload", "store"}};
  const std::map<std::string, std::string> in = {{"source_workload_namespace", "front"},
                                                 {"source_workload", "edge"},
                                                 {"destination_workload_namespace", "shop"},
                                                 {"destination_workload", "web"}};
  const Recorded recorded{{{"source_workload=\"web\"", {{out, 4}}}, {"destination_workload=\"web\"", {{in, 9}}}}};
  const Json body =
      Answered("istio", Parsed("/namespaces/shop/deployments/web/edges", Version::kV1Alpha2), std::cref(recorded));
  CHECK(recorded.asked == 10);
  CHECK(body.at("kind") == "TrafficMetricsList");
  CHECK(body.at("metadata").at("selfLink") ==
        "/apis/metrics.smi-spec.io/v1alpha2/namespaces/shop/deployments/web/edges");
  CHECK(body.at("resource") == Json({{"kind", "Deployment"}, {"namespace", "shop"}, {"name", "web"}}));
  REQUIRE(body.at("items").size() == 2);
  CHECK(body.at("items").at(0).at("edge").dump() ==
        R"({"direction":"from","resource":{"kind":"Deployment","namespace":"front","name":"edge"},"side":"server"})");
  CHECK(body.at("items").at(1).at("edge").dump() ==
        R"({"direction":"to","resource":{"kind":"Deployment","namespace":"data","name":"store"},"side":"server"})");
  CHECK(body.at("items").at(1).at("resource").at("name") == "web");
}

TEST_CASE("a list is ordered, and a label selector filters its items", "[metrics]") {
  const auto series = [](const char* name) {
    return Sample{{{"destination_workload_namespace", "shop"}, {"destination_workload", name}}, 1};
  };
  const Recorded recorded{{{"5..", {series("web"), series("api"), series("cart")}}}};
  const Json all = Answered("istio", Parsed("/namespaces/shop/deployments"), std::cref(recorded));
  REQUIRE(all.at("items").size() == 3);
  CHECK(all.at("items").at(0).at("resource").at("name") == "api");
  CHECK(all.at("items").at(2).at("resource").at("name") == "web");
  const Json some = Answered("istio", Parsed("/namespaces/shop/deployments"), std::cref(recorded),
                             Selected{{"shop", "cart"}, {"other", "web"}});
  REQUIRE(some.at("items").size() == 1);
  CHECK(some.at("items").at(0).at("resource").at("name") == "cart");
}

TEST_CASE("a resource without traffic and a failing Prometheus are told as clients of the API expect", "[metrics]") {
  const auto nothing = AnswerMetrics(
      *DialectOf("istio"), Parsed("/namespaces/shop/deployments/web"),
      [](const std::string&) { return std::vector<Sample>(); }, std::nullopt, kNow);
  REQUIRE(nothing);
  CHECK(nothing->status == 500);
  CHECK(nothing->body.dump() == R"({"error":"unable to lookup metrics"})");
  const auto broken = AnswerMetrics(
      *DialectOf("istio"), Parsed("/deployments"),
      [](const std::string&) -> meshplay::Result<std::vector<Sample>> {
        return meshplay::Unavailable("PROMETHEUS_UNREACHABLE", "gone");
      },
      std::nullopt, kNow);
  REQUIRE_FALSE(broken);
  CHECK(ErrorAnswer(broken.error()).status == 500);
  const auto unknown = ParseRequest("/cronjobs", Version::kV1Alpha1);
  CHECK(ErrorAnswer(unknown.error()).status == 404);
  CHECK(ErrorAnswer(unknown.error()).body.dump() == R"({"error":"Unsupported resource: cronjobs"})");
}

TEST_CASE("the index names every resource once", "[metrics]") {
  const Json index = Answered("istio", Parsed("/"), [](const std::string&) { return std::vector<Sample>(); });
  CHECK(index.at("groupVersion") == "metrics.smi-spec.io/v1alpha1");
  REQUIRE(index.at("resources").size() == AllKinds().size());
  CHECK(index.at("resources").at(0).dump() ==
        R"({"name":"namespaces","singularName":"","namespaced":false,"kind":"TrafficMetrics","verbs":["get","list"]})");
}
