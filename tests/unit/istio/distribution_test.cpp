#include "adapters/istio/internal/distribution.h"

#include <catch2/catch.hpp>

namespace istio = meshplay::istio;
using nlohmann::json;

namespace {

json Proxy(const std::string& id, const std::string& sent, const std::string& taken) {
  return {{"proxy", id}, {"proxy_type", "sidecar"}, {"listener_sent", sent}, {"listener_acked", taken}};
}

}  // namespace

TEST_CASE("istiod's list of proxies is read for the namespaces asked about, gateways left out") {
  json gateway = Proxy("edge.shop", "v1", "v1");
  gateway["proxy_type"] = "router";
  const auto proxies = istio::ReadProxies(
      {Proxy("web-1.shop", "v1", "v1"), Proxy("web-1.other", "v1", "v1"), gateway, {{"proxy", 7}}, "text"}, {"shop"});
  REQUIRE(proxies.size() == 1);
  CHECK(proxies.at("web-1.shop").sent == "v1");
  CHECK(istio::ReadProxies({{"error", "no"}}, {"shop"}).empty());
}

TEST_CASE("All proxies took what was sent only when each was sent something new and acknowledged it") {
  const std::map<std::string, istio::ProxyState> before = {{"a.shop", {"v1", "v1"}}, {"b.shop", {"v1", "v1"}}};
  CHECK_FALSE(istio::AllTook(before, before));
  CHECK_FALSE(istio::AllTook(before, {{"a.shop", {"v2", "v2"}}, {"b.shop", {"v1", "v1"}}}));
  CHECK_FALSE(istio::AllTook(before, {{"a.shop", {"v2", "v2"}}, {"b.shop", {"v2", "v1"}}}));
  CHECK(istio::AllTook(before, {{"a.shop", {"v2", "v2"}}, {"b.shop", {"v3", "v3"}}}));
  CHECK(istio::AllTook(before, {{"b.shop", {"v2", "v2"}}, {"new.shop", {"v2", ""}}}));
}

TEST_CASE("Only a policy that allows without a rule denies everything else") {
  const auto policy = [](const json& spec) { return json{{"kind", "AuthorizationPolicy"}, {"spec", spec}}; };
  CHECK(istio::IsDenyBaseline(policy(json::object())));
  CHECK(istio::IsDenyBaseline(policy({{"action", "ALLOW"}, {"selector", json::object()}})));
  CHECK_FALSE(istio::IsDenyBaseline(policy({{"rules", {{{"from", json::array()}}}}})));
  CHECK_FALSE(istio::IsDenyBaseline(policy({{"action", "AUDIT"}})));
  CHECK_FALSE(istio::IsDenyBaseline({{"kind", "PeerAuthentication"}, {"spec", json::object()}}));
}
