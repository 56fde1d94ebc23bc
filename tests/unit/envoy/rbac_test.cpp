#include "adapters/envoy/rbac.h"

#include <catch2/catch.hpp>

#include "tests/unit/envoy/rbac_interpreter.h"

using meshplay::testing::RbacAllows;
using meshplay::testing::Request;
using nlohmann::json;
namespace envoy = meshplay::envoy;
namespace smi = meshplay::smi;

namespace {

constexpr const char* kWeb = "spiffe://cluster.local/ns/shop/sa/web";

smi::RequestMatch Match(const std::string& path, const std::vector<std::string>& methods = {},
                        const std::map<std::string, std::string>& headers = {},
                        smi::PathAnchor anchor = smi::PathAnchor::kSpec) {
  smi::RequestMatch match;
  match.path_regex = path;
  match.path = smi::LowerPath(path, {anchor, false});
  match.methods = smi::LowerMethods(methods);
  for (const auto& [name, regex] : headers) match.headers.push_back({name, regex, smi::LowerHeader(regex)});
  return match;
}

bool Allows(const std::vector<smi::RequestMatch>& matches, const std::string& path, const std::string& method = "GET",
            const std::map<std::string, std::string>& headers = {}) {
  const envoy::Allow allow{"shop/t", {{kWeb}}, {8080}, &matches};
  return RbacAllows(envoy::HttpFilter({allow}), kWeb, {"web", {}, 8080, true, method, path, headers});
}

}  // namespace

TEST_CASE("paths are open at their end unless the anchor is full, and do not hold the query", "[envoy]") {
  for (const char* path : {"/metrics", "/metrics/", "/metricsx", "/metrics?a=1"}) {
    CHECK(Allows({Match("/metrics")}, path));
    CHECK(Allows({Match("/m[a-z]+s")}, path));
  }
  CHECK_FALSE(Allows({Match("/metrics")}, "/x/metrics"));
  CHECK_FALSE(Allows({Match("/m[a-z]+s")}, "/x?/metrics"));
  const auto full = [](const char* path) { return Match(path, {}, {}, smi::PathAnchor::kFull); };
  CHECK(Allows({full("/m[a-z]+s")}, "/metrics?a=1"));
  CHECK_FALSE(Allows({full("/m[a-z]+s")}, "/metrics/"));
  CHECK(Allows({Match("/u/[^/]+/o")}, "/u/a.b/ox"));
  CHECK_FALSE(Allows({Match("/u/[^/]+/o")}, "/u//o"));
  CHECK_FALSE(Allows({Match("/v1\\.[^/]+$")}, "/v1.x/y"));
}

TEST_CASE("methods, headers and the host are conditions of one match", "[envoy]") {
  const std::vector<smi::RequestMatch> matches = {
      Match("", {"GET", "PUT"}, {{"x", "(a|b)[0-9]?"}, {"host", ".*\\.shop"}}), Match("/open", {"*"})};
  CHECK(Allows(matches, "/", "PUT", {{"x", "b1"}, {"host", "api.shop"}}));
  CHECK_FALSE(Allows(matches, "/", "put", {{"x", "b1"}, {"host", "api.shop"}}));
  CHECK_FALSE(Allows(matches, "/", "POST", {{"x", "b1"}, {"host", "api.shop"}}));
  CHECK_FALSE(Allows(matches, "/", "PUT", {{"x", "xb1"}, {"host", "api.shop"}}));
  CHECK_FALSE(Allows(matches, "/", "PUT", {{"host", "api.shop"}}));
  CHECK_FALSE(Allows(matches, "/", "PUT", {{"x", "b1"}, {"host", "api.shop.evil"}}));
  CHECK(Allows(matches, "/open", "POST"));
}

TEST_CASE("what holds for no request allows nothing, and nobody is no caller", "[envoy]") {
  std::vector<smi::RequestMatch> matches = {Match("/never$x"), Match("/a")};
  matches[1].headers.push_back({"x", "", {}});
  const std::vector<smi::RequestMatch> any = {Match("")};
  const json filter = envoy::HttpFilter({{"a", {{kWeb}}, {}, &matches}, {"b", {}, {}, &any}});
  CHECK(filter["typed_config"]["rules"] == json{{"action", "ALLOW"}, {"policies", json::object()}});
}

TEST_CASE("bytes are allowed by whole ports only", "[envoy]") {
  const std::vector<smi::RequestMatch> any = {Match("")};
  const json filter = envoy::NetworkFilter(
      {{"requests", {{kWeb}}, {}, &any}, {"bytes", {{"spiffe://[^/]+/ns/shop/sa/cron", true}}, {9000, 9001}}});
  const auto allows = [&](const char* uri, int port) {
    return RbacAllows(filter, uri, {"", {}, port, false, "", "", {}});
  };
  CHECK(allows("spiffe://other/ns/shop/sa/cron", 9001));
  CHECK_FALSE(allows("spiffe://other/ns/shop/sa/cron", 80));
  CHECK_FALSE(allows("spiffe://other/ns/shop/sa/cronx", 9001));
  CHECK_FALSE(allows(kWeb, 9000));
}

TEST_CASE("an expression that Envoy might refuse is told before", "[envoy]") {
  CHECK_FALSE(envoy::WhyNotTaken(Match("/a[0-9]+", {}, {{"x", "v[12]"}})).has_value());
  CHECK_FALSE(envoy::WhyNotTaken(Match("/a")).has_value());
  const auto too_large = envoy::WhyNotTaken(Match("/\\pL{20}"));
  CHECK(too_large.value_or("").find("instructions") != std::string::npos);
  for (const char* regex : {"/\xc3\xa4+", "/\\x{10FFFF}", "/[^\xc3\xa4]"}) {
    INFO(regex);
    CHECK(envoy::WhyNotTaken(Match(regex)).value_or("").find("of bytes") != std::string::npos);
    CHECK(envoy::WhyNotTaken(Match("", {}, {{"x", regex}})).has_value());
  }
}
