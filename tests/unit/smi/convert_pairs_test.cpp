// Every version to every version: what is written means what was read, and what would not is refused.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "libs/smi/convert.h"
#include "libs/smi/parse.h"
#include "libs/smi/resolve.h"
#include "libs/smi/validate.h"
#include "tests/unit/smi/random_policy.h"

using meshplay::testing::RandomPolicy;
using meshplay::testing::RandomRequest;
using meshplay::testing::Request;
using nlohmann::json;
namespace smi = meshplay::smi;

namespace {

constexpr int kPolicies = 6;
constexpr int kRequests = 30;

bool Matches(const smi::RequestMatch& match, const Request& request) {
  if (!smi::Matches(match.path, request.path)) return false;
  if (match.methods.has_value()) {
    const auto& methods = *match.methods;
    if (std::find(methods.begin(), methods.end(), request.method) == methods.end()) return false;
  }
  return std::all_of(match.headers.begin(), match.headers.end(), [&](const smi::HeaderCondition& header) {
    const auto it = request.headers.find(header.name);
    return it != request.headers.end() && smi::Matches(header.patterns, it->second);
  });
}

bool Allows(const smi::Grant& grant, const Request& request, int service_port) {
  const bool from = std::any_of(grant.sources.begin(), grant.sources.end(), [&](const smi::Identity& source) {
    return source.service_account == request.source_account && source.namespace_name == request.source_namespace;
  });
  const auto& ports = grant.tcp.ports;
  const bool to =
      grant.tcp.scope == smi::PortScope::kAny || (grant.tcp.scope == smi::PortScope::kListed &&
                                                  std::find(ports.begin(), ports.end(), service_port) != ports.end());
  if (!from || !to) return false;
  if (!grant.http.has_value()) return true;
  return request.is_http && std::any_of(grant.http->begin(), grant.http->end(),
                                        [&](const smi::RequestMatch& match) { return Matches(match, request); });
}

struct Sample {
  Request request;
  int service_port = 0;
};

// For each target (parts of one by port count as one), which samples it allows.
std::map<std::string, std::vector<bool>> Meaning(const smi::DocumentSet& set, const std::vector<Sample>& samples) {
  const smi::ClusterFacts facts;
  const smi::FactsIndex index(facts);
  const std::vector<smi::Finding> findings = smi::Validate(set);
  const smi::Resolver resolver(set, index, findings);
  std::map<std::string, std::vector<bool>> out;
  for (const smi::TrafficTarget& target : set.targets) {
    REQUIRE(resolver.IsValid(target.head));
    std::vector<smi::Diagnostic> diagnostics;
    const auto grant = resolver.ResolveTarget(target, diagnostics);
    REQUIRE(grant.has_value());
    const std::string& name = target.head.key.name;
    std::vector<bool>& allowed = out[name.substr(0, name.find('.'))];
    allowed.resize(samples.size(), false);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (Allows(*grant, samples[i].request, samples[i].service_port)) allowed[i] = true;
    }
  }
  return out;
}

std::vector<Sample> Samples(std::mt19937& random) {
  std::vector<Sample> out;
  const int ports[] = {80, 81, 9000};
  for (int i = 0; i < kRequests; ++i) {
    Request request = RandomRequest(random);
    meshplay::testing::ComeFromAnywhere(random, request);
    out.push_back({std::move(request), ports[meshplay::testing::Below(random, 3)]});
  }
  return out;
}

std::string BaseOf(const std::string& name) {
  return name.substr(0, name.find('.'));
}

std::size_t RefusedOf(const smi::Conversion& conversion, const std::string& kind, std::set<std::string>& names) {
  for (const smi::Finding& finding : conversion.findings) {
    CHECK(finding.diagnostic.code == "NOT_REPRESENTABLE");
    if (finding.object.kind == kind) names.insert(BaseOf(finding.object.name));
  }
  return names.size();
}

// What was not refused means the same; what was refused is not there.
std::size_t CheckMeaning(const std::map<std::string, std::vector<bool>>& before, const smi::Conversion& conversion,
                         const std::vector<Sample>& samples) {
  const smi::DocumentSet set = smi::ParseDocuments(conversion.documents);
  std::set<std::string> refused;
  RefusedOf(conversion, "TrafficTarget", refused);
  const auto after = Meaning(set, samples);
  for (const auto& [name, allowed] : before) {
    INFO(name);
    const auto it = after.find(name);
    if (refused.count(name) == 0) {
      REQUIRE(it != after.end());
      REQUIRE(it->second == allowed);
      continue;
    }
    // Of a target that stands as several, one a port, some may have been written.
    for (std::size_t i = 0; it != after.end() && i < allowed.size(); ++i) REQUIRE((allowed[i] || !it->second[i]));
  }
  return after.size();
}

}  // namespace

TEST_CASE("access in every version means the same in every other one, or is refused", "[smi][convert][property]") {
  std::mt19937 random(20'241'124);
  std::map<std::pair<int, int>, std::size_t> written;  // By version of access read and written.
  for (int i = 0; i < kPolicies; ++i) {
    const std::vector<json> documents = RandomPolicy(random).Documents();
    const std::vector<Sample> samples = Samples(random);
    for (int from = 1; from <= 4; ++from) {
      for (int from_specs = 1; from_specs <= 4; ++from_specs) {
        const auto start = smi::Convert(smi::ParseDocuments(documents), {from, from_specs, 4, {}});
        REQUIRE(start.has_value());
        const smi::DocumentSet set = smi::ParseDocuments(start->documents);
        REQUIRE_FALSE(smi::HasErrors(set.findings));
        const auto meaning = Meaning(set, samples);
        for (int to = 1; to <= 4; ++to) {
          for (int to_specs = 1; to_specs <= 4; ++to_specs) {
            INFO("policy " << i << ": access " << from << " specs " << from_specs << " to " << to << " " << to_specs);
            const auto shape = to % 2 == 0 ? smi::HeaderShape::kMap : smi::HeaderShape::kList;
            const auto conversion = smi::Convert(set, {to, to_specs, 4, shape});
            REQUIRE(conversion.has_value());
            written[{from, to}] += CheckMeaning(meaning, *conversion, samples);
          }
        }
      }
    }
  }
  for (int from = 1; from <= 4; ++from) {
    for (int to = 1; to <= 4; ++to) {
      INFO(from << " to " << to);
      CHECK(written[{from, to}] > 0);  // Else the pair was never tried.
    }
  }
}

TEST_CASE("splits in every version mean the same in every other one, or are refused", "[smi][convert]") {
  for (int from = 1; from <= 4; ++from) {
    for (int to = 1; to <= 4; ++to) {
      for (const bool matched : {false, true}) {
        if (matched && from < 3) continue;
        INFO(from << " to " << to << (matched ? " with matches" : ""));
        json spec = {{"service", "api"},
                     {"backends", {{{"service", "a"}, {"weight", 90}}, {{"service", "b"}, {"weight", 10}}}}};
        if (from == 1)
          spec["backends"] = {{{"service", "a"}, {"weight", "900m"}}, {{"service", "b"}, {"weight", "100m"}}};
        if (matched) spec["matches"] = json::array({{{"kind", "HTTPRouteGroup"}, {"name", "g"}}});
        const std::string version = "v1alpha" + std::to_string(from);
        const auto set =
            smi::ParseDocuments({meshplay::testing::Document("split", version.c_str(), "TrafficSplit", "s", spec)});
        REQUIRE_FALSE(smi::HasErrors(set.findings));

        const auto conversion = smi::Convert(set, {3, 4, to, {}});

        REQUIRE(conversion.has_value());
        std::set<std::string> refused;
        const bool lossy = matched && to < 3;
        CHECK(RefusedOf(*conversion, "TrafficSplit", refused) == (lossy ? 1 : 0));
        REQUIRE(conversion->documents.size() == (lossy ? 0 : 1));
        if (lossy) continue;
        const auto back = smi::ParseDocuments(conversion->documents);
        CHECK(back.splits.at(0).head.version == to);
        CHECK(back.splits[0].matches.size() == (matched ? 1 : 0));
        CHECK(back.splits[0].backends[0].weight == 9 * back.splits[0].backends[1].weight);
        CHECK(back.splits[0].backends[1].weight > 0);
      }
    }
  }
}
