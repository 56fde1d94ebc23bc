#include <algorithm>
#include <catch2/catch.hpp>

#include "adapters/translate/drafts.h"
#include "adapters/translate/incremental.h"
#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/smi/cluster_objects.h"
#include "tests/unit/translate/emitters.h"

using nlohmann::json;
namespace smi = meshplay::smi;
namespace translate = meshplay::translate;

namespace {

constexpr std::size_t kKubernetesLimit = 256 * 1024;  // Of all annotations of an object.

/// Sources whose list takes exactly `bytes`, the last one included.
std::vector<std::string> SourcesOfBytes(std::size_t bytes) {
  std::vector<std::string> out;
  std::size_t used = 0;
  for (int i = 0; used < bytes; ++i) {
    std::string source = "TrafficTarget/shop/t" + std::to_string(1'000'000 + i);
    const std::size_t left = bytes - used;
    if (left <= 2 * (source.size() + 1)) source.resize(left - (used == 0 ? 0 : 1), 'x');
    used += source.size() + (used == 0 ? 0 : 1);
    out.push_back(std::move(source));
  }
  return out;
}

json Written(const std::vector<std::string>& sources) {
  json metadata = json::object();
  translate::SetSources(metadata, sources);
  return metadata;
}

/// Targets of one destination with names that are not short.
smi::DocumentSet Targets(int count) {
  const json api = {{"kind", "ServiceAccount"}, {"name", "api"}, {"namespace", "shop"}};
  std::vector<json> documents = {{{"apiVersion", "specs.smi-spec.io/v1alpha4"},
                                  {"kind", "TCPRoute"},
                                  {"metadata", {{"name", "any"}, {"namespace", "shop"}}}}};
  for (int i = 0; i < count; ++i) {
    const std::string name = std::string(40, 't') + std::to_string(10'000 + i);
    documents.push_back({{"apiVersion", "access.smi-spec.io/v1alpha3"},
                         {"kind", "TrafficTarget"},
                         {"metadata", {{"name", name}, {"namespace", "shop"}}},
                         {"spec",
                          {{"destination", api},
                           {"rules", {{{"kind", "TCPRoute"}, {"name", "any"}}}},
                           {"sources", json::array({api})}}}});
  }
  return smi::ParseDocuments(documents);
}

}  // namespace

TEST_CASE("the list of an object's sources is complete up to its limit, and says how many it leaves out beyond",
          "[translate]") {
  std::vector<std::string> sources = SourcesOfBytes(translate::kMaxSourcesBytes);
  json metadata = Written(sources);
  CHECK(metadata["annotations"][translate::kSourcesAnnotation].get<std::string>().size() ==
        translate::kMaxSourcesBytes);
  CHECK_FALSE(metadata["annotations"].contains(translate::kSourcesOmittedAnnotation));

  const std::string complete = metadata["annotations"][translate::kSourcesAnnotation];
  const std::string label = metadata["labels"][translate::kSourcesLabel];
  sources.push_back("TrafficTarget/shop/z");
  translate::SetSources(metadata, sources);
  CHECK(metadata["annotations"][translate::kSourcesAnnotation] == complete);
  CHECK(metadata["annotations"][translate::kSourcesOmittedAnnotation] == "1");
  CHECK(metadata["labels"][translate::kSourcesLabel] != label);  // It follows from all of them.

  translate::SetSources(metadata, {"TrafficTarget/shop/a"});
  CHECK(metadata["annotations"][translate::kSourcesAnnotation] == "TrafficTarget/shop/a");
  CHECK_FALSE(metadata["annotations"].contains(translate::kSourcesOmittedAnnotation));
}

TEST_CASE("the baseline of a namespace with more targets than an annotation holds stays within Kubernetes' limit",
          "[translate][incremental]") {
  const smi::ClusterFacts facts =
      meshplay::facts::FactsFromObjects({meshplay::testing::DeploymentOf("api", {{"app", "api"}})});
  smi::DocumentSet set = Targets(3'000);
  const translate::OptionMap options = {{"mode", "strict"}};
  const translate::TranslateEmitter emitter = meshplay::istio::Emitter();
  translate::IncrementalTranslator translator(emitter);
  for (const bool changed : {false, true}) {
    if (changed) set.targets.erase(set.targets.begin());
    const auto kept = translator.Translate(set, facts, options);
    const auto fresh = emitter.emit(set, facts, options);
    REQUIRE(kept.has_value());
    REQUIRE(fresh.has_value());
    CHECK(kept->objects == fresh->objects);
    CHECK(kept->sources == fresh->sources);
    REQUIRE(kept->objects.back()["metadata"]["name"] == "smi-deny-all");
    std::size_t bytes = 0;
    const json annotations = kept->objects.back()["metadata"]["annotations"];
    for (const auto& [key, value] : annotations.items()) bytes += key.size() + value.get<std::string>().size();
    CHECK(bytes > translate::kMaxSourcesBytes - 64);
    CHECK(bytes < kKubernetesLimit);
    CHECK(kept->sources.back().size() == set.targets.size());
    const std::string listed = annotations[translate::kSourcesAnnotation];
    const auto count = static_cast<std::size_t>(std::count(listed.begin(), listed.end(), ',')) + 1;
    CHECK(annotations[translate::kSourcesOmittedAnnotation] == std::to_string(set.targets.size() - count));
    // The reports are complete all the same.
    const smi::SmiReport& last = kept->reports.back();
    REQUIRE(last.source.kind == "TrafficTarget");
    CHECK(last.generated.back().name == "smi-deny-all");
  }
}
