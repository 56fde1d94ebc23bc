#include <catch2/catch.hpp>

#include "adapters/istio/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/gamma_emitter/gateway_interpreter.h"
#include "tests/unit/istio_emitter/istio_interpreter.h"
#include "tests/unit/smi/cluster_objects.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::Below;
using meshplay::testing::ComeFromAnywhere;
using meshplay::testing::DeploymentOf;
using meshplay::testing::Document;
using meshplay::testing::GatewayBackends;
using meshplay::testing::IstioAllows;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::RegexOrder;
using meshplay::testing::Request;
using meshplay::testing::ServiceOf;
using meshplay::testing::WaypointAllows;
using nlohmann::json;
namespace istio = meshplay::istio;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 60;

const json kPorts = {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}},
                     {{"name", "http-b"}, {"port", 81}, {"targetPort", 8081}}};

struct Pod {
  std::string account;
  std::map<std::string, std::string> labels;
};

/// Pods of the accounts api and next; Services for one, for the other, now and then for both, and one without pods of
/// its own. Each may have a waypoint.
struct Town {
  std::vector<Pod> pods = {{"api", {{"app", "api"}, {"tier", "x"}}}, {"next", {{"app", "next"}, {"tier", "x"}}}};
  std::map<std::string, json> selectors = {
      {"api", {{"app", "api"}}}, {"api-2", {{"app", "api"}}}, {"next", {{"app", "next"}}}, {"apex", json::object()}};
  std::map<std::string, bool> has_waypoint;

  explicit Town(std::mt19937& random) {
    if (Below(random, 4) == 0) selectors["both"] = {{"tier", "x"}};
    const bool everywhere = Below(random, 2) == 0;
    for (const auto& [name, selector] : selectors) has_waypoint[name] = everywhere || Below(random, 3) != 0;
  }

  smi::ClusterFacts Facts() const {
    std::vector<json> objects;
    for (const Pod& pod : pods) objects.push_back(DeploymentOf(pod.account, pod.labels));
    for (const auto& [name, selector] : selectors) {
      json labels = json::object();
      if (has_waypoint.at(name)) labels["istio.io/use-waypoint"] = "gate";
      objects.push_back(ServiceOf(name, selector, kPorts, labels));
    }
    return meshplay::facts::FactsFromObjects(objects);
  }

  std::vector<const Pod*> PodsOf(const std::string& service) const {
    std::vector<const Pod*> out;
    for (const Pod& pod : pods) {
      const json& selector = selectors.at(service);
      bool selected = !selector.empty();
      for (auto it = selector.begin(); it != selector.end(); ++it) {
        selected = selected && pod.labels.at(it.key()) == it.value();
      }
      if (selected) out.push_back(&pod);
    }
    return out;
  }
};

// `request.port` is the Service's. With a waypoint the pod's ztunnel sees the waypoint call, and never a request.
bool AmbientAllows(const std::vector<json>& objects, const Town& town, const std::string& service, const Pod& pod,
                   const Request& request) {
  Request call = request;
  call.is_http = false;
  call.port = 8000 + request.port;
  call.target_labels = pod.labels;
  if (town.has_waypoint.at(service)) {
    if (!WaypointAllows(objects, service, request)) return false;
    call.source_account = "gate";
    call.source_namespace = "shop";
  }
  return IstioAllows(objects, call);
}

void Explain(const std::string& what, const std::vector<json>& documents, const Town& town,
             const istio::Emission& emission, const Request& request) {
  FAIL(what << "\n"
            << json(town.has_waypoint).dump() << "\n"
            << json(documents).dump(1) << "\n"
            << json(emission.objects).dump(1) << "\n"
            << meshplay::testing::Text(request));
}

json SplitSpec(std::mt19937& random) {
  const char* const kRoots[] = {"apex", "api", "next"};
  json spec = {{"service", kRoots[Below(random, 3)]}, {"backends", json::array()}};
  for (const char* backend : {"api", "api-2", "next"}) {
    if (Below(random, 2) == 0) spec["backends"].push_back({{"service", backend}, {"weight", Below(random, 3)}});
  }
  if (spec["backends"].empty()) spec["backends"].push_back({{"service", "api"}, {"weight", 1}});
  if (Below(random, 2) == 0) spec["matches"] = {{{"kind", "HTTPRouteGroup"}, {"name", "g0"}}};
  return spec;
}

}  // namespace

TEST_CASE("ambient Istio never allows what SMI denies, through whatever Service and split a request comes",
          "[istio][ambient][truth]") {
  std::mt19937 random(20'240'705);
  int full = 0;
  int allowed = 0;
  int routed = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const Town town(random);
    std::vector<std::string> accounts = {"api"};
    if (Below(random, 2) == 0) accounts.emplace_back("next");
    const RandomPolicy policy(random, 3, accounts);
    std::vector<json> documents = policy.Documents();
    const json split = SplitSpec(random);
    const bool has_split = Below(random, 2) == 0;
    if (has_split) documents.push_back(Document("split", "v1alpha4", "TrafficSplit", "s", split));
    istio::EmitOptions options;
    options.dataplane = istio::Dataplane::kAmbient;
    const auto emission = istio::EmitSmi(smi::ParseDocuments(documents), town.Facts(), options);
    REQUIRE(emission.has_value());
    const bool is_full = smi::WorstLevel(emission->reports) == smi::SupportLevel::kFull;
    full += is_full ? 1 : 0;
    for (int k = 0; k < kRequestsEach; ++k) {
      Request request = RandomRequest(random);
      ComeFromAnywhere(random, request);
      request.port = 80 + Below(random, 2);
      auto entry = town.selectors.begin();
      std::advance(entry, Below(random, static_cast<int>(town.selectors.size())));
      const std::string service = entry->first;
      std::vector<std::string> backends = {service};
      if (town.has_waypoint.at(service) && request.is_http) {
        const auto answer = GatewayBackends(emission->objects, service, request, RegexOrder::kAfterPrefix);
        if (!answer.has_value()) Explain("no rule at " + service, documents, town, *emission, request);
        backends = *answer;
      }
      for (const std::string& backend : backends) {
        if (backend != service) ++routed;
        for (const Pod* pod : town.PodsOf(backend)) {
          Request at_pod = request;
          at_pod.port = 8000 + request.port;
          const bool smi_allows = policy.AllowsAt(pod->account, at_pod);
          const bool istio_allows = AmbientAllows(emission->objects, town, service, *pod, request);
          allowed += istio_allows ? 1 : 0;
          const std::string where = " at " + pod->account + " by " + service + " and " + backend;
          if (istio_allows && !smi_allows) Explain("wider" + where, documents, town, *emission, request);
          if (smi_allows && !istio_allows && is_full) {
            Explain("narrower" + where, documents, town, *emission, request);
          }
        }
      }
    }
  }
  CHECK(full > kPolicies / 40);
  CHECK(allowed > kPolicies * kRequestsEach / 20);
  CHECK(routed > kPolicies / 2);
}
