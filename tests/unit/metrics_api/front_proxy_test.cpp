#include "adapters/metrics_api/front_proxy.h"

#include <catch2/catch.hpp>

#include "tests/unit/metrics_api/identities.h"

using namespace meshplay;
using namespace meshplay::testing;
using namespace std::chrono_literals;
using metrics_api::FrontProxy;
using Texts = std::vector<std::string>;

TEST_CASE("a front proxy is whom the cluster's authority and list of names say", "[metrics_api]") {
  const Identities cluster, other;
  const auto proxy = FrontProxy::Read(TrustMap(cluster)).value();
  CHECK(proxy->Trusts(ChainOf(cluster.Issue("front-proxy-client"))));
  CHECK_FALSE(proxy->Trusts({}));
  CHECK_FALSE(proxy->Trusts({"no certificate"}));
  CHECK_FALSE(proxy->Trusts(ChainOf(cluster.Issue("somebody-else"))));
  CHECK_FALSE(proxy->Trusts(ChainOf(other.Issue("front-proxy-client"))));
  CHECK_FALSE(proxy->Trusts(ChainOf(cluster.Issue("front-proxy-client", 1h, 7'200'000))));
  CHECK_FALSE(proxy->Trusts(ChainOf(cluster.Issue("front-proxy-client", 1h, 0, false))));
  // The right authority's certificate beside a leaf that it has not signed.
  Texts chain = ChainOf(other.Issue("front-proxy-client"));
  chain.push_back(PemToDer(cluster.authority.certificate_chain_pem).value());
  CHECK_FALSE(proxy->Trusts(chain));
}

TEST_CASE("an empty list of names trusts every certificate of the authority", "[metrics_api]") {
  const Identities cluster, other;
  const auto proxy = FrontProxy::Read(TrustMap(cluster, "[]")).value();
  CHECK(proxy->Trusts(ChainOf(cluster.Issue("anybody"))));
  CHECK_FALSE(proxy->Trusts(ChainOf(other.Issue("anybody"))));
}

TEST_CASE("headers name the user with groups and extras", "[metrics_api]") {
  const auto proxy = FrontProxy::Read(TrustMap({})).value();
  const auto user = proxy->UserOf({{"x-remote-user", "ann"},
                                   {"X-Remote-Uid", "42"},
                                   {"X-Remote-Group", "dev"},
                                   {"X-Remote-Group", "ops"},
                                   {"X-Remote-Extra-Example.org%2fScopes", "a"},
                                   {"X-Remote-Extra-Example.org%2fScopes", "b"},
                                   {"X-Other", "c"}});
  REQUIRE(user.has_value());
  CHECK(user->name == "ann");
  CHECK(user->uid == "42");
  CHECK(user->groups == Texts{"dev", "ops"});
  CHECK(user->extra == std::map<std::string, Texts>{{"example.org/scopes", {"a", "b"}}});
  CHECK_FALSE(proxy->UserOf({{"X-Remote-Group", "system:masters"}}).has_value());
  CHECK_FALSE(proxy->UserOf({{"X-Remote-User", ""}}).has_value());
}

TEST_CASE("a ConfigMap that says nothing usable trusts nobody", "[metrics_api]") {
  const Identities cluster;
  const auto reason = [](const nlohmann::json& map) {
    const auto read = FrontProxy::Read(map);
    return read ? std::string() : read.error().reason();
  };
  CHECK(reason(nullptr) == "FRONT_PROXY_UNKNOWN");
  CHECK(reason(TrustMap(cluster, "front-proxy-client")) == "FRONT_PROXY_UNKNOWN");
  CHECK(reason(TrustMap(cluster, "[1]")) == "FRONT_PROXY_UNKNOWN");
  nlohmann::json map = TrustMap(cluster);
  map["data"]["requestheader-client-ca-file"] = "no certificate";
  CHECK(reason(map) == "FRONT_PROXY_UNKNOWN");
  map = TrustMap(cluster);
  map["data"].erase("requestheader-username-headers");
  CHECK(reason(map) == "FRONT_PROXY_UNKNOWN");
}
