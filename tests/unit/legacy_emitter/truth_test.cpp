#include <catch2/catch.hpp>

#include "adapters/legacy/emitter/emit.h"
#include "libs/smi/parse.h"
#include "libs/smi/report.h"
#include "tests/unit/legacy_emitter/native_meshes.h"
#include "tests/unit/legacy_emitter/random_policy.h"

using namespace meshplay::test;
using nlohmann::json;
namespace legacy = meshplay::legacy;
namespace smi = meshplay::smi;
namespace translate = meshplay::translate;

namespace {

constexpr int kPolicies = 1'000;
// Each policy sees this many of all requests, another part each time.
constexpr std::size_t kRequestsAPolicy = 10;
// And this many of the readings.
constexpr std::size_t kReadingsAPolicy = 2;

using Allows = bool (*)(const std::vector<json>&, const Reading&, const std::string&, const TestPort&,
                        const TestRequest*);

struct Count {
  int full = 0;
  int partial = 0;
  int allowed = 0;
  int narrower = 0;
};

void Compare(const RandomPolicy& policy, const translate::Emission& emission, Allows allows, const Reading& reading,
             bool exact, std::size_t first, Count& count) {
  const auto check = [&](const char* source, const TestPort& port, const TestRequest* request) {
    const bool smi_allows = SmiAllows(policy, source, port, request);
    const bool mesh_allows = allows(emission.objects, reading, source, port, request);
    count.allowed += mesh_allows ? 1 : 0;
    count.narrower += smi_allows && !mesh_allows ? 1 : 0;
    if (mesh_allows == smi_allows || (smi_allows && !exact)) return;
    FAIL((mesh_allows ? "wider" : "narrower")
         << ": " << source << " port " << port.service << " "
         << (request == nullptr ? "bytes" : request->method + " " + request->path + " " + json(request->headers).dump())
         << "\n"
         << json(policy.documents).dump(1) << "\n"
         << json(emission.objects).dump(1) << "\n"
         << smi::ToJson(emission.reports).dump(1));
  };
  const auto& requests = TestRequests();
  for (const char* source : {"web", "admin", "api", "far/web"}) {
    for (const TestPort& port : TestPorts()) {
      if (!port.http) {
        check(source, port, nullptr);
        continue;
      }
      for (std::size_t i = 0; i < kRequestsAPolicy; ++i) {
        check(source, port, &requests[(first * 5 + i * 37) % requests.size()]);
      }
    }
  }
}

// Whatever the mesh is free to do, it allows nothing that SMI denies; and all that SMI allows when each report is FULL.
Count Run(legacy::Mesh mesh, Allows allows, const std::vector<Reading>& readings) {
  std::mt19937 random(20'241'124);
  const smi::ClusterFacts cluster = TestCluster();
  Count count;
  for (int i = 0; i < kPolicies; ++i) {
    const RandomPolicy policy = MakePolicy(random);
    const auto emission = legacy::EmitSmi(mesh, smi::ParseDocuments(policy.documents), cluster, {});
    REQUIRE(emission.has_value());
    const bool full = smi::WorstLevel(emission->reports) == smi::SupportLevel::kFull;
    (full ? count.full : count.partial) += 1;
    for (std::size_t k = 0; k < kReadingsAPolicy; ++k) {
      const Reading& reading = readings[(static_cast<std::size_t>(i) + k) % readings.size()];
      Compare(policy, *emission, allows, reading, full && !reading.service_ports, static_cast<std::size_t>(i), count);
    }
  }
  return count;
}

}  // namespace

TEST_CASE("OSM allows nothing that SMI denies, and less only where a report says so", "[legacy][truth]") {
  const Count count = Run(legacy::Mesh::kOsm, OsmAllows, {{false}, {true}});
  CHECK(count.full > kPolicies / 8);
  CHECK(count.partial > kPolicies / 8);
  CHECK(count.allowed > kPolicies);
}

TEST_CASE("Traefik Mesh allows nothing that SMI denies, and less only where a report says so", "[legacy][truth]") {
  const Count count = Run(legacy::Mesh::kTraefik, TraefikAllows, {{false}, {true}});
  CHECK(count.full > kPolicies / 8);
  CHECK(count.partial > kPolicies / 8);
  CHECK(count.allowed > kPolicies);
}

TEST_CASE("NGINX Service Mesh allows nothing that SMI denies, however it anchors and orders", "[legacy][truth]") {
  std::vector<Reading> readings;
  for (const auto anchor : {Reading::Anchor::kFull, Reading::Anchor::kPrefix, Reading::Anchor::kSearch}) {
    for (const bool last_wins : {false, true}) readings.push_back({last_wins, anchor, false});
  }
  readings.push_back({false, Reading::Anchor::kFull, true});
  const Count count = Run(legacy::Mesh::kNginx, NginxAllows, readings);
  CHECK(count.full > kPolicies / 8);
  CHECK(count.partial > kPolicies / 8);
  CHECK(count.allowed > kPolicies);
}
