#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "adapters/consul/emitter/emit.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/consul_emitter/inputs.h"

using meshplay::testing::Below;
using meshplay::testing::Call;
using meshplay::testing::CallPolicy;
using meshplay::testing::FailOn;
using meshplay::testing::MatchesFully;
using meshplay::testing::RandomCall;
using nlohmann::json;
namespace consul = meshplay::consul;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 1'000;
constexpr int kRequestsEach = 40;

// Consul's documented rules for requests: what intentions and routers look at is the same.

bool MatchesHeader(const json& header, const Call& call) {
  const std::string name = header["name"];
  const auto it = call.headers.find(name == ":authority" ? "host" : name);
  if (it == call.headers.end()) return false;
  const std::string& value = it->second;
  if (header.contains("present")) return true;
  if (header.contains("exact")) return value == header["exact"];
  if (header.contains("prefix")) return value.starts_with(header["prefix"].get<std::string>());
  if (header.contains("suffix")) return value.ends_with(header["suffix"].get<std::string>());
  return MatchesFully(header["regex"], value);
}

bool MatchesHttp(const json& http, const Call& call) {
  if (http.contains("pathExact") && http["pathExact"] != call.path) return false;
  if (http.contains("pathPrefix") && !call.path.starts_with(http["pathPrefix"].get<std::string>())) return false;
  if (http.contains("pathRegex") && !MatchesFully(http["pathRegex"], call.path)) return false;
  const json methods = http.value("methods", json::array());
  if (!methods.empty() && std::find(methods.begin(), methods.end(), call.method) == methods.end()) return false;
  const json headers = http.value("header", json::array());
  return std::all_of(headers.begin(), headers.end(), [&](const json& header) { return MatchesHeader(header, call); });
}

// What the CRDs' own validation refuses (07 K5, K6).
void CheckHttp(const json& http) {
  const auto count = [](const json& object, const std::vector<const char*>& keys) {
    return std::count_if(keys.begin(), keys.end(), [&](const char* key) { return object.contains(key); });
  };
  CHECK_FALSE(http.empty());
  CHECK(count(http, {"pathExact", "pathPrefix", "pathRegex"}) <= 1);
  for (const char* key : {"pathExact", "pathPrefix"}) {
    if (http.contains(key)) CHECK(http[key].get<std::string>().starts_with("/"));
  }
  json methods = http.value("methods", json::array());
  std::sort(methods.begin(), methods.end());
  CHECK(std::adjacent_find(methods.begin(), methods.end()) == methods.end());
  CHECK(std::find(methods.begin(), methods.end(), "*") == methods.end());
  const json headers = http.value("header", json::array());
  for (const json& header : headers) CHECK(count(header, {"exact", "prefix", "suffix", "regex", "present"}) == 1);
}

void CheckIntentions(const json& spec) {
  CHECK_FALSE(spec["sources"].empty());
  for (const json& source : spec["sources"]) {
    CHECK_FALSE(source["name"].get<std::string>().empty());
    CHECK(source.contains("action") != source.contains("permissions"));
    // Nobody unnamed is ever allowed.
    if (source["name"] == "*") CHECK(source["action"] == "deny");
    if (!source.contains("permissions")) continue;
    for (const json& permission : source["permissions"]) CheckHttp(permission["http"]);
  }
}

// The names of Consul by which pods of an account call; empty: they are in no service, so not in the mesh.
std::string ServiceOf(const std::string& account) {
  if (account == "web") return "web";
  if (account == "admin") return "backoffice";
  return account == "cron" ? "" : "both";
}

const json* Find(const std::vector<json>& objects, const char* kind, const std::string& name) {
  for (const json& object : objects) {
    if (object["kind"] == kind && object["metadata"]["name"] == name) return &object;
  }
  return nullptr;
}

// The source with the exact name comes before "*"; of its permissions the first that matches decides; what nothing
// decides is `default_allows`.
bool ConsulAllows(const std::vector<json>& objects, const Call& call, bool default_allows) {
  const std::string caller = call.source_namespace == "shop" ? ServiceOf(call.source_account) : "";
  if (caller.empty() || call.udp || call.service.empty()) return false;
  const json* defaults = Find(objects, "ServiceDefaults", call.service);
  const bool http = defaults != nullptr && (*defaults)["spec"]["protocol"] == "http";
  if (http && !call.is_http) return false;
  for (const json& object : objects) {
    if (object["kind"] != "ServiceIntentions" || object["spec"]["destination"]["name"] != call.service) continue;
    const json& sources = object["spec"]["sources"];
    for (const std::string& name : {caller, std::string("*")}) {
      const auto source =
          std::find_if(sources.begin(), sources.end(), [&](const json& entry) { return entry["name"] == name; });
      if (source == sources.end()) continue;
      if (source->contains("action")) return (*source)["action"] == "allow";
      if (!http) return false;
      for (const json& permission : (*source)["permissions"]) {
        if (MatchesHttp(permission["http"], call)) return permission["action"] == "allow";
      }
      return default_allows;
    }
  }
  return default_allows;
}

meshplay::Result<meshplay::translate::Emission> Emit(const smi::DocumentSet& set, const smi::ClusterFacts& cluster) {
  return consul::EmitSmi(set, cluster, consul::EmitOptions());
}

}  // namespace

TEST_CASE("Consul never allows what SMI denies, whatever its default, and what it denies beyond SMI is reported",
          "[consul][truth]") {
  for (const bool default_allows : {true, false}) {
    const auto compared = meshplay::testing::CompareAccess(
        20'240'721, Emit,
        {[&](const std::vector<json>& objects, const Call& call) {
           return ConsulAllows(objects, call, default_allows);
         },
         // A port that says it speaks HTTP is not expected to carry other bytes, and Consul knows ports of Services
         // only.
         [](const Call& call) { return call.service.empty() || (call.service == "api" && !call.is_http); },
         [](const json& object) {
           if (object["kind"] == "ServiceIntentions") CheckIntentions(object["spec"]);
         }});

    // Else the comparison says little.
    CHECK(compared.full > 200);
    CHECK(compared.allowed > 1'000);
  }
}

TEST_CASE("Consul lets nobody do more with allowWidening but whom a widened target names, and strict changes no target",
          "[consul][truth]") {
  const auto emit = [](const smi::DocumentSet& set, const smi::ClusterFacts& cluster) {
    consul::EmitOptions options;
    options.common.allow_widening = true;
    options.mode = consul::BaselineMode::kStrict;
    return consul::EmitSmi(set, cluster, options);
  };
  const auto compared = meshplay::testing::CompareAccess(
      20'261'203, emit,
      {[](const std::vector<json>& objects, const Call& call) { return ConsulAllows(objects, call, true); },
       [](const Call& call) { return call.service.empty() || (call.service == "api" && !call.is_http); },
       [](const json& object) {
         if (object["kind"] == "ServiceIntentions") CheckIntentions(object["spec"]);
       },
       true});

  // Most targets are widened, because port db carries bytes.
  CHECK(compared.full > 20);
  CHECK(compared.widened > 40);
}

TEST_CASE("Consul's routers send exactly the matching requests to the splitter", "[consul][truth]") {
  std::mt19937 random(20'240'722);
  const smi::ClusterFacts cluster = meshplay::testing::TestCluster();
  int in_force = 0;
  int split = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const CallPolicy policy(random);
    std::vector<json> documents = policy.documents();
    documents.push_back(meshplay::testing::SplitByGroups({{{"service", "api"}, {"weight", 1}}}));
    const auto result = Emit(smi::ParseDocuments(documents), cluster);
    REQUIRE(result.has_value());
    const auto& emission = *result;
    const json* router = Find(emission.objects, "ServiceRouter", "api");
    CHECK((router != nullptr) == (emission.reports.back().level == smi::SupportLevel::kFull));
    const json routes = router == nullptr ? json::array() : (*router)["spec"]["routes"];
    for (const json& route : routes) {
      CheckHttp(route["match"]["http"]);
      CHECK(route["destination"] == json({{"service", "api-smi-split"}}));
    }
    if (router != nullptr) {
      ++in_force;
      CHECK(Find(emission.objects, "ServiceSplitter", "api-smi-split") != nullptr);
    }
    for (int k = 0; k < kRequestsEach; ++k) {
      Call call = RandomCall(random);
      call.is_http = true;
      bool routed = false;
      for (const json& route : routes) {
        routed = routed || MatchesHttp(route["match"]["http"], call);
      }
      const bool wanted = policy.GroupsMatch(call);
      split += wanted ? 1 : 0;
      if (routed != wanted) FailOn("route", documents, emission.objects, call);
    }
  }
  CHECK(in_force > kPolicies / 2);
  CHECK(split > kPolicies * kRequestsEach / 20);
}

TEST_CASE("the weights of a splitter add up to 100 as Consul adds them and keep the proportions", "[consul][truth]") {
  std::mt19937 random(20'240'723);
  for (int i = 0; i < kPolicies; ++i) {
    std::vector<json> services;
    json backends = json::array();
    std::int64_t total = 0;
    std::map<std::string, std::int64_t> weights;
    const int count = 1 + Below(random, 12);
    for (int k = 0; k < count; ++k) {
      const std::string name = "b" + std::to_string(k);
      services.push_back({{"apiVersion", "v1"},
                          {"kind", "Service"},
                          {"metadata", {{"name", name}, {"namespace", "shop"}}},
                          {"spec", {{"selector", {{"app", name}}}, {"ports", {{{"name", "http"}, {"port", 80}}}}}}});
      const std::int64_t weight = k == 0 ? 1 + Below(random, 1'000) : Below(random, 3) == 0 ? 0 : Below(random, 1'000);
      weights[name] = weight;
      total += weight;
      backends.push_back({{"service", name}, {"weight", weight}});
    }
    const std::vector<json> documents = {{{"apiVersion", "split.smi-spec.io/v1alpha4"},
                                          {"kind", "TrafficSplit"},
                                          {"metadata", {{"name", "s"}, {"namespace", "shop"}}},
                                          {"spec", {{"service", "b0"}, {"backends", backends}}}}};

    const auto result = Emit(smi::ParseDocuments(documents), meshplay::facts::FactsFromObjects(services));
    REQUIRE(result.has_value());
    const auto& emission = *result;

    const json* splitter = Find(emission.objects, "ServiceSplitter", "b0");
    REQUIRE(splitter != nullptr);
    float sum = 0;
    for (const json& part : (*splitter)["spec"]["splits"]) {
      const double weight = part["weight"].get<double>();
      sum += std::stof(part["weight"].dump());
      CHECK((weight == 0 || weight >= 0.01));
      const double exact = 100.0 * static_cast<double>(weights[part["service"]]) / static_cast<double>(total);
      CHECK(std::abs(weight - exact) < 0.021);
    }
    CHECK(sum == 100.0F);
    CHECK((*splitter)["spec"]["splits"].size() == weights.size());
  }
}

TEST_CASE("D-W two hundred equal backends get half a percent each", "[consul]") {
  std::vector<json> services;
  json backends = json::array();
  for (int i = 0; i < 200; ++i) {
    const std::string name = "b" + std::to_string(i);
    services.push_back(meshplay::testing::ServiceObject(name, name, {{"name", "http"}, {"port", 80}}));
    backends.push_back({{"service", name}, {"weight", 1}});
  }
  const json split = meshplay::testing::Document("split", "v1alpha4", "TrafficSplit", "s",
                                                 {{"service", "b0"}, {"backends", backends}});
  const auto emission = Emit(smi::ParseDocuments({split}), meshplay::facts::FactsFromObjects(services));
  REQUIRE(emission.has_value());
  const json* splitter = Find(emission->objects, "ServiceSplitter", "b0");
  REQUIRE(splitter != nullptr);
  REQUIRE((*splitter)["spec"]["splits"].size() == 200);
  for (const json& part : (*splitter)["spec"]["splits"]) CHECK(part["weight"] == 0.5);
}
