#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <functional>

#include "adapters/translate/incremental.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/translate/big_world.h"
#include "tests/unit/translate/emitters.h"

using meshplay::testing::AllEmitters;
using meshplay::testing::BigWorld;
using meshplay::testing::MakeBigWorld;
using meshplay::testing::TriedEmitter;
using nlohmann::json;
namespace smi = meshplay::smi;
namespace translate = meshplay::translate;

namespace {

constexpr int kTargets = 1000;
#ifdef NDEBUG
constexpr double kLimitSeconds = 1.0;
constexpr double kReferenceSeconds = 0.025;  // What Slowness does, on the machine of the limits.
#else
constexpr double kLimitSeconds = 3.0;  // The ordinary run compiles without optimization: several times slower.
constexpr double kReferenceSeconds = 0.3;
#endif

struct Loaded {
  smi::DocumentSet set;
  smi::ClusterFacts facts;
};

Loaded Load(int targets) {
  const BigWorld world = MakeBigWorld(targets);
  return {smi::ParseDocuments(world.documents), meshplay::facts::FactsFromObjects(world.cluster)};
}

// Processor time of this thread: what other programs do on the machine hardly counts.
double SecondsOf(const std::function<void()>& work) {
  timespec start{};
  timespec end{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  work();
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
  return static_cast<double>(end.tv_sec - start.tv_sec) + static_cast<double>(end.tv_nsec - start.tv_nsec) * 1e-9;
}

// How many times slower than the machine of the limits this one is, or this build: a sanitizer. Never less than 1.
double Slowness() {
  const double took = SecondsOf([] {
    json list = json::array();
    for (int i = 0; i < 20'000; ++i) {
      list.push_back({{"name", "t" + std::to_string(i)}, {"weight", i}, {"labels", {{"app", "a"}}}});
    }
    CHECK(json::parse(list.dump()) == list);
  });
  return std::max(1.0, took / kReferenceSeconds);
}

// A part for each destination and one for each split; where these belong together, two destinations with their split.
// With baselines of their own the accounts that are nobody's destination, too.
std::size_t PartsOf(const translate::TranslateEmitter& emitter, const translate::OptionMap& options, int targets) {
  const std::size_t half = static_cast<std::size_t>(targets) / 2;
  if (emitter.joins_splits && emitter.joins_splits(options)) return half;
  return 3 * half + (emitter.baseline.has_value() && emitter.baseline->applies(options)
                         ? static_cast<std::size_t>(targets + 3) / 4
                         : 0);
}

std::size_t PlaceOf(const std::vector<smi::HttpRouteGroup>& groups, const std::string& name) {
  const auto it = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.head.key.name == name; });
  return static_cast<std::size_t>(it - groups.begin());
}

}  // namespace

TEST_CASE("a thousand targets, two thousand groups and five hundred splits translate within the limit on every mesh",
          "[translate][speed]") {
  const Loaded small = Load(kTargets / 4);
  const Loaded big = Load(kTargets);
  REQUIRE(big.set.targets.size() == 1000);
  REQUIRE(big.set.http_groups.size() == 2000);
  REQUIRE(big.set.splits.size() == 500);
  std::string measured;
  const std::vector<TriedEmitter> emitters = AllEmitters();
  for (const TriedEmitter& tried : emitters) {
    for (const translate::OptionMap& options : tried.options) {
      INFO(tried.emitter.name << " " << json(options).dump());
      const auto run = [&](const Loaded& world) {
        const auto emission = tried.emitter.emit(world.set, world.facts, options);
        REQUIRE(emission.has_value());
        REQUIRE(emission->reports.size() == smi::AllHeads(world.set).size());
      };
      const double few = SecondsOf([&] { run(small); });
      double many = SecondsOf([&] { run(big); });
      // Once more on a machine that was busy with other things.
      if (many > kLimitSeconds || many > 8 * few) many = std::min(many, SecondsOf([&] { run(big); }));
      if (many >= kLimitSeconds) CHECK(many < kLimitSeconds * Slowness());
      // Four times the documents: 4 when it grows with them, 16 when with their square.
      CHECK(many < 8 * few);
      measured += tried.emitter.name + " " + json(options).dump() + ": " + std::to_string(many) + " s\n";
    }
  }
  WARN(measured);
}

TEST_CASE("a thousand targets of one destination translate within the limit on every mesh, and reports stay readable",
          "[translate][speed]") {
  // Each target for a caller of its own; half of them share a path, so that the other half of what they say is their
  // own.
  const auto load = [](int targets) {
    std::vector<json> documents;
    for (int i = 0; i < targets; ++i) {
      const std::string n = std::to_string(i);
      const json own = {{"name", "own"}, {"pathRegex", "/x/" + n + "$"}, {"methods", json::array({"GET"})}};
      const json shared = {{"name", "shared"}, {"pathRegex", "/y/.*"}, {"headers", {{"x-a", i % 2 == 0 ? "b" : n}}}};
      documents.push_back({{"apiVersion", "specs.smi-spec.io/v1alpha4"},
                           {"kind", "HTTPRouteGroup"},
                           {"metadata", {{"name", "g" + n}, {"namespace", "shop"}}},
                           {"spec", {{"matches", json::array({own, shared})}}}});
      documents.push_back(
          {{"apiVersion", "access.smi-spec.io/v1alpha3"},
           {"kind", "TrafficTarget"},
           {"metadata", {{"name", "t" + n}, {"namespace", "shop"}}},
           {"spec",
            {{"destination", {{"kind", "ServiceAccount"}, {"name", "sa0"}, {"namespace", "shop"}}},
             {"rules", json::array({{{"kind", "HTTPRouteGroup"}, {"name", "g" + n}}})},
             {"sources",
              json::array({{{"kind", "ServiceAccount"}, {"name", "caller" + n}, {"namespace", "shop"}}})}}}});
    }
    return Loaded{smi::ParseDocuments(documents), meshplay::facts::FactsFromObjects(MakeBigWorld(2).cluster)};
  };
  const Loaded big = load(kTargets);
  std::string measured;
  const std::vector<TriedEmitter> emitters = AllEmitters();
  for (const TriedEmitter& tried : emitters) {
    const translate::OptionMap& options = tried.options.front();
    INFO(tried.emitter.name << " " << json(options).dump());
    std::size_t most = 0;
    const double took = SecondsOf([&] {
      const auto emission = tried.emitter.emit(big.set, big.facts, options);
      REQUIRE(emission.has_value());
      for (const smi::SmiReport& report : emission->reports) most = std::max(most, report.diagnostics.size());
    });
    if (took >= kLimitSeconds) CHECK(took < kLimitSeconds * Slowness());
    CHECK(most < 20);
    measured += tried.emitter.name + ": " + std::to_string(took) + " s\n";
  }
  WARN(measured);
}

TEST_CASE("a change of one document among thousands translates what it touches and nothing else",
          "[translate][incremental][speed]") {
  std::string measured;
  const std::vector<TriedEmitter> emitters = AllEmitters();
  for (const TriedEmitter& tried : emitters) {
    for (const translate::OptionMap& options : tried.options) {
      INFO(tried.emitter.name << " " << json(options).dump());
      // The full number once; the others show the same with fewer.
      const int targets = tried.emitter.name == "istio" && options.empty() ? kTargets : kTargets / 4;
      const std::size_t parts = PartsOf(tried.emitter, options, targets);
      const Loaded big = Load(targets);
      translate::IncrementalTranslator translator(tried.emitter);
      smi::DocumentSet set = big.set;
      const auto touched = [&] {
        REQUIRE(translator.Translate(set, big.facts, options).has_value());
        return translator.stats().recomputed;
      };
      const double whole = SecondsOf([&] { CHECK(touched() == parts); });
      CHECK(translator.stats().parts == parts);
      CHECK(touched() == 0);

      set.http_groups[PlaceOf(set.http_groups, "g7a")].matches[0].path_regex = "/changed$";
      CHECK(touched() == 1);
      // A target and a split refer to this one.
      set.http_groups[PlaceOf(set.http_groups, "g8a")].matches[0].path_regex = "/changed$";
      CHECK(touched() == (parts < big.set.targets.size() ? 1 : 2));
      set.targets[50].sources[0].name = "somebody-else";
      CHECK(touched() == 1);
      set.targets.erase(set.targets.begin() + 3);  // Its groups stand alone now.
      const std::size_t left_behind = touched();
      CHECK(left_behind >= 2);
      CHECK(left_behind <= 4);  // On some meshes with what shared an object with it.
      set.splits.erase(set.splits.begin());
      CHECK(touched() <= 2);
      set.splits[60].backends[0].weight = 7;
      const double one = SecondsOf([&] { CHECK(touched() == 1); });
      // What remains is to compare and to hand over the whole emission.
      CHECK(one < whole / 2);
      measured += tried.emitter.name + " " + json(options).dump() + ": " + std::to_string(one) + " s of " +
                  std::to_string(whole) + " s\n";
    }
  }
  WARN(measured);
}

TEST_CASE("a change in the cluster translates what is connected with it and nothing else",
          "[translate][incremental][speed]") {
  const Loaded big = Load(kTargets);
  translate::IncrementalTranslator translator(meshplay::istio::Emitter());
  smi::ClusterFacts facts = big.facts;
  const auto touched = [&] {
    REQUIRE(translator.Translate(big.set, facts).has_value());
    return translator.stats().recomputed;
  };
  REQUIRE(touched() == 1500);

  facts.workloads[10].ports.push_back({"http", 8080, false});
  // Its target, the one that it calls, and the two splits whose roots or backends it stands behind.
  CHECK(touched() <= 4);
  facts.existing = {{{"apiVersion", "security.istio.io/v1"},
                     {"kind", "AuthorizationPolicy"},
                     {"metadata",
                      {{"name", "smi-t5"},
                       {"namespace", "shop"},
                       {"labels", {{"app.kubernetes.io/managed-by", "meshplay"}, {"meshplay.dev/owner", "translate"}}},
                       {"annotations", {{"meshplay.dev/smi-sources", "TrafficTarget/shop/t5"}}}}}}};
  CHECK(touched() == 0);  // No policy follows from another one of ours.
  facts.existing[0]["metadata"]["resourceVersion"] = "7";
  facts.existing[0]["status"] = {{"conditions", json::array()}};
  CHECK(touched() == 0);
  facts.existing[0]["metadata"].erase("labels");
  CHECK(touched() == 1500);
  facts.mesh_version = "1.30";
  CHECK(touched() == 1500);
}
