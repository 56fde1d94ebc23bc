#include <catch2/catch.hpp>
#include <map>

#include "adapters/facts/kubernetes_facts.h"
#include "adapters/gamma/emit.h"
#include "libs/smi/parse.h"
#include "tests/unit/gamma_emitter/gateway_interpreter.h"
#include "tests/unit/smi/cluster_objects.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::Below;
using meshplay::testing::BrokenLimit;
using meshplay::testing::Document;
using meshplay::testing::GatewayBackends;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::RegexOrder;
using meshplay::testing::Request;
using meshplay::testing::ServiceOf;
using nlohmann::json;
namespace gateway = meshplay::gamma;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 60;

// Port 81 is missing at api-2, and api-3 does not exist.
smi::ClusterFacts Cluster() {
  const json http = {{"name", "http"}, {"port", 80}};
  const json more = {{"name", "http-b"}, {"port", 81}};
  return meshplay::facts::FactsFromObjects({ServiceOf("api", {{"app", "api"}}, {http, more}),
                                            ServiceOf("api-1", {{"app", "api-1"}}, {http, more}),
                                            ServiceOf("api-2", {{"app", "api-2"}}, json::array({http}))});
}

json RandomSplit(std::mt19937& random) {
  json spec = {{"service", "api"}, {"backends", json::array()}};
  for (const char* backend : {"api", "api-1", "api-2", "api-3"}) {
    if (Below(random, 3) != 0) spec["backends"].push_back({{"service", backend}, {"weight", Below(random, 3)}});
  }
  if (spec["backends"].empty()) spec["backends"].push_back({{"service", "api-1"}, {"weight", 0}});
  if (Below(random, 3) != 0) {
    spec["matches"] = {{{"kind", "HTTPRouteGroup"}, {"name", "g0"}}, {{"kind", "HTTPRouteGroup"}, {"name", "g1"}}};
  }
  return spec;
}

// The backends that a split may send a request to; none when all its weights are 0. nullopt: it does not split the
// port.
std::optional<std::vector<std::string>> Wanted(const json& split, int port, bool carries_zeros) {
  std::vector<std::string> out;
  bool some = false;
  bool any_weight = false;
  bool served_weight = false;
  for (const json& backend : split["backends"]) {
    const std::string name = backend["service"];
    const bool has_weight = backend["weight"] > 0;
    any_weight = any_weight || has_weight;
    // A Service that does not exist keeps its place only without traffic.
    if ((name == "api-2" && port == 81) || (name == "api-3" && has_weight)) continue;
    some = true;
    served_weight = served_weight || has_weight;
    if (has_weight) out.push_back(name);
  }
  if (!some || (any_weight && !served_weight) || (!any_weight && !carries_zeros)) return std::nullopt;
  return out;
}

}  // namespace

TEST_CASE("routes send exactly the matching requests to the backends, whatever an implementation does with regexes",
          "[gamma][truth]") {
  struct Reader {
    const char* implementation;
    RegexOrder order;
  };
  const smi::ClusterFacts cluster = Cluster();
  for (const Reader reader : {Reader{"istio", RegexOrder::kAfterPrefix}, Reader{"kuma", RegexOrder::kAfterPrefix},
                              Reader{"cilium", RegexOrder::kBeforePrefix}, Reader{"linkerd", RegexOrder::kByLength}}) {
    std::mt19937 random(20'240'706);
    const bool carries_zeros = reader.order != RegexOrder::kByLength;
    int routed = 0;
    int failed = 0;
    int refused = 0;
    for (int i = 0; i < kPolicies; ++i) {
      const RandomPolicy policy(random);
      const json split = RandomSplit(random);
      std::vector<json> documents = policy.Documents();
      documents.push_back(Document("split", "v1alpha4", "TrafficSplit", "s", split));
      gateway::EmitOptions options;
      options.implementation = reader.implementation;
      const auto emission = gateway::EmitSmi(smi::ParseDocuments(documents), cluster, options);
      REQUIRE(emission.has_value());
      for (const json& object : emission->objects) REQUIRE(BrokenLimit(object) == "");
      // A condition on the host has no form: such a split is left alone as a whole.
      const bool not_applied = emission->reports.back().level == smi::SupportLevel::kNone;
      if (not_applied) {
        ++refused;
        REQUIRE(emission->objects.empty());
      }
      for (int k = 0; k < kRequestsEach; ++k) {
        Request request = RandomRequest(random);
        request.is_http = true;
        request.port = 80 + Below(random, 2);
        const bool matches =
            !split.contains("matches") || policy.GroupMatches("g0", request) || policy.GroupMatches("g1", request);
        const auto split_to = not_applied ? std::nullopt : Wanted(split, request.port, carries_zeros);
        const std::vector<std::string> wanted =
            matches && split_to.has_value() ? *split_to : std::vector<std::string>{"api"};
        const auto found = GatewayBackends(emission->objects, "api", request, reader.order);
        routed += wanted != std::vector<std::string>{"api"} ? 1 : 0;
        failed += wanted.empty() ? 1 : 0;
        if (found.has_value() && *found == wanted) continue;
        FAIL(reader.implementation << ": wanted " << json(wanted) << ", found " << json(found.value_or(wanted)) << "\n"
                                   << json(documents).dump(1) << "\n"
                                   << json(emission->objects).dump(1) << "\n"
                                   << meshplay::testing::Text(request));
      }
    }
    // Else the comparison says little.
    CHECK(routed > kPolicies * kRequestsEach / 20);
    CHECK((failed > kPolicies || !carries_zeros));
    CHECK(refused < kPolicies / 2);
  }
}
