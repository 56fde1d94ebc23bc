#include "adapters/metrics/request.h"

#include <catch2/catch.hpp>

using namespace meshplay::metrics;
using namespace std::chrono_literals;
using Form = MetricsRequest::Form;

namespace {

MetricsRequest Parsed(const std::string& path) {
  auto request = ParseRequest(path, Version::kV1Alpha1);
  INFO(path);
  REQUIRE(request);
  return *request;
}
std::string ReasonOf(const std::string& path) {
  const auto request = ParseRequest(path, Version::kV1Alpha1);
  return request ? "OK" : request.error().reason();
}

}  // namespace

TEST_CASE("every path of the SMI metrics API is one request", "[metrics]") {
  CHECK(Parsed("").form == Form::kIndex);
  CHECK(Parsed("/").form == Form::kIndex);

  const MetricsRequest everywhere = Parsed("/deployments");
  CHECK(everywhere.form == Form::kList);
  CHECK(everywhere.kind == Kind::kDeployment);
  CHECK(everywhere.name_space.empty());

  const MetricsRequest name_space = Parsed("/namespaces/shop/");
  CHECK(name_space.form == Form::kGet);
  CHECK(name_space.kind == Kind::kNamespace);
  CHECK(name_space.name_space == "shop");

  CHECK(Parsed("/namespaces/shop/edges").form == Form::kEdges);
  CHECK(Parsed("/namespaces/shop/edges").kind == Kind::kNamespace);
  CHECK(Parsed("/namespaces").form == Form::kList);

  const MetricsRequest list = Parsed("/namespaces/shop/statefulsets");
  CHECK(list.form == Form::kList);
  CHECK(list.kind == Kind::kStatefulset);
  CHECK(list.name.empty());

  const MetricsRequest one = Parsed("/namespaces/shop/pods/web-0");
  CHECK(one.form == Form::kGet);
  CHECK(one.name == "web-0");
  CHECK(Parsed("/namespaces/shop/deployments/web/edges").form == Form::kEdges);
}

TEST_CASE("a path that no resource has is refused, and so is a name that could change a query", "[metrics]") {
  CHECK(ReasonOf("/cronjobs") == "METRICS_RESOURCE_UNKNOWN");
  CHECK(ReasonOf("/namespaces/shop/namespaces") == "METRICS_RESOURCE_UNKNOWN");
  CHECK(ReasonOf("/namespaces/shop/deployments/web/nodes") == "METRICS_RESOURCE_UNKNOWN");
  CHECK(ReasonOf("/namespaces/shop/deployments/web/edges/x") == "METRICS_RESOURCE_UNKNOWN");
  CHECK(ReasonOf("/deployments/web") == "METRICS_RESOURCE_UNKNOWN");
  CHECK(ReasonOf("/namespaces/shop\"}/deployments") == "METRICS_NAME_INVALID");
  CHECK(ReasonOf("/namespaces/shop/deployments/.+|x") == "METRICS_NAME_INVALID");
  CHECK(ReasonOf("/namespaces/shop/deployments/" + std::string(254, 'a')) == "METRICS_NAME_INVALID");
  const auto unknown = ParseRequest("/cronjobs", Version::kV1Alpha1);
  CHECK(unknown.error().message() == "Unsupported resource: cronjobs");
}

TEST_CASE("the window is a Go duration, and 30 s when it cannot be read", "[metrics]") {
  CHECK(ParseWindow("") == 30s);
  CHECK(ParseWindow("soon") == 30s);
  CHECK(ParseWindow("30") == 30s);
  CHECK(ParseWindow("-5s") == 30s);
  CHECK(ParseWindow("45s") == 45s);
  CHECK(ParseWindow("1m30s") == 90s);
  CHECK(ParseWindow("1.5h") == 5400s);
  CHECK(ParseWindow("2500ms") == 2s);
  CHECK(ParseWindow("1ns") == 1s);
  CHECK(ParseWindow("1000000h") == 24h);
  CHECK(ParseWindow("5x") == 30s);
}
