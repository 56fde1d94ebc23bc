#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/smi/cases.h"
#include "tests/unit/translate/emitters.h"
#include "tests/unit/translate/random_world.h"

using meshplay::testing::AllEmitters;
using meshplay::testing::ListAt;
using meshplay::testing::LoadCases;
using meshplay::testing::RandomWorld;
using meshplay::testing::TriedEmitter;
using nlohmann::json;
namespace smi = meshplay::smi;
namespace translate = meshplay::translate;

namespace {

constexpr unsigned kWorlds = 24;
constexpr int kEdits = 12;

// Of objects with one name the first one counts, so their order says something.
std::vector<json> WithoutNamesakes(const std::vector<json>& documents) {
  std::set<std::string> names;
  std::vector<json> out;
  for (const json& document : documents) {
    if (document["kind"] == "List") continue;
    const json& metadata = document["metadata"];
    const std::string name = document["kind"].get<std::string>() + "/" + metadata.value("namespace", "shop") + "/" +
                             metadata.value("name", "");
    if (names.insert(name).second) out.push_back(document);
  }
  return out;
}

template <class Named>
void KeepFirst(std::vector<Named>& items) {
  std::set<std::pair<std::string, std::string>> names;
  items.erase(std::remove_if(items.begin(), items.end(),
                             [&](const Named& item) { return !names.emplace(item.namespace_name, item.name).second; }),
              items.end());
}

std::map<std::string, json> BySource(const std::vector<smi::SmiReport>& reports) {
  std::map<std::string, json> out;
  for (const smi::SmiReport& report : reports) out[report.source.Text()] = smi::ToJson(report);
  return out;
}

void CheckSame(const translate::Emission& one, const translate::Emission& other) {
  if (one.objects != other.objects) {
    FAIL(json(one.objects).dump(1) << "\nand in another order\n" << json(other.objects).dump(1));
  }
  const auto reports = BySource(one.reports);
  const auto other_reports = BySource(other.reports);
  if (reports != other_reports) {
    FAIL(json(reports).dump(1) << "\nand in another order\n" << json(other_reports).dump(1));
  }
}

}  // namespace

TEST_CASE("the order of documents and cluster objects changes nothing in the design's cases", "[translate][order]") {
  const std::vector<std::pair<std::string, translate::TranslateEmitter>> files = {
      {"istio.yaml", meshplay::istio::Emitter()},
      {"istio-ambient.yaml", meshplay::istio::Emitter()},
      {"linkerd.yaml", meshplay::linkerd::Emitter()},
      {"kuma.yaml", meshplay::kuma::Emitter()},
      {"consul.yaml", meshplay::consul::Emitter()},
      {"cilium.yaml", meshplay::cilium::Emitter()},
      {"gamma.yaml", meshplay::gamma::Emitter("istio")},
      {"osm.yaml", meshplay::legacy::Emitter(meshplay::legacy::Mesh::kOsm)},
      {"traefik-mesh.yaml", meshplay::legacy::Emitter(meshplay::legacy::Mesh::kTraefik)},
      {"nginx-service-mesh.yaml", meshplay::legacy::Emitter(meshplay::legacy::Mesh::kNginx)}};
  for (const auto& [file, emitter] : files) {
    for (const json& c : LoadCases(file)) {
      INFO(file << ": " << c["name"].get<std::string>());
      auto options = c.value("options", translate::OptionMap());
      if (file == "istio-ambient.yaml") options.emplace("istio.dataplane", "ambient");
      std::vector<json> documents = WithoutNamesakes(ListAt(c, "documents"));
      std::vector<json> cluster = ListAt(c, "cluster");
      const auto emit = [&] {
        return emitter.emit(smi::ParseDocuments(documents, {"shop"}),
                            meshplay::facts::FactsFromObjects(cluster, {"shop"}), options);
      };
      const auto one = emit();
      std::reverse(documents.begin(), documents.end());
      std::reverse(cluster.begin(), cluster.end());
      const auto other = emit();
      REQUIRE(one.has_value() == other.has_value());
      if (one.has_value()) CheckSame(*one, *other);
    }
  }
}

TEST_CASE("the order of documents and cluster objects changes nothing on any mesh", "[translate][order]") {
  const std::vector<TriedEmitter> emitters = AllEmitters();
  std::mt19937 random(7);
  for (unsigned seed = 1; seed <= kWorlds; ++seed) {
    RandomWorld world(seed);
    for (int edit = 0; edit < kEdits; ++edit) world.Edit();
    const std::vector<json> documents = WithoutNamesakes(world.documents());
    smi::ClusterFacts facts = world.Facts();
    KeepFirst(facts.services);
    KeepFirst(facts.workloads);
    std::vector<json> other_documents = documents;
    std::shuffle(other_documents.begin(), other_documents.end(), random);
    smi::ClusterFacts other_facts = facts;
    std::shuffle(other_facts.services.begin(), other_facts.services.end(), random);
    std::shuffle(other_facts.workloads.begin(), other_facts.workloads.end(), random);
    std::shuffle(other_facts.existing.begin(), other_facts.existing.end(), random);
    for (const TriedEmitter& tried : emitters) {
      for (const translate::OptionMap& options : tried.options) {
        INFO(tried.emitter.name << " " << json(options).dump() << " seed " << seed);
        const auto one = tried.emitter.emit(smi::ParseDocuments(documents, {"shop"}), facts, options);
        const auto other = tried.emitter.emit(smi::ParseDocuments(other_documents, {"shop"}), other_facts, options);
        REQUIRE(one.has_value());
        REQUIRE(other.has_value());
        CheckSame(*one, *other);
      }
    }
  }
}
