#include "adapters/metrics_api/target.h"

#include <catch2/catch.hpp>

using namespace meshplay;
using metrics_api::Attributes;
using metrics_api::AttributesOf;
using metrics_api::ReadTarget;

TEST_CASE("a target is a plain path with what the API knows of its query", "[metrics_api]") {
  const auto target = ReadTarget("/apis/x/namespaces/shop/pods/?t=1m&labelSelector=app%3Dweb%2Ctier%21%3Dx&watch=1");
  REQUIRE(target.has_value());
  CHECK(target->path == "/apis/x/namespaces/shop/pods");
  CHECK(target->window == "1m");
  CHECK(target->label_selector == "app=web,tier!=x");
  CHECK(target->watch);
  CHECK_FALSE(ReadTarget("/apis?watch=false")->watch);
  CHECK(ReadTarget("/")->path.empty());
}

TEST_CASE("paths that two readers could read differently are refused", "[metrics_api]") {
  for (const char* bad : {"", "apis", "//apis", "/apis//x", "/apis/./x", "/apis/../x", "/apis/x/..", "/apis/%2e%2e/x",
                          "/apis/a%2Fb", "/apis/a;b", "/apis/a b", "https://host/apis", "*", "/apis/\xc3\xa9"}) {
    INFO(bad);
    CHECK_FALSE(ReadTarget(bad).has_value());
  }
}

TEST_CASE("access is asked for in the words of the API server", "[metrics_api]") {
  const auto words = [](const std::string& path) {
    const auto request = metrics::ParseRequest(path, metrics::Version::kV1Alpha1);
    REQUIRE(request.has_value());
    const Attributes a = AttributesOf(*request);
    return a.verb + " " + a.resource + " " + a.subresource + " " + a.name_space + " " + a.name;
  };
  CHECK(words("/deployments") == "list deployments   ");
  CHECK(words("/namespaces") == "list namespaces   ");
  CHECK(words("/namespaces/shop") == "get namespaces  shop shop");
  CHECK(words("/namespaces/shop/edges") == "list edges  shop ");
  CHECK(words("/namespaces/shop/pods") == "list pods  shop ");
  CHECK(words("/namespaces/shop/pods/a") == "get pods  shop a");
  CHECK(words("/namespaces/shop/pods/a/edges") == "get pods edges shop a");
}
