#include <catch2/catch.hpp>

#include "adapters/metrics/prometheus.h"

using namespace meshplay::metrics;

TEST_CASE("a Prometheus is named by a URL or as a Service", "[metrics]") {
  const auto url = ParseAddress("https://prometheus.example:9443/prom/");
  REQUIRE(url);
  CHECK_FALSE(url->is_service());
  CHECK(url->url == "https://prometheus.example:9443/prom");

  const auto service = ParseAddress("service:istio-system/prometheus:9090/prom/");
  REQUIRE(service);
  CHECK(service->is_service());
  CHECK(service->name_space == "istio-system");
  CHECK(service->service == "prometheus");
  CHECK(service->port == "9090");
  CHECK(service->prefix == "/prom");
}

TEST_CASE("an address that is none, or holds a secret, is refused", "[metrics]") {
  for (const char* text : {"", "prometheus:9090", "ftp://prometheus", "http://", "http://user:secret@prometheus:9090",
                           "http://prometheus:9090/?x=1", "http://prometheus:9090/#x", "service:prometheus:9090",
                           "service:istio-system/prometheus", "service:istio-system/prom/etheus:9090",
                           "service:../secrets:9090", "service:a/b:80%2f"}) {
    INFO(text);
    const auto address = ParseAddress(text);
    REQUIRE_FALSE(address);
    CHECK(address.error().reason() == "PROMETHEUS_ADDRESS_INVALID");
  }
  CHECK_FALSE(ParseAddress("http://" + std::string(1'100, 'a')));
}

TEST_CASE("only a vector is an answer to a query", "[metrics]") {
  const auto good = ParseVector(
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2.5"]},{"metric":{},"value":[1,"NaN"]}]}})");
  REQUIRE(good);
  REQUIRE(good->size() == 2);
  CHECK(good->at(0).labels.at("a") == "b");
  CHECK(good->at(0).value == 2.5);
  for (const char* body : {"", "[]", "{}", R"({"data":{"resultType":"matrix","result":[]}})",
                           R"({"data":{"resultType":"vector","result":{}}})",
                           R"({"data":{"resultType":7,"result":[]}})", R"({"data":{"resultType":null,"result":[]}})",
                           R"({"data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}})"}) {
    INFO(body);
    const auto bad = ParseVector(body);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().reason() == "PROMETHEUS_FAILED");
  }
}
