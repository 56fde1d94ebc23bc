#include <catch2/catch.hpp>

#include "adapters/istio/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/istio_emitter/istio_interpreter.h"
#include "tests/unit/smi/cluster_objects.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::Below;
using meshplay::testing::ComeFromAnywhere;
using meshplay::testing::DeploymentOf;
using meshplay::testing::Document;
using meshplay::testing::IstioAllows;
using meshplay::testing::IstioDestinations;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::Request;
using meshplay::testing::ServiceOf;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 60;

const json kPorts = {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}},
                     {{"name", "http-b"}, {"port", 81}, {"targetPort", 8081}}};

smi::ClusterFacts Cluster() {
  return meshplay::facts::FactsFromObjects(
      {DeploymentOf("api", {{"app", "api"}}), DeploymentOf("next", {{"app", "next"}}),
       ServiceOf("api", {{"app", "api"}}, kPorts), ServiceOf("next", {{"app", "next"}}, kPorts)});
}

istio::Emission Emit(const std::vector<json>& documents, istio::EmitOptions options = {}) {
  options.owner = "test";
  auto emission = istio::EmitSmi(smi::ParseDocuments(documents), Cluster(), options);
  REQUIRE(emission.has_value());
  return *emission;
}

void Explain(const std::string& what, const std::vector<json>& documents, const istio::Emission& emission,
             const Request& request) {
  FAIL(what << "\n"
            << json(documents).dump(1) << "\n"
            << json(emission.objects).dump(1) << "\n"
            << meshplay::testing::Text(request));
}

// The target names the caller, and its report says that it lets its callers do more.
bool IsWidenedFor(const istio::Emission& emission, const RandomPolicy& policy, const Request& request) {
  return std::any_of(emission.reports.begin(), emission.reports.end(), [&](const smi::SmiReport& report) {
    const auto widened = [](const smi::Diagnostic& diagnostic) { return diagnostic.code == "WIDENED"; };
    return report.source.kind == "TrafficTarget" && policy.Names(report.source.name, request) &&
           std::any_of(report.diagnostics.begin(), report.diagnostics.end(), widened);
  });
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
      Request request = RandomRequest(random);
      ComeFromAnywhere(random, request);
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

TEST_CASE("Istio lets nobody do more with allowWidening but whom a widened target names, and strict closes the rest",
          "[istio][truth]") {
  std::mt19937 random(20'261'201);
  int widened = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random);
    istio::EmitOptions options;
    options.allow_widening = Below(random, 4) != 0;
    options.mode = Below(random, 2) == 0 ? istio::BaselineMode::kStrict : istio::BaselineMode::kScoped;
    const istio::Emission emission = Emit(policy.Documents(), options);
    const bool full = smi::WorstLevel(emission.reports) == smi::SupportLevel::kFull;
    for (int k = 0; k < kRequestsEach; ++k) {
      Request request = RandomRequest(random);
      ComeFromAnywhere(random, request);
      const bool smi_allows = policy.Allows(request);
      const bool istio_allows = IstioAllows(emission.objects, request);
      if (smi_allows && !istio_allows && full) Explain("narrower", policy.Documents(), emission, request);
      if (istio_allows && !smi_allows) {
        ++widened;
        const bool told = options.allow_widening && IsWidenedFor(emission, policy, request);
        if (!told) Explain("wider", policy.Documents(), emission, request);
      }
      request.target_labels = {{"app", "next"}};
      CHECK(IstioAllows(emission.objects, request) == (options.mode == istio::BaselineMode::kScoped));
    }
  }
  CHECK(widened > kPolicies);
}

// Trap 25 of the design: a split must not open a backend to callers that its ServiceAccount does not let in.
TEST_CASE("Istio sends exactly the matching requests to the backends of a split, and each backend guards itself",
          "[istio][truth]") {
  std::mt19937 random(20'240'702);
  int split = 0;
  int refused = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random, 3, {"api", "next"});
    std::vector<json> documents = policy.Documents();
    const int own = Below(random, 3);
    const int other = Below(random, 3);
    json spec = {{"service", "api"},
                 {"backends", {{{"service", "api"}, {"weight", own}}, {{"service", "next"}, {"weight", other}}}}};
    const bool by_match = Below(random, 4) != 0;
    if (by_match) {
      spec["matches"] = {{{"kind", "HTTPRouteGroup"}, {"name", "g0"}}, {{"kind", "HTTPRouteGroup"}, {"name", "g1"}}};
    }
    documents.push_back(Document("split", "v1alpha4", "TrafficSplit", "s", spec));
    const istio::Emission emission = Emit(documents);
    const bool all_full = smi::WorstLevel(emission.reports) == smi::SupportLevel::kFull;
    for (int k = 0; k < kRequestsEach; ++k) {
      Request request = RandomRequest(random);
      ComeFromAnywhere(random, request);
      request.is_http = true;
      request.port = 80;
      const bool matches = !by_match || policy.GroupMatches("g0", request) || policy.GroupMatches("g1", request);
      std::vector<std::string> wanted = {"api"};
      if (matches && own + other > 0) wanted.clear();
      if (wanted.empty() && own > 0) wanted.push_back("api");
      if (wanted.empty() || (matches && own + other > 0 && other > 0)) wanted.push_back("next");
      const std::vector<std::string> found = IstioDestinations(emission.objects, "api", request);
      if (found != wanted) Explain("route " + json(found).dump(), documents, emission, request);
      for (const std::string& backend : found) {
        if (backend == "next") ++split;
        Request call = request;
        call.port = 8080;
        call.target_labels = {{"app", backend}};
        const bool smi_allows = policy.AllowsAt(backend, call);
        const bool istio_allows = IstioAllows(emission.objects, call);
        if (!istio_allows) ++refused;
        if (istio_allows && !smi_allows) Explain("wider at " + backend, documents, emission, call);
        if (smi_allows && !istio_allows && all_full) Explain("narrower at " + backend, documents, emission, call);
      }
    }
  }
  CHECK(split > kPolicies * kRequestsEach / 20);
  CHECK(refused > kPolicies * kRequestsEach / 20);
}
