#include <catch2/catch.hpp>
#include <random>

#include "adapters/facts/kubernetes_facts.h"
#include "adapters/istio/emitter/emit.h"
#include "libs/smi/parse.h"
#include "tests/unit/istio_emitter/istio_interpreter.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::Document;
using meshplay::testing::IstioAllows;
using meshplay::testing::IstioRoute;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::Request;
using meshplay::testing::SmiMatches;
using meshplay::testing::Text;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 60;

smi::ClusterFacts Cluster() {
  return meshplay::facts::FactsFromObjects(
      {json::parse(R"({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "namespace": "shop"},
         "spec": {"selector": {"matchLabels": {"app": "api"}},
           "template": {"metadata": {"labels": {"app": "api"}}, "spec": {"serviceAccountName": "api"}}}})"),
       json::parse(R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api", "namespace": "shop"},
         "spec": {"selector": {"app": "api"}, "ports": [
           {"name": "http", "port": 80, "targetPort": 8080}, {"name": "http-b", "port": 81, "targetPort": 8081}]}})")});
}

istio::Emission Emit(const std::vector<json>& documents) {
  istio::EmitOptions options;
  options.owner = "test";
  auto emission = istio::EmitSmi(smi::ParseDocuments(documents), Cluster(), options);
  REQUIRE(emission.has_value());
  return *emission;
}

void Explain(const std::string& what, const std::vector<json>& documents, const istio::Emission& emission,
             const Request& request) {
  FAIL(what << "\n" << json(documents).dump(1) << "\n" << json(emission.objects).dump(1) << "\n" << Text(request));
}

}  // namespace

TEST_CASE("Istio never allows what SMI denies, and what it denies beyond SMI is reported", "[istio][truth]") {
  std::mt19937 random(20'240'701);
  int full = 0;
  int allowed = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random);
    const istio::Emission emission = Emit(policy.Documents());
    const smi::SupportLevel worst = smi::WorstLevel(emission.reports);
    if (worst == smi::SupportLevel::kFull) ++full;
    for (int k = 0; k < kRequestsEach; ++k) {
      const Request request = RandomRequest(random);
      const bool smi_allows = policy.Allows(request);
      const bool istio_allows = IstioAllows(emission.objects, request);
      const bool wider = istio_allows && !smi_allows;
      const bool silently_narrower = smi_allows && !istio_allows && worst == smi::SupportLevel::kFull;
      if (wider || silently_narrower) Explain(wider ? "wider" : "narrower", policy.Documents(), emission, request);
      if (istio_allows) ++allowed;
    }
  }
  // Else the comparison says little.
  CHECK(full > kPolicies / 20);
  CHECK(allowed > kPolicies * kRequestsEach / 20);
}

TEST_CASE("Istio sends exactly the matching requests to the backends of a split", "[istio][truth]") {
  std::mt19937 random(20'240'702);
  int split = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random);
    std::vector<json> documents = policy.Documents();
    documents.push_back(Document(
        "split", "v1alpha4", "TrafficSplit", "s",
        {{"service", "api"},
         {"backends", {{{"service", "api"}, {"weight", 1}}}},
         {"matches", {{{"kind", "HTTPRouteGroup"}, {"name", "g0"}}, {{"kind", "HTTPRouteGroup"}, {"name", "g1"}}}}}));
    const istio::Emission emission = Emit(documents);
    const bool has_route = emission.objects.front()["kind"] == "VirtualService";
    for (int k = 0; k < kRequestsEach; ++k) {
      Request request = RandomRequest(random);
      request.is_http = true;
      request.port = 80;
      bool matches = false;
      for (const char* group : {"g0", "g1"}) {
        for (const json& match : policy.groups().at(group)["matches"]) matches = matches || SmiMatches(match, request);
      }
      const std::string route = has_route ? IstioRoute(emission.objects.front(), request) : "smi-root-80";
      if (matches) ++split;
      if (route != (matches ? "smi-split-80" : "smi-root-80")) Explain("route " + route, documents, emission, request);
    }
  }
  CHECK(split > kPolicies * kRequestsEach / 20);
}
