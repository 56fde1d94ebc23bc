#include <catch2/catch.hpp>
#include <map>

#include "adapters/gamma/emit.h"
#include "libs/smi/parse.h"
#include "tests/unit/gamma_emitter/gateway_interpreter.h"
#include "tests/unit/gamma_emitter/random_split.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::Below;
using meshplay::testing::BrokenLimit;
using meshplay::testing::Document;
using meshplay::testing::GatewayBackends;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::RegexOrder;
using meshplay::testing::Request;
using nlohmann::json;
namespace gateway = meshplay::gamma;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 60;

}  // namespace

TEST_CASE("routes send exactly the matching requests to the backends, whatever an implementation does with regexes",
          "[gamma][truth]") {
  struct Reader {
    const char* implementation;
    RegexOrder order;
  };
  const smi::ClusterFacts cluster = meshplay::testing::SplitCluster();
  for (const Reader reader : {Reader{"istio", RegexOrder::kAfterPrefix}, Reader{"kuma", RegexOrder::kAfterPrefix},
                              Reader{"cilium", RegexOrder::kBeforePrefix}, Reader{"linkerd", RegexOrder::kByLength}}) {
    std::mt19937 random(20'240'706);
    const bool carries_zeros = reader.order == RegexOrder::kAfterPrefix;
    int routed = 0;
    int failed = 0;
    int refused = 0;
    for (int i = 0; i < kPolicies; ++i) {
      const RandomPolicy policy(random);
      const json split = meshplay::testing::RandomSplit(random);
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
        const auto split_to =
            not_applied ? std::nullopt : meshplay::testing::BackendsOf(split, request.port, carries_zeros);
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
