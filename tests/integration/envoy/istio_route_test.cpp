#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "adapters/istio/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/integration/envoy/mesh.h"
#include "tests/integration/envoy/proxy.h"
#include "tests/integration/envoy/tls_caller.h"
#include "tests/unit/istio_emitter/istio_interpreter.h"
#include "tests/unit/smi/cluster_objects.h"

using meshplay::test::Identities;
using meshplay::test::NameOf;
using meshplay::test::OnTheWire;
using meshplay::test::Proxy;
using meshplay::test::TlsCaller;
using meshplay::testing::Below;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::Request;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

constexpr int kSplits = 150;
constexpr int kRequestsEach = 30;
constexpr int kServicePort = 80;

/// A split of api by the groups g0 and g1 of a policy.
json VirtualServiceOf(const RandomPolicy& policy) {
  std::vector<json> documents;
  for (const auto& [name, spec] : policy.groups()) {
    documents.push_back(meshplay::testing::Document("specs", "v1alpha4", "HTTPRouteGroup", name, spec));
  }
  const json group = {{"kind", "HTTPRouteGroup"}, {"name", "g0"}};
  const json other = {{"kind", "HTTPRouteGroup"}, {"name", "g1"}};
  documents.push_back(meshplay::testing::Document("split", "v1alpha4", "TrafficSplit", "s",
                                                  {{"service", "api"},
                                                   {"backends", json::array({{{"service", "next"}, {"weight", 1}}})},
                                                   {"matches", json::array({group, other})}}));
  const json ports = json::array({{{"name", "http"}, {"port", kServicePort}}});
  const auto facts =
      meshplay::facts::FactsFromObjects({meshplay::testing::ServiceOf("api", {{"app", "api"}}, ports),
                                         meshplay::testing::ServiceOf("next", {{"app", "next"}}, ports)});
  const auto emission = istio::EmitSmi(smi::ParseDocuments(documents), facts, {});
  REQUIRE(emission.has_value());
  return emission->objects.empty() ? json() : emission->objects.at(0);
}

// From here to RoutesOf: what istiod makes of the matches of a VirtualService that Meshplay writes.
json TextMatcher(const json& match) {
  return match.contains("regex") ? json{{"safe_regex", {{"regex", match["regex"]}}}} : match;
}

json MatchOf(const json& entry) {
  json out = {{"headers", json::array()}};
  const auto header = [&](const std::string& name, const json& match) {
    out["headers"].push_back({{"name", name}, {"string_match", TextMatcher(match)}});
  };
  const json uri = entry.value("uri", json{{"prefix", "/"}});
  if (uri.contains("exact")) out["path"] = uri["exact"];
  if (uri.contains("prefix")) out["prefix"] = uri["prefix"];
  if (uri.contains("regex")) out["safe_regex"] = {{"regex", uri["regex"]}};
  if (entry.contains("method")) header(":method", entry["method"]);
  if (entry.contains("authority")) header(":authority", entry["authority"]);
  const json headers = entry.value("headers", json::object());
  for (const auto& [name, match] : headers.items()) header(name, match);
  return out;
}

// Each answers with its name.
json RoutesOf(const json& virtual_service) {
  json routes = json::array();
  for (const json& route : virtual_service["spec"]["http"]) {
    for (const json& entry : route["match"]) {
      if (entry.value("port", kServicePort) != kServicePort) continue;
      const json answer = {{"status", 200}, {"body", {{"inline_string", route["name"]}}}};
      routes.push_back({{"match", MatchOf(entry)}, {"direct_response", answer}});
    }
  }
  return routes;
}

}  // namespace

TEST_CASE("Envoy routes by Istio's VirtualServices as our interpreter does, and as SMI wants", "[envoy]") {
  const Identities identities("cluster.local");
  std::mt19937 random(20'261'130);
  std::vector<RandomPolicy> policies;
  std::vector<json> services;
  std::map<std::string, Proxy::Chain> chains;
  while (policies.size() < kSplits) {
    RandomPolicy policy(random);
    const json service = VirtualServiceOf(policy);
    if (service.is_null()) continue;  // No request can match.
    chains[NameOf(policies.size())].routes = RoutesOf(service);
    services.push_back(service);
    policies.push_back(std::move(policy));
  }
  const auto proxy = Proxy::Start(chains, identities.authority(), meshplay::testing::ClosedPort());
  if (proxy == nullptr) return;

  int split = 0;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    TlsCaller caller(proxy->port(), kServicePort, NameOf(i), identities.Of("web"));
    for (int k = 0; k < kRequestsEach; ++k) {
      Request request = RandomRequest(random);
      request.is_http = true;
      request.port = kServicePort;
      const bool matches = policies[i].GroupMatches("g0", request) || policies[i].GroupMatches("g1", request);
      if (matches) ++split;
      const std::string read = meshplay::testing::IstioRoute(services[i], request);
      const std::string wire = OnTheWire(request, Below(random, 3) == 0 ? "?x=/api&y=/u/7/o" : "");
      const std::string taken = caller.Send(wire).body;
      if (taken == read && taken == (matches ? "smi-split-80" : "smi-root-80")) continue;
      FAIL("Envoy takes " << taken << ", our interpreter " << read << ", SMI " << (matches ? "splits" : "does not")
                          << "\n"
                          << wire << services[i].dump(1) << "\n"
                          << json(policies[i].groups()).dump(1));
    }
  }
  CHECK(split > kSplits * kRequestsEach / 20);
}
