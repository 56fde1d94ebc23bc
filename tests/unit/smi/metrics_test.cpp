#include "libs/smi/metrics.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using nlohmann::json;
namespace smi = meshplay::smi;

namespace {

json Metrics(const char* version) {
  return json::parse(R"({
    "kind": "TrafficMetrics", "timestamp": "2019-06-17T14:26:22Z", "window": "30s",
    "resource": {"kind": "Deployment", "namespace": "linkerd", "name": "linkerd-web"},
    "edge": {"direction": "from", "resource": null},
    "metrics": [{"name": "p99_response_latency", "unit": "ms", "value": "296875m"},
                {"name": "success_count", "value": "73492m"}, {"name": "failure_count", "value": "0"}]})")
      .patch({{{"op", "add"}, {"path", "/apiVersion"}, {"value", std::string("metrics.smi-spec.io/") + version}}});
}

json WithBackend() {
  json metrics = Metrics("v1alpha2");
  metrics["resource"]["kind"] = "TrafficSplit";
  metrics["edge"] = {{"direction", "to"}, {"side", "client"}, {"resource", {{"kind", "Namespace"}, {"name", "shop"}}}};
  metrics["backend"] = {{"apex", "api"}, {"name", "api-v1"}, {"weight", 90}};
  return metrics;
}

}  // namespace

TEST_CASE("TrafficMetrics are read in the shapes of v1alpha1 and v1alpha2 and written back the same",
          "[smi][metrics]") {
  for (const json& document : {Metrics("v1alpha1"), Metrics("v1alpha2"), WithBackend()}) {
    INFO(document.dump());
    const auto metrics = smi::ParseTrafficMetrics(document);
    REQUIRE(metrics.has_value());
    CHECK(metrics->metrics.front().milli == 296875);
    CHECK(smi::ToJson(*metrics) == document);
  }
  const auto split = smi::ParseTrafficMetrics(WithBackend());
  CHECK(split->backend->weight == 90);
  CHECK(split->edge.side == "client");
  CHECK(split->edge.resource->kind == "Namespace");
}

TEST_CASE("metadata and an empty edge do not matter", "[smi][metrics]") {
  json document = Metrics("v1alpha1");
  document["metadata"] = {{"name", "x"}};
  document.erase("edge");
  CHECK(smi::ParseTrafficMetrics(document).has_value());
}

TEST_CASE("what a version does not have, and what is no metric, is refused with its place", "[smi][metrics]") {
  const auto refused_at = [](const json& document) {
    const auto metrics = smi::ParseTrafficMetrics(document);
    return metrics.has_value() ? std::string("read") : metrics.error().violations().at(0).pointer;
  };
  const auto changed = [&](const char* pointer, const json& value) {
    json document = WithBackend();
    document[json::json_pointer(pointer)] = value;
    return refused_at(document);
  };
  CHECK(changed("/window", "1m") == "read");
  CHECK(changed("/apiVersion", "metrics.smi-spec.io/v1alpha3") == "/apiVersion");
  CHECK(changed("/apiVersion", "metrics.smi-spec.io/v1alpha1") == "/edge/side");
  CHECK(changed("/kind", "Metrics") == "/kind");
  CHECK(changed("/edge/direction", "up") == "/edge/direction");
  CHECK(changed("/metrics/1/value", 7) == "/metrics/1/value");
  CHECK(changed("/metrics/1/value", "7 ms") == "/metrics/1/value");
  CHECK(changed("/resource", nullptr) == "/resource");
  json without_side = WithBackend();
  without_side["apiVersion"] = "metrics.smi-spec.io/v1alpha1";
  without_side["edge"].erase("side");
  CHECK(refused_at(without_side) == "/backend");
}

TEST_CASE("a list of metrics is read item by item", "[smi][metrics]") {
  json list = {{"kind", "TrafficMetricsList"}, {"items", {Metrics("v1alpha1"), WithBackend()}}};
  REQUIRE(smi::ParseTrafficMetricsList(list).has_value());
  CHECK(smi::ParseTrafficMetricsList(list)->size() == 2);
  list["items"][1]["kind"] = "Other";
  CHECK_FALSE(smi::ParseTrafficMetricsList(list).has_value());
}
