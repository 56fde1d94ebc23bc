#include <algorithm>
#include <catch2/catch.hpp>

#include "adapters/istio/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/envoy/rbac_interpreter.h"
#include "tests/unit/istio_emitter/istio_interpreter.h"
#include "tests/unit/smi/cluster_objects.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::ComeFromAnywhere;
using meshplay::testing::DeploymentOf;
using meshplay::testing::Document;
using meshplay::testing::IstioAllows;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::RbacAllows;
using meshplay::testing::Request;
using meshplay::testing::ServiceOf;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 60;

smi::ClusterFacts Cluster() {
  return meshplay::facts::FactsFromObjects(
      {DeploymentOf("api", {{"app", "api"}}), ServiceOf("api", {{"app", "api"}},
                                                        {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}},
                                                         {{"name", "http-b"}, {"port", 81}, {"targetPort", 8081}}})});
}

istio::Emission Emit(const std::vector<json>& documents, const smi::ClusterFacts& facts, bool widen = false) {
  istio::EmitOptions options;
  options.owner = "test";
  options.envoy_filter = true;
  options.allow_widening = widen;
  auto emission = istio::EmitSmi(smi::ParseDocuments(documents), facts, options);
  REQUIRE(emission.has_value());
  return *emission;
}

bool IsFilter(const json& object) {
  return object["kind"] == "EnvoyFilter";
}

// Istio puts the filter into chains that carry requests only.
bool FiltersAllow(const std::vector<json>& objects, const Request& request) {
  return std::all_of(objects.begin(), objects.end(), [&](const json& object) {
    if (!IsFilter(object) || !request.is_http) return true;
    const json& patch = object["spec"]["configPatches"][0];
    const std::string uri = "spiffe://cluster.local/ns/" + request.source_namespace + "/sa/" + request.source_account;
    return RbacAllows(patch["patch"]["value"], uri, request);
  });
}

bool Tells(const istio::Emission& emission, const std::string& code, const std::string& text) {
  for (const smi::SmiReport& report : emission.reports) {
    for (const smi::Diagnostic& diagnostic : report.diagnostics) {
      if (diagnostic.code == code && diagnostic.message.find(text) != std::string::npos) return true;
    }
  }
  return false;
}

json Group(const json& matches) {
  return Document("specs", "v1alpha4", "HTTPRouteGroup", "g", {{"matches", matches}});
}

json Target() {
  return Document("access", "v1alpha3", "TrafficTarget", "t",
                  {{"destination", {{"kind", "ServiceAccount"}, {"name", "api"}}},
                   {"rules", {{{"kind", "HTTPRouteGroup"}, {"name", "g"}}}},
                   {"sources", {{{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "shop"}}}}});
}

}  // namespace

TEST_CASE("with filters of Envoy Istio allows exactly what SMI allows", "[istio][truth]") {
  std::mt19937 random(20'261'125);
  int full = 0;
  int taken_away = 0;
  int filters = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random);
    const istio::Emission emission = Emit(policy.Documents(), Cluster());
    const bool is_full = smi::WorstLevel(emission.reports) == smi::SupportLevel::kFull;
    const bool filtered = std::any_of(emission.objects.begin(), emission.objects.end(), IsFilter);
    if (is_full) ++full;
    if (filtered) ++filters;
    for (int k = 0; k < kRequestsEach; ++k) {
      Request request = RandomRequest(random);
      ComeFromAnywhere(random, request);
      const bool policies_allow = IstioAllows(emission.objects, request);
      const bool both_allow = policies_allow && FiltersAllow(emission.objects, request);
      if (policies_allow && !both_allow) ++taken_away;
      const bool smi_allows = policy.Allows(request);
      if (both_allow == smi_allows) continue;
      FAIL((smi_allows ? "narrower\n" : "wider\n") << json(policy.Documents()).dump(1) << "\n"
                                                   << json(emission.objects).dump(1) << "\n"
                                                   << meshplay::testing::Text(request));
    }
  }
  CHECK(full > kPolicies / 5);
  CHECK(filters > kPolicies / 3);
  CHECK(taken_away > kPolicies * kRequestsEach / 50);
}

TEST_CASE("a filter is applied before the policies that lean on it", "[istio][filter]") {
  const auto emission =
      Emit({Group({{{"name", "m"}, {"pathRegex", "/u/[0-9]+"}, {"headers", {{"x", "v[12]c"}}}}}), Target()}, Cluster());
  REQUIRE(emission.objects.size() == 3);
  CHECK(IsFilter(emission.objects[0]));
  CHECK(emission.objects[1]["kind"] == "AuthorizationPolicy");
  CHECK(Tells(emission, "FILTER_REQUIRED", "without it \"/u/\" and all that follows"));
  CHECK(Tells(emission, "FILTER_REQUIRED", "header x with v[12]c"));
  CHECK(smi::WorstLevel(emission.reports) == smi::SupportLevel::kFull);
}

TEST_CASE("without a need there is no filter", "[istio][filter]") {
  const auto emission = Emit({Group({{{"name", "m"}, {"pathRegex", "/u"}}}), Target()}, Cluster());
  CHECK(std::none_of(emission.objects.begin(), emission.objects.end(), IsFilter));
}

TEST_CASE("where no filter can hold it, the policy is as narrow as without the option", "[istio][filter]") {
  json match = {{"name", "m"}, {"pathRegex", "/u/[0-9]+"}};
  smi::ClusterFacts facts = Cluster();
  std::string why = "share labels";
  json matches = json::array({match});
  SECTION("workloads whose pods two selectors take") {
    facts = meshplay::facts::FactsFromObjects({DeploymentOf("api", {{"app", "api"}}),
                                               {{"apiVersion", "apps/v1"},
                                                {"kind", "Deployment"},
                                                {"metadata", {{"name", "api-2"}, {"namespace", "shop"}}},
                                                {"spec",
                                                 {{"selector", {{"matchLabels", {{"app", "api"}, {"v", "2"}}}}},
                                                  {"template",
                                                   {{"metadata", {{"labels", {{"app", "api"}, {"v", "2"}}}}},
                                                    {"spec", {{"serviceAccountName", "api"}}}}}}}}});
  }
  SECTION("an expression that is too large for a proxy") {
    matches[0]["pathRegex"] = "/\\pL{20}";
    why = "instructions";
  }
  SECTION("a filter that is too large for an API server") {
    matches.clear();
    for (int i = 0; i < 600; ++i) {
      match["name"] = "m" + std::to_string(i);
      match["pathRegex"] = "/" + std::string(1'000, 'a') + "[0-9]" + std::to_string(i);
      matches.push_back(match);
    }
    why = "larger than";
  }
  const auto emission = Emit({Group(matches), Target()}, facts);
  CHECK(Tells(emission, "NARROWED", why));
  CHECK_FALSE(Tells(emission, "FILTER_REQUIRED", ""));
  for (const json& object : emission.objects) {
    CHECK_FALSE(IsFilter(object));
    CHECK_FALSE(object["spec"].contains("rules"));
  }
  CHECK(smi::WorstLevel(emission.reports) == smi::SupportLevel::kNone);
  CHECK(Tells(Emit({Group(matches), Target()}, facts, true), "WIDENED", why));
}

TEST_CASE("callers are known whatever their trust domain where the policies know them so", "[istio][filter]") {
  smi::ClusterFacts facts = Cluster();
  facts.api_fields.insert("security.istio.io/AuthorizationPolicy:spec.rules.from.source.serviceAccounts");
  const auto emission = Emit({Group({{{"name", "m"}, {"pathRegex", "/u/[0-9]+"}}}), Target()}, facts);
  REQUIRE(IsFilter(emission.objects.at(0)));
  const json& filter = emission.objects[0]["spec"]["configPatches"][0]["patch"]["value"];
  const Request request{"web", {}, 8080, true, "GET", "/u/7", {}};
  CHECK(RbacAllows(filter, "spiffe://old.example/ns/shop/sa/web", request));
  CHECK_FALSE(RbacAllows(filter, "spiffe://old.example/ns/shop/sa/webx", request));
  CHECK_FALSE(RbacAllows(filter, "spiffe://old.example/x/ns/shop/sa/web", request));
}
