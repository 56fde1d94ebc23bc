#include <catch2/catch.hpp>

#include "adapters/kuma/emitter/emit.h"
#include "libs/smi/parse.h"
#include "tests/unit/gamma_emitter/gateway_interpreter.h"
#include "tests/unit/gamma_emitter/random_split.h"

using meshplay::testing::BackendsOf;
using meshplay::testing::Below;
using meshplay::testing::Document;
using meshplay::testing::GatewayBackends;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::RegexOrder;
using meshplay::testing::Request;
using nlohmann::json;
namespace kuma = meshplay::kuma;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 60;

// Kuma orders matches like the Gateway API does, regular expressions after prefixes, so its rules are read as such
// routes. A match without a path would come after all others: there must be none.
std::vector<json> AsRoutes(const std::vector<json>& objects) {
  std::vector<json> routes;
  for (const json& object : objects) {
    REQUIRE(object["kind"] == "MeshHTTPRoute");
    REQUIRE(object["metadata"]["labels"]["kuma.io/mesh"] == "default");
    for (const json& to : object["spec"]["to"]) {
      REQUIRE(to["targetRef"]["kind"] == "MeshService");
      json route = {{"kind", "HTTPRoute"}};
      const int port = to["targetRef"]["sectionName"] == "http" ? 80 : 81;
      route["spec"]["parentRefs"] = {{{"kind", "Service"}, {"name", to["targetRef"]["name"]}, {"port", port}}};
      for (const json& rule : to["rules"]) {
        for (const json& match : rule["matches"]) REQUIRE(match.contains("path"));
        json backends = json::array();
        for (const json& backend : rule["default"]["backendRefs"]) {
          REQUIRE(backend["port"] == port);
          backends.push_back(backend);
        }
        route["spec"]["rules"].push_back({{"matches", rule["matches"]}, {"backendRefs", std::move(backends)}});
      }
      routes.push_back(std::move(route));
    }
  }
  return routes;
}

}  // namespace

TEST_CASE("Kuma sends exactly the matching requests to the backends of a split", "[kuma][truth]") {
  const smi::ClusterFacts cluster = meshplay::testing::SplitCluster();
  std::mt19937 random(20'240'707);
  int routed = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random);
    const json split = meshplay::testing::RandomSplit(random);
    // Without the targets, which are another test's.
    std::vector<json> documents;
    for (json& document : policy.Documents()) {
      if (document["kind"] == "HTTPRouteGroup") documents.push_back(std::move(document));
    }
    documents.push_back(Document("split", "v1alpha4", "TrafficSplit", "s", split));
    const auto emission = kuma::EmitSmi(smi::ParseDocuments(documents), cluster, {});
    REQUIRE(emission.has_value());
    const bool not_applied = emission->reports.back().level == smi::SupportLevel::kNone;
    if (not_applied) REQUIRE(emission->objects.empty());
    const std::vector<json> routes = AsRoutes(emission->objects);
    for (int k = 0; k < kRequestsEach; ++k) {
      Request request = RandomRequest(random);
      request.port = 80 + Below(random, 2);
      request.is_http = true;
      const bool matches =
          !split.contains("matches") || policy.GroupMatches("g0", request) || policy.GroupMatches("g1", request);
      const auto split_to = not_applied ? std::nullopt : BackendsOf(split, request.port, false);
      const std::vector<std::string> wanted =
          matches && split_to.has_value() ? *split_to : std::vector<std::string>{"api"};
      const auto found = GatewayBackends(routes, "api", request, RegexOrder::kAfterPrefix);
      routed += wanted != std::vector<std::string>{"api"} ? 1 : 0;
      if (found.has_value() && *found == wanted) continue;
      FAIL("wanted " << json(wanted) << ", found " << json(found.value_or(wanted)) << "\n"
                     << json(documents).dump(1) << "\n"
                     << json(emission->objects).dump(1) << "\n"
                     << meshplay::testing::Text(request));
    }
  }
  CHECK(routed > kPolicies * kRequestsEach / 20);
}
