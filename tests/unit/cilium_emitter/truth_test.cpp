#include <algorithm>
#include <catch2/catch.hpp>

#include "adapters/cilium/emitter/emit.h"
#include "libs/smi/parse.h"
#include "tests/unit/consul_emitter/inputs.h"

using meshplay::testing::Below;
using meshplay::testing::Call;
using meshplay::testing::CallPolicy;
using meshplay::testing::FailOn;
using meshplay::testing::MatchesFully;
using meshplay::testing::RandomCall;
using nlohmann::json;
namespace cilium = meshplay::cilium;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 40;

// Cilium's documented rules. An endpoint with any ingress rule denies by default; rules of all policies add up.

bool MatchesHeader(const std::string& condition, const Call& call) {
  const std::size_t space = condition.find(' ');
  std::string name = condition.substr(0, space);
  if (space != std::string::npos) name.pop_back();  // The colon.
  const auto it = call.headers.find(name);
  if (it == call.headers.end()) return false;
  return space == std::string::npos || it->second == condition.substr(space + 1);
}

bool MatchesHttp(const json& rule, const Call& call) {
  if (rule.contains("path") && !MatchesFully(rule["path"], call.path + call.query)) return false;
  if (rule.contains("method") && !MatchesFully(rule["method"], call.method)) return false;
  if (rule.contains("host") && !MatchesFully(rule["host"], call.headers.at("host"))) return false;
  if (!rule.contains("headers")) return true;
  return std::all_of(rule["headers"].begin(), rule["headers"].end(),
                     [&](const json& condition) { return MatchesHeader(condition, call); });
}

bool MatchesPorts(const json& to, const Call& call) {
  const json port = {{"port", std::to_string(call.port)}, {"protocol", call.udp ? "UDP" : "TCP"}};
  if (std::find(to["ports"].begin(), to["ports"].end(), port) == to["ports"].end()) return false;
  if (!to.contains("rules")) return true;
  const json& http = to["rules"]["http"];
  return call.is_http &&
         std::any_of(http.begin(), http.end(), [&](const json& rule) { return MatchesHttp(rule, call); });
}

bool MatchesIngress(const json& rule, const Call& call) {
  if (!rule.contains("fromEndpoints")) return false;
  const json caller = {{"matchLabels",
                        {{"k8s:io.kubernetes.pod.namespace", call.source_namespace},
                         {"k8s:io.cilium.k8s.policy.serviceaccount", call.source_account}}}};
  const json& from = rule["fromEndpoints"];
  if (std::find(from.begin(), from.end(), caller) == from.end()) return false;
  if (!rule.contains("toPorts")) return true;
  return std::any_of(rule["toPorts"].begin(), rule["toPorts"].end(),
                     [&](const json& to) { return MatchesPorts(to, call); });
}

bool CiliumAllows(const std::vector<json>& objects, const Call& call) {
  const json pods = {{"matchLabels", {{"k8s:io.cilium.k8s.policy.serviceaccount", "api"}}}};
  bool guarded = false;
  for (const json& object : objects) {
    if (object["kind"] != "CiliumNetworkPolicy" || object["spec"]["endpointSelector"] != pods) continue;
    guarded = true;
    for (const json& rule : object["spec"]["ingress"]) {
      if (MatchesIngress(rule, call)) return true;
    }
  }
  return !guarded;
}

// The rules of routes: the most specific match wins, and here all matches but the last rule's lead to the same
// backends.
bool RouteMatches(const json& match, const Call& call) {
  if (match.contains("path")) {
    const std::string value = match["path"]["value"];
    const std::string type = match["path"]["type"];
    const bool holds = type == "Exact"        ? call.path == value
                       : type == "PathPrefix" ? call.path == value || call.path.starts_with(value + "/")
                                              : MatchesFully(value, call.path);
    if (!holds) return false;
  }
  if (match.contains("method") && match["method"] != call.method) return false;
  if (!match.contains("headers")) return true;
  return std::all_of(match["headers"].begin(), match["headers"].end(), [&](const json& header) {
    const auto it = call.headers.find(header["name"].get<std::string>());
    if (it == call.headers.end()) return false;
    return header["type"] == "Exact" ? header["value"] == it->second : MatchesFully(header["value"], it->second);
  });
}

// True: to the backends of the split.
bool IsSplit(const json& route, const Call& call) {
  for (const json& rule : route["spec"]["rules"]) {
    // Only the rule of the root names no weight.
    if (!rule.contains("matches")) return rule["backendRefs"][0].contains("weight");
    for (const json& match : rule["matches"]) {
      if (RouteMatches(match, call)) return true;
    }
  }
  return false;
}

meshplay::Result<meshplay::translate::Emission> Emit(const smi::DocumentSet& set, const smi::ClusterFacts& cluster) {
  return cilium::EmitSmi(set, cluster, cilium::EmitOptions());
}

}  // namespace

TEST_CASE("Cilium never allows what SMI denies, and what it denies beyond SMI is reported", "[cilium][truth]") {
  const auto compared = meshplay::testing::CompareAccess(
      20'240'711, Emit, {CiliumAllows, [](const Call&) { return false; }, [](const json&) {}});

  // Else the comparison says little.
  CHECK(compared.full > 200);
  CHECK(compared.allowed > 2'000);
}

TEST_CASE("Cilium lets nobody do more with allowWidening but whom a widened target names, and strict changes no target",
          "[cilium][truth]") {
  const auto emit = [](const smi::DocumentSet& set, const smi::ClusterFacts& cluster) {
    cilium::EmitOptions options;
    options.common.allow_widening = true;
    options.mode = cilium::BaselineMode::kStrict;
    return cilium::EmitSmi(set, cluster, options);
  };
  const auto compared = meshplay::testing::CompareAccess(
      20'261'202, emit, {CiliumAllows, [](const Call&) { return false; }, [](const json&) {}, true});

  CHECK(compared.full > 200);
  CHECK(compared.widened > 40);
}

TEST_CASE("routes send exactly the matching requests to the backends of a split", "[cilium][truth]") {
  std::mt19937 random(20'240'712);
  const smi::ClusterFacts cluster = meshplay::testing::TestCluster();
  int in_force = 0;
  int split = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const CallPolicy policy(random);
    std::vector<json> documents = policy.documents();
    const int weight = 1 + Below(random, 1'000);
    documents.push_back(meshplay::testing::SplitByGroups(
        {{{"service", "api"}, {"weight", weight}}, {{"service", "api"}, {"weight", 7}}}));
    const auto result = Emit(smi::ParseDocuments(documents), cluster);
    REQUIRE(result.has_value());
    const auto& emission = *result;
    const json& first = emission.objects.front();
    if (first["kind"] != "HTTPRoute") {
      // Nothing can match, or something cannot be said: then that is reported and the split is not applied in part.
      CHECK(emission.reports.back().level == smi::SupportLevel::kNone);
      continue;
    }
    ++in_force;
    CHECK(first["spec"]["rules"][0]["backendRefs"][0]["weight"] == weight + 7);
    CHECK(first["spec"]["rules"].back()["backendRefs"].size() == 1);
    for (int k = 0; k < kRequestsEach; ++k) {
      Call call = RandomCall(random);
      call.is_http = true;
      const bool wanted = policy.GroupsMatch(call);
      split += wanted ? 1 : 0;
      if (IsSplit(first, call) != wanted) FailOn("route", documents, emission.objects, call);
    }
  }
  CHECK(in_force > kPolicies / 4);
  CHECK(split > in_force);
}
