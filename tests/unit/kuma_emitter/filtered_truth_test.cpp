#include <algorithm>
#include <catch2/catch.hpp>

#include "adapters/kuma/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/envoy/rbac_interpreter.h"
#include "tests/unit/smi/cluster_objects.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::ComeFromAnywhere;
using meshplay::testing::DeploymentOf;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::RbacAllows;
using meshplay::testing::Request;
using meshplay::testing::ServiceOf;
using nlohmann::json;
namespace kuma = meshplay::kuma;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 600;
constexpr int kRequestsEach = 60;

kuma::EmitOptions Options() {
  kuma::EmitOptions options;
  options.proxy_patch = true;
  return options;
}

smi::ClusterFacts Cluster() {
  return meshplay::facts::FactsFromObjects(
      {DeploymentOf("api", {{"app", "api"}}), ServiceOf("api", {{"app", "api"}},
                                                        {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}},
                                                         {{"name", "http-b"}, {"port", 81}, {"targetPort", 8081}}})});
}

// Of permissions by SPIFFE id: whoever any of them names for the inbound gets in, whatever it says.
bool PermissionsAllow(const std::vector<json>& objects, const std::string& uri, const std::string& inbound) {
  return std::any_of(objects.begin(), objects.end(), [&](const json& object) {
    if (object["kind"] != "MeshTrafficPermission") return false;
    const json& target = object["spec"]["targetRef"];
    if (target.contains("sectionName") && target["sectionName"] != inbound) return false;
    const json& allow = object["spec"]["rules"][0]["default"]["allow"];
    return std::any_of(allow.begin(), allow.end(), [&](const json& a) { return a["spiffeID"]["value"] == uri; });
  });
}

// Kuma inserts the one before the router, the other before tcp_proxy: a chain has one of these.
bool PatchesAllow(const std::vector<json>& objects, const std::string& uri, const Request& request) {
  return std::all_of(objects.begin(), objects.end(), [&](const json& object) {
    if (object["kind"] != "MeshProxyPatch") return true;
    const json& modifications = object["spec"]["default"]["appendModifications"];
    const json& change = modifications[request.is_http ? 0 : 1][request.is_http ? "httpFilter" : "networkFilter"];
    return RbacAllows(json::parse(change["value"].get<std::string>()), uri, request);
  });
}

}  // namespace

TEST_CASE("Kuma with proxy patches never allows what SMI denies, and what it denies beyond SMI is reported",
          "[kuma][truth]") {
  std::mt19937 random(20'261'127);
  int full = 0;
  int allowed = 0;
  int taken_away = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random);
    const auto emission = kuma::EmitSmi(smi::ParseDocuments(policy.Documents()), Cluster(), Options());
    REQUIRE(emission.has_value());
    const bool is_full = smi::WorstLevel(emission->reports) == smi::SupportLevel::kFull;
    if (is_full) ++full;
    for (int k = 0; k < kRequestsEach; ++k) {
      Request request = RandomRequest(random);
      ComeFromAnywhere(random, request);
      if (request.port == 9000) continue;  // Not an inbound: Kuma does not look at it.
      const std::string uri =
          "spiffe://default.default.mesh.local/ns/" + request.source_namespace + "/sa/" + request.source_account;
      const bool let_in = PermissionsAllow(emission->objects, uri, request.port == 8080 ? "http" : "http-b");
      const bool both = let_in && PatchesAllow(emission->objects, uri, request);
      const bool smi_allows = policy.Allows(request);
      if (both) ++allowed;
      if (let_in && !both) ++taken_away;
      if (both == smi_allows || (smi_allows && !is_full)) continue;
      FAIL((smi_allows ? "narrower\n" : "wider\n") << json(policy.Documents()).dump(1) << "\n"
                                                   << json(emission->objects).dump(1) << "\n"
                                                   << meshplay::testing::Text(request));
    }
  }
  CHECK(full > kPolicies / 10);
  CHECK(allowed > kPolicies * kRequestsEach / 20);
  CHECK(taken_away > kPolicies * kRequestsEach / 20);
}

TEST_CASE("a patch is applied before the permissions that lean on it, and is not made where it cannot hold them",
          "[kuma][filter]") {
  const auto documents = [](const std::string& regex) {
    return std::vector<json>{
        meshplay::testing::Document("specs", "v1alpha4", "HTTPRouteGroup", "g",
                                    {{"matches", json::array({{{"name", "m"}, {"pathRegex", regex}}})}}),
        meshplay::testing::Document(
            "access", "v1alpha3", "TrafficTarget", "t",
            {{"destination", {{"kind", "ServiceAccount"}, {"name", "api"}}},
             {"rules", json::array({{{"kind", "HTTPRouteGroup"}, {"name", "g"}}})},
             {"sources", json::array({{{"kind", "ServiceAccount"}, {"name", "web"}, {"namespace", "shop"}}})}})};
  };
  const auto taken = kuma::EmitSmi(smi::ParseDocuments(documents("/u/[0-9]+")), Cluster(), Options());
  REQUIRE((taken.has_value() && taken->objects.size() == 2));
  CHECK(taken->objects[0]["kind"] == "MeshProxyPatch");
  const auto refused = kuma::EmitSmi(smi::ParseDocuments(documents("/\\pL{20}")), Cluster(), Options());
  REQUIRE(refused.has_value());
  CHECK(refused->objects.empty());
  CHECK(smi::WorstLevel(refused->reports) == smi::SupportLevel::kNone);
}
