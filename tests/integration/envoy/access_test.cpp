#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "adapters/istio/emitter/emit.h"
#include "libs/base/clock.h"
#include "libs/smi/parse.h"
#include "tests/integration/envoy/mesh.h"
#include "tests/integration/envoy/proxy.h"
#include "tests/integration/envoy/tls_caller.h"
#include "tests/unit/smi/cluster_objects.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::test::Backend;
using meshplay::test::HttpAnswer;
using meshplay::test::Identities;
using meshplay::test::NameOf;
using meshplay::test::OnTheWire;
using meshplay::test::Proxy;
using meshplay::test::TlsCaller;
using meshplay::testing::Below;
using meshplay::testing::Document;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::Request;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 300;
constexpr int kConnectionsEach = 4;
constexpr int kRequestsEach = 12;
constexpr int kPodPort = 8080;
const char* const kTrustDomain = "cluster.local";

/// The filter of the EnvoyFilter that a policy becomes; null without one.
json FilterOf(const std::vector<json>& documents) {
  const auto facts = meshplay::test::ApiFacts();
  istio::EmitOptions options;
  options.envoy_filter = true;
  const auto emission = istio::EmitSmi(smi::ParseDocuments(documents), facts, options);
  REQUIRE(emission.has_value());
  for (const json& object : emission->objects) {
    if (object["kind"] == "EnvoyFilter") return object["spec"]["configPatches"][0]["patch"]["value"];
  }
  return nullptr;
}

std::vector<json> AccessBy(const json& matches) {
  return {Document("specs", "v1alpha4", "HTTPRouteGroup", "g", {{"matches", matches}}),
          Document("access", "v1alpha3", "TrafficTarget", "t",
                   {{"destination", {{"kind", "ServiceAccount"}, {"name", "api"}}},
                    {"rules", {{{"kind", "HTTPRouteGroup"}, {"name", "g"}}}},
                    {"sources", {{{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "shop"}}}}})};
}

}  // namespace

TEST_CASE("Envoy with the filters of random policies allows exactly the requests that SMI allows", "[envoy]") {
  const Identities identities(kTrustDomain);
  const Backend backend;
  std::mt19937 random(20'261'126);
  std::vector<RandomPolicy> policies;
  std::map<std::string, Proxy::Chain> chains;
  while (policies.size() < kPolicies) {
    RandomPolicy policy(random);
    const json filter = FilterOf(policy.Documents());
    if (filter.is_null()) continue;
    chains[NameOf(policies.size())].http_filter = filter;
    policies.push_back(std::move(policy));
  }
  const auto proxy = Proxy::Start(chains, identities.authority(), backend.port());
  if (proxy == nullptr) return;

  int allowed = 0;
  int denied = 0;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    for (int connection = 0; connection < kConnectionsEach; ++connection) {
      const Request who = RandomRequest(random);
      TlsCaller caller(proxy->port(), who.port, NameOf(i), identities.Of(who.source_account));
      REQUIRE(caller.connected());
      for (int k = 0; k < kRequestsEach; ++k) {
        Request request = RandomRequest(random);
        request.is_http = true;
        request.source_account = who.source_account;
        request.port = who.port;
        const HttpAnswer answer = caller.Send(OnTheWire(request, Below(random, 3) == 0 ? "?x=/api&y=/u/7/o" : ""));
        const bool smi_allows = policies[i].Allows(request);
        ++(smi_allows ? allowed : denied);
        if (answer.status == (smi_allows ? 200 : 403)) continue;
        FAIL("status " << answer.status << " where SMI " << (smi_allows ? "allows" : "denies") << "\n"
                       << meshplay::testing::Text(request) << "\n"
                       << json(policies[i].Documents()).dump(1) << "\n"
                       << chains[NameOf(i)].http_filter.dump(1));
      }
    }
  }
  // Else the comparison says little.
  CHECK(allowed > kPolicies * kConnectionsEach * kRequestsEach / 20);
  CHECK(denied > kPolicies * kConnectionsEach * kRequestsEach / 20);
}

TEST_CASE("Envoy knows callers by the whole URI in their certificate", "[envoy]") {
  const Identities identities(kTrustDomain);
  const Backend backend;
  const auto documents = AccessBy(json::array({{{"name", "m"}, {"pathRegex", "/u/[0-9]+"}}}));
  const auto proxy = Proxy::Start({{NameOf(0), {FilterOf(documents), {}, {}}}}, identities.authority(), backend.port());
  if (proxy == nullptr) return;
  const auto status = [&](const std::string& caller) {
    TlsCaller to(proxy->port(), kPodPort, NameOf(0), identities.Of(caller));
    return to.Send("GET /u/7 HTTP/1.1\r\nhost: api\r\n\r\n").status;
  };
  CHECK(status("web") == 200);
  for (const char* caller : {"", "admin", "other namespace", "other trust domain", "longer account", "no URI"}) {
    INFO(caller);
    CHECK(status(caller) == 403);
  }
  // Somebody whom the mesh did not sign does not even get a connection that answers.
  auto stranger =
      meshplay::NewCertificateAuthority("other", std::chrono::hours(1), meshplay::SystemClock().NowUnixMs());
  REQUIRE(stranger.has_value());
  meshplay::CertificateRequest request;
  request.common_name = "web";
  request.uri_names = {identities.Uri("web")};
  request.client_auth = true;
  const auto forged = meshplay::IssueKeyPair(*stranger, request, meshplay::SystemClock().NowUnixMs());
  REQUIRE(forged.has_value());
  TlsCaller to(proxy->port(), kPodPort, NameOf(0), &*forged);
  CHECK(to.Send("GET /u/7 HTTP/1.1\r\nhost: api\r\n\r\n").status == 0);
}

TEST_CASE("Envoy decides by the path that the pod gets, whatever the caller writes", "[envoy]") {
  const Identities identities(kTrustDomain);
  const Backend backend;
  const std::vector<json> matches = {{{"name", "m"}, {"pathRegex", "/pub/[a-z.]+"}},
                                     {{"name", "m"}, {"pathRegex", "/pub/[^/]+/x[0-9]$"}},
                                     {{"name", "m"}, {"pathRegex", "/(pub|admin/[0-9]+)/"}},
                                     {{"name", "m"}, {"pathRegex", "/[^%]+$"}}};
  std::map<std::string, Proxy::Chain> chains = {{"open.test", {}}};
  for (std::size_t i = 0; i < matches.size(); ++i)
    chains[NameOf(i)].http_filter = FilterOf(AccessBy(json::array({matches[i]})));
  const auto proxy = Proxy::Start(chains, identities.authority(), backend.port());
  if (proxy == nullptr) return;

  int allowed = 0;
  int refused = 0;
  for (const char* path : {"/pub/a",
                           "//pub/a",
                           "/pub//a",
                           "/pub/../admin",
                           "/pub/%2e%2e/admin",
                           "/pub/%2E%2E/admin/7/",
                           "/pub/..%2fadmin",
                           "/pub/%2fadmin",
                           "/pub%2fa",
                           "/%70ub/a",
                           "/pub/a%00",
                           "/pub/./a",
                           "/pub/.../a",
                           "/pub/a/x1",
                           "/pub/a/x1/../x2",
                           "/pub/a/x1?",
                           "/pub/a/x1?/../../admin",
                           "/pub/a?x1",
                           "/admin/7/",
                           "/admin/7/../../pub/a",
                           "/ADMIN/7/",
                           "/pub/a;b/x1",
                           "/pub/a\\..\\admin",
                           "/admin?/pub/a",
                           "/",
                           "/pub",
                           "/pub/",
                           "/pub/a%20b",
                           "/pub/a/x1%3f",
                           "http://api/pub/a",
                           "http://pub/admin",
                           "/pub/\xc3\xa4/x1",
                           "/pub/a#/x1",
                           "*"}) {
    const std::string request = std::string("GET ") + path + " HTTP/1.1\r\nhost: api\r\n\r\n";
    INFO(path);
    TlsCaller open(proxy->port(), kPodPort, "open.test", identities.Of("web"));
    const HttpAnswer unguarded = open.Send(request);
    if (unguarded.status != 200) ++refused;
    for (std::size_t i = 0; i < matches.size(); ++i) {
      INFO(matches[i].dump());
      TlsCaller caller(proxy->port(), kPodPort, NameOf(i), identities.Of("web"));
      const HttpAnswer answer = caller.Send(request);
      if (unguarded.status != 200) {
        CHECK(answer.status != 200);  // The proxy itself refuses it.
        continue;
      }
      INFO("reaches the pod as " << unguarded.body);
      Request seen{"web", {}, kPodPort, true, "GET", unguarded.body.substr(0, unguarded.body.find('?')), {}};
      const bool smi_allows = meshplay::testing::SmiMatches(matches[i], seen);
      CHECK(answer.status == (smi_allows ? 200 : 403));
      if (answer.status == 200) CHECK(answer.body == unguarded.body);
      if (smi_allows) ++allowed;
    }
  }
  CHECK(allowed > 20);
  CHECK(refused > 0);
}

TEST_CASE("Envoy looks at each value of a header that is sent twice", "[envoy]") {
  const Identities identities(kTrustDomain);
  const Backend backend;
  const auto documents =
      AccessBy(json::array({{{"name", "m"}, {"pathRegex", "/u/[0-9]+"}, {"headers", {{"x", "a|c,d"}}}}}));
  const auto proxy = Proxy::Start({{NameOf(0), {FilterOf(documents), {}, {}}}}, identities.authority(), backend.port());
  if (proxy == nullptr) return;
  TlsCaller caller(proxy->port(), kPodPort, NameOf(0), identities.Of("web"));
  const auto status = [&](const std::string& headers) {
    return caller.Send("GET /u/7 HTTP/1.1\r\nhost: api\r\n" + headers + "\r\n").status;
  };
  CHECK(status("x: a\r\n") == 200);
  CHECK(status("X: a\r\n") == 200);
  CHECK(status("x: a\r\nx: b\r\n") == 200);
  CHECK(status("x: b\r\nx: a\r\n") == 200);
  CHECK(status("x: b\r\nx: b\r\n") == 403);
  CHECK(status("x: c\r\nx: d\r\n") == 403);
  CHECK(status("x: c,d\r\n") == 200);
  CHECK(status("x: A\r\n") == 403);
  CHECK(status("y: a\r\n") == 403);
  CHECK(status("") == 403);
}

TEST_CASE("Envoy takes every kind of expression and header name that SMI takes", "[envoy]") {
  const Identities identities(kTrustDomain);
  const Backend backend;
  json matches = json::array();
  for (const char* regex : {"(?i)/API", "/[[:alpha:]]+", "/\\Q.*\\E", "/a{0,1000}", "/\\pN+", "/[^/]+/(?:a|b)*?",
                            "/\\C", "/(?P<name>a)", "/a\\b", "\\A/a\\z", "/(|a)", "/$", "/[0-9]+.*"}) {
    matches.push_back(
        {{"name", "m" + std::to_string(matches.size())}, {"pathRegex", regex}, {"headers", {{"x", regex}}}});
  }
  matches.push_back(
      {{"name", "m"}, {"headers", {{"x!#$%&'*+-.^_`|~1", "v[12]"}, {"y", "()"}, {"z", ""}, {"host", "a.*[b]"}}}});
  const json filter = FilterOf(AccessBy(matches));
  REQUIRE(filter["typed_config"]["rules"]["policies"]["shop/t"]["permissions"].size() == matches.size());
  const auto proxy = Proxy::Start({{NameOf(0), {filter, {}, {}}}}, identities.authority(), backend.port());
  if (proxy == nullptr) return;
  TlsCaller caller(proxy->port(), kPodPort, NameOf(0), identities.Of("web"));
  CHECK(caller.Send("GET /api HTTP/1.1\r\nhost: a\r\nx: /aPI\r\n\r\n").status == 200);
  CHECK(caller.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").status == 403);
}
