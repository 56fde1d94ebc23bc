#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "adapters/linkerd/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/linkerd_emitter/linkerd_interpreter.h"

using meshplay::testing::Below;
using meshplay::testing::ComeFromAnywhere;
using meshplay::testing::Document;
using meshplay::testing::LinkerdInbound;
using meshplay::testing::LinkerdRoute;
using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::Request;
using meshplay::testing::SmiMatches;
using meshplay::testing::Text;
using meshplay::testing::TieOrder;
using meshplay::translate::Emission;
using nlohmann::json;
namespace linkerd = meshplay::linkerd;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 40;
constexpr int kUndeclaredPort = 7777;
const char* const kProbe = "/api";  // A path that policies are about, too.

json Service(const std::string& name, const json& ports) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec", {{"selector", {{"app", name}}}, {"ports", ports}}}};
}

json Port(const char* name, int port, int target) {
  return {{"name", name}, {"port", port}, {"targetPort", target}};
}

smi::ClusterFacts Cluster() {
  const json container = {{"name", "c"},
                          {"ports", {{{"containerPort", 8080}}, {{"containerPort", 9000}}}},
                          {"livenessProbe", {{"httpGet", {{"path", kProbe}, {"port", 8081}}}}}};
  return meshplay::facts::FactsFromObjects(
      {{{"apiVersion", "apps/v1"},
        {"kind", "Deployment"},
        {"metadata", {{"name", "api"}, {"namespace", "shop"}}},
        {"spec",
         {{"selector", {{"matchLabels", {{"app", "api"}}}}},
          {"template",
           {{"metadata", {{"labels", {{"app", "api"}}}}},
            {"spec", {{"serviceAccountName", "api"}, {"containers", json::array({container})}}}}}}}},
       Service("api", {Port("http", 80, 8080), Port("http-b", 81, 8081)}),
       Service("b1", {Port("http", 80, 80), Port("http-b", 81, 81)}),
       Service("b2", {Port("http", 80, 80), Port("http-b", 81, 81)}),
       Service("b3", json::array({Port("http", 80, 80)}))});
}

Emission Emit(const std::vector<json>& documents, const linkerd::EmitOptions& options = {}) {
  static const smi::ClusterFacts kCluster = Cluster();
  auto emission = linkerd::EmitSmi(smi::ParseDocuments(documents), kCluster, options);
  REQUIRE(emission.has_value());
  return *emission;
}

void Explain(const std::string& what, const std::vector<json>& documents, const Emission& emission,
             const Request& request) {
  FAIL(what << "\n"
            << json(documents).dump(1) << "\n"
            << json(emission.objects).dump(1) << "\n"
            << smi::ToJson(emission.reports).dump(1) << "\n"
            << Text(request));
}

bool Told(const Emission& emission, const std::string& code) {
  return std::any_of(emission.reports.begin(), emission.reports.end(), [&](const smi::SmiReport& report) {
    return std::any_of(report.diagnostics.begin(), report.diagnostics.end(),
                       [&](const smi::Diagnostic& diagnostic) { return diagnostic.code == code; });
  });
}

const smi::SmiReport& ReportOf(const Emission& emission, const std::string& name) {
  const auto it = std::find_if(emission.reports.begin(), emission.reports.end(), [&](const smi::SmiReport& report) {
    return report.source.kind != "HTTPRouteGroup" && report.source.kind != "TCPRoute" && report.source.name == name;
  });
  REQUIRE(it != emission.reports.end());
  return *it;
}

}  // namespace

TEST_CASE("Linkerd never allows what SMI denies, but for probes and undeclared ports; less is reported",
          "[linkerd][truth]") {
  std::mt19937 random(20'240'704);
  int full = 0;
  int overlaps = 0;
  int allowed = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random, 4);
    const std::vector<json> documents = policy.Documents();
    linkerd::EmitOptions options;
    options.strict = Below(random, 2) == 0;
    const Emission emission = Emit(documents, options);
    if (smi::WorstLevel(emission.reports) == smi::SupportLevel::kFull) ++full;
    if (Told(emission, "OVERLAP_ORDER")) ++overlaps;
    const bool ports_told = Told(emission, "PORTS_UNGUARDED");
    const bool probes_told = Told(emission, "PROBES_OPEN");
    for (int k = 0; k < kRequestsEach; ++k) {
      Request request = RandomRequest(random);
      ComeFromAnywhere(random, request);
      if (Below(random, 20) == 0) request.port = kUndeclaredPort;
      const std::vector<std::string> by = policy.AllowedBy(request);
      const bool probe = request.is_http && request.port == 8081 && request.method == "GET" && request.path == kProbe;
      for (const TieOrder order : {TieOrder::kHeadersFirst, TieOrder::kMethodFirst}) {
        const std::set<std::string> probes =
            request.port == 8081 ? std::set<std::string>{kProbe} : std::set<std::string>();
        const bool allows = LinkerdInbound(emission.objects, order).Allows(request, probes);
        const bool excused = (request.port == kUndeclaredPort && ports_told) || (probe && probes_told);
        if (allows && by.empty() && !excused) Explain("wider", documents, emission, request);
        const bool full_target = std::any_of(by.begin(), by.end(), [&](const std::string& name) {
          return ReportOf(emission, name).level == smi::SupportLevel::kFull;
        });
        if (!allows && full_target) Explain("narrower", documents, emission, request);
        if (allows) ++allowed;
      }
    }
  }
  // Else the comparison says little.
  CHECK(full > kPolicies / 10);
  CHECK(overlaps > kPolicies / 50);
  CHECK(allowed > 2 * kPolicies * kRequestsEach / 10);
}

namespace {

// A random split of Service api; a backend may be missing, lack port 81, or be the root itself.
json RandomSplit(std::mt19937& random) {
  json backends = json::array();
  for (const char* name : {"b1", "b2", "b3", "api", "gone"}) {
    if (Below(random, 3) == 0) continue;
    backends.push_back({{"service", name}, {"weight", Below(random, 4)}});
  }
  if (backends.empty()) backends.push_back({{"service", "b1"}, {"weight", 1}});
  json spec = {{"service", "api"}, {"backends", backends}};
  if (Below(random, 2) == 0) {
    spec["matches"] = {{{"kind", "HTTPRouteGroup"}, {"name", "g0"}}, {{"kind", "HTTPRouteGroup"}, {"name", "g1"}}};
  }
  return spec;
}

// Weights by backend, as SMI says: those that exist and have the port.
std::map<std::string, int> Wanted(const json& split, int port, bool matches) {
  std::map<std::string, int> out;
  if (!matches) return {{"api:" + std::to_string(port), 1}};
  for (const json& backend : split["backends"]) {
    const std::string name = backend["service"];
    if (name == "gone" && backend["weight"] != 0) continue;
    if (name == "b3" && port == 81) continue;
    out[name + ":" + std::to_string(port)] += backend["weight"].get<int>();
  }
  return out;
}

int Sum(const std::map<std::string, int>& weights) {
  int sum = 0;
  for (const auto& [name, weight] : weights) sum += weight;
  return sum;
}

// Equal shares of each backend; weights are relative.
bool SameShares(const std::map<std::string, int>& a, const std::map<std::string, int>& b) {
  const int sum_a = Sum(a);
  const int sum_b = Sum(b);
  const auto share = [](const std::map<std::string, int>& in, const std::string& name) {
    const auto it = in.find(name);
    return it == in.end() ? 0 : it->second;
  };
  if (sum_a == 0 || sum_b == 0) return false;
  for (const auto* names : {&a, &b}) {
    for (const auto& [name, weight] : *names) {
      if (share(a, name) * sum_b != share(b, name) * sum_a) return false;
    }
  }
  return true;
}

bool InGroups(const RandomPolicy& policy, const Request& request) {
  for (const char* group : {"g0", "g1"}) {
    for (const json& match : policy.groups().at(group)["matches"]) {
      if (SmiMatches(match, request)) return true;
    }
  }
  return false;
}

const json* RouteOfPort(const Emission& emission, int port) {
  for (const json& object : emission.objects) {
    if (object["kind"] != "HTTPRoute") continue;
    const json& parent = object["spec"]["parentRefs"][0];
    if (parent["kind"] == "Service" && parent["port"] == port) return &object;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("Linkerd gives each backend of a split its share of exactly the matching requests", "[linkerd][truth]") {
  std::mt19937 random(20'240'705);
  int shared = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy(random);
    const json split = RandomSplit(random);
    std::vector<json> documents = policy.Documents();
    documents.push_back(Document("split", "v1alpha4", "TrafficSplit", "s", split));
    const Emission emission = Emit(documents);
    const smi::SupportLevel level = ReportOf(emission, "s").level;
    for (int k = 0; k < kRequestsEach / 3; ++k) {
      Request request = RandomRequest(random);
      request.is_http = true;
      request.port = 80 + Below(random, 2);
      const bool matches = !split.contains("matches") || InGroups(policy, request);
      const std::map<std::string, int> wanted = Wanted(split, request.port, matches);
      const json* route = RouteOfPort(emission, request.port);
      if (route == nullptr) {
        const bool root_keeps_all =
            !matches || (!wanted.empty() && SameShares(wanted, Wanted(split, request.port, false)));
        if (level == smi::SupportLevel::kFull && !root_keeps_all) Explain("not split", documents, emission, request);
        continue;
      }
      if (matches) ++shared;
      if (!SameShares(LinkerdRoute(*route, request), wanted)) Explain("shares", documents, emission, request);
    }
  }
  CHECK(shared > kPolicies);
}

TEST_CASE("a ServiceProfile gives each backend of a split its share on all ports", "[linkerd][truth]") {
  std::mt19937 random(20'240'706);
  linkerd::EmitOptions options;
  options.profile = true;
  int profiles = 0;
  for (int i = 0; i < kPolicies; ++i) {
    json split = RandomSplit(random);
    split.erase("matches");
    const Emission emission = Emit({Document("split", "v1alpha4", "TrafficSplit", "s", split)}, options);
    if (emission.objects.empty()) {
      CHECK(ReportOf(emission, "s").level == smi::SupportLevel::kNone);
      continue;
    }
    ++profiles;
    for (const int port : {80, 81}) {
      std::map<std::string, int> got;
      for (const json& one : emission.objects.front()["spec"]["dstOverrides"]) {
        const std::string authority = one["authority"];
        got[authority.substr(0, authority.find('.')) + ":" + std::to_string(port)] +=
            std::stoi(one["weight"].get<std::string>());
      }
      CHECK(SameShares(got, Wanted(split, port, true)));
    }
  }
  CHECK(profiles > kPolicies / 5);
}
