#include "adapters/translate/incremental.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "libs/facts/kubernetes_facts.h"
#include "libs/smi/parse.h"
#include "tests/unit/smi/cluster_objects.h"
#include "tests/unit/translate/emitters.h"
#include "tests/unit/translate/random_world.h"

using meshplay::testing::AllEmitters;
using meshplay::testing::DeploymentOf;
using meshplay::testing::RandomWorld;
using meshplay::testing::ServiceOf;
using meshplay::testing::TriedEmitter;
using nlohmann::json;
namespace smi = meshplay::smi;
namespace translate = meshplay::translate;

namespace {

constexpr int kWorlds = 2;
constexpr int kEdits = 40;

void CheckSame(const translate::Emission& kept, const translate::Emission& fresh) {
  if (kept.objects != fresh.objects)
    FAIL(json(kept.objects).dump(1) << "\ninstead of\n" << json(fresh.objects).dump(1));
  const json reports = smi::ToJson(fresh.reports);
  if (smi::ToJson(kept.reports) != reports) {
    FAIL(smi::ToJson(kept.reports).dump(1) << "\ninstead of\n" << reports.dump(1));
  }
  REQUIRE(kept.waves == fresh.waves);
  REQUIRE(kept.sources == fresh.sources);
}

json Subject(const std::string& account) {
  return {{"kind", "ServiceAccount"}, {"name", account}, {"namespace", "shop"}};
}

/// A target named like its destination.
json TargetOf(const std::string& account, const std::string& caller) {
  return {{"apiVersion", "access.smi-spec.io/v1alpha3"},
          {"kind", "TrafficTarget"},
          {"metadata", {{"name", account}, {"namespace", "shop"}, {"uid", "uid-" + account}}},
          {"spec",
           {{"destination", Subject(account)},
            {"rules", {{{"kind", "TCPRoute"}, {"name", "p"}}}},
            {"sources", json::array({Subject(caller)})}}}};
}

std::vector<json> DeploymentsOf(const std::vector<std::string>& accounts) {
  std::vector<json> out;
  for (const std::string& account : accounts) out.push_back(DeploymentOf(account, {{"app", account}}));
  return out;
}

}  // namespace

TEST_CASE("a translation kept in step equals one from scratch, whatever changes", "[translate][incremental]") {
  std::size_t parts = 0;
  std::size_t recomputed = 0;
  const std::vector<TriedEmitter> emitters = AllEmitters();
  for (const TriedEmitter& tried : emitters) {
    for (const translate::OptionMap& options : tried.options) {
      for (unsigned seed = 1; seed <= kWorlds; ++seed) {
        RandomWorld world(seed);
        translate::IncrementalTranslator translator(tried.emitter);
        std::string history;
        for (int step = 0; step < kEdits; ++step) {
          const smi::DocumentSet set = smi::ParseDocuments(world.documents(), {"shop"});
          const smi::ClusterFacts facts = world.Facts();
          INFO(tried.emitter.name << " " << json(options).dump() << " seed " << seed << " step " << step << ": "
                                  << history);
          const auto fresh = tried.emitter.emit(set, facts, options);
          const auto kept = translator.Translate(set, facts, options);
          REQUIRE(fresh.has_value());
          REQUIRE(kept.has_value());
          CheckSame(*kept, *fresh);
          parts += translator.stats().parts;
          recomputed += translator.stats().recomputed;
          if (step % 4 == 3) {
            world.Apply(fresh->objects);
            history = "applied";
          } else {
            history = world.Edit();
          }
        }
      }
    }
  }
  // Not a formality: most of it must have been kept.
  CHECK(recomputed * 2 < parts);
  WARN("recomputed " << recomputed << " of " << parts << " parts");
}

TEST_CASE("what two targets shared belongs to the one that stays", "[translate][incremental]") {
  const smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(DeploymentsOf({"a", "b"}));
  const translate::OptionMap options = {{"mode", "strict"}};
  const translate::TranslateEmitter emitter = meshplay::testing::IstioWithOwnerReferences();
  translate::IncrementalTranslator translator(emitter);
  for (const auto& now :
       {std::vector<json>{TargetOf("a", "a"), TargetOf("b", "b")}, std::vector<json>{TargetOf("a", "a")}}) {
    const smi::DocumentSet set = smi::ParseDocuments(now);
    const auto kept = translator.Translate(set, facts, options);
    const auto fresh = emitter.emit(set, facts, options);
    REQUIRE(kept.has_value());
    REQUIRE(fresh.has_value());
    CheckSame(*kept, *fresh);
  }
}

TEST_CASE("of several objects that somebody else holds the same one is told", "[translate][incremental]") {
  smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(DeploymentsOf({"a", "b"}));
  for (const char* name : {"smi-deny-all", "smi-b"}) {
    facts.existing.push_back({{"apiVersion", "security.istio.io/v1"},
                              {"kind", "AuthorizationPolicy"},
                              {"metadata", {{"name", name}, {"namespace", "shop"}}},
                              {"spec", json::object()}});
  }
  const translate::OptionMap options = {{"mode", "strict"}};
  translate::IncrementalTranslator translator(meshplay::istio::Emitter());
  for (const char* caller : {"x", "y"}) {
    const smi::DocumentSet set = smi::ParseDocuments({TargetOf("a", "x"), TargetOf("b", caller)});
    const auto kept = translator.Translate(set, facts, options);
    const auto fresh = meshplay::istio::Emitter().emit(set, facts, options);
    REQUIRE(kept.has_value());
    REQUIRE(fresh.has_value());
    CheckSame(*kept, *fresh);
  }
}

TEST_CASE("the baseline of a namespace follows its targets without being translated again",
          "[translate][incremental]") {
  const translate::TranslateEmitter emitter = meshplay::linkerd::Emitter();
  const translate::OptionMap options = {{"mode", "strict"}};
  translate::IncrementalTranslator translator(emitter);
  std::vector<json> cluster = DeploymentsOf({"a", "b", "c", "idle"});
  for (const char* app : {"a", "b", "c", "idle"}) {
    cluster.push_back(ServiceOf(app, {{"app", app}}, {{{"name", "http"}, {"port", 80}}}));
  }
  const json route = {{"apiVersion", "specs.smi-spec.io/v1alpha4"},
                      {"kind", "TCPRoute"},
                      {"metadata", {{"name", "p"}, {"namespace", "shop"}}}};
  const auto recomputed = [&](const std::vector<json>& documents) {
    const smi::DocumentSet set = smi::ParseDocuments(documents);
    const smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(cluster);
    const auto kept = translator.Translate(set, facts, options);
    const auto fresh = emitter.emit(set, facts, options);
    REQUIRE(kept.has_value());
    REQUIRE(fresh.has_value());
    CheckSame(*kept, *fresh);
    return translator.stats().recomputed;
  };
  const std::vector<json> all = {TargetOf("a", "x"), TargetOf("b", "x"), TargetOf("c", "x"), route};
  CHECK(recomputed(all) == 4);  // Three destinations, and the account that is none.
  CHECK(recomputed({TargetOf("a", "y"), all[1], all[2], route}) == 1);
  CHECK(recomputed(all) == 1);
  // One account more has a baseline; that of the other one has a source less.
  CHECK(recomputed({all[0], all[1], route}) == 1);
  // The account becomes a destination again.
  CHECK(recomputed(all) == 1);
  cluster.push_back(ServiceOf("idle-too", {{"app", "idle"}}, {{{"name", "http"}, {"port", 81}}}));
  CHECK(recomputed(all) == 1);
  // Pods whose selector also takes the idle ones: neither can be guarded, and all targets are told.
  cluster.push_back(DeploymentOf("idle", {{"app", "idle"}}));
  cluster.back()["metadata"]["name"] = "other";
  cluster.back()["spec"]["template"]["spec"]["serviceAccountName"] = "other";
  CHECK(recomputed(all) == 2);
}

TEST_CASE("of our own objects in the cluster only those that an emitter reads count", "[translate][incremental]") {
  const smi::DocumentSet set = smi::ParseDocuments({TargetOf("a", "x"), TargetOf("b", "x")});
  std::vector<json> cluster = DeploymentsOf({"a", "b"});
  for (const char* app : {"a", "b"}) {
    cluster.push_back(ServiceOf(app, {{"app", app}}, {{{"name", "http"}, {"port", 80}}}));
  }
  smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(cluster);
  translate::IncrementalTranslator translator(meshplay::linkerd::Emitter());
  const auto recomputed = [&] {
    REQUIRE(translator.Translate(set, facts, {}).has_value());
    return translator.stats().recomputed;
  };
  REQUIRE(recomputed() == 2);
  const auto ours = [](const char* kind, json annotations) {
    return json{{"apiVersion", "policy.linkerd.io/v1beta3"},
                {"kind", kind},
                {"metadata",
                 {{"name", "smi-a-80-g1-0000-12345678"},
                  {"namespace", "shop"},
                  {"labels", {{"app.kubernetes.io/managed-by", "meshplay"}, {"meshplay.dev/owner", "translate"}}},
                  {"annotations", std::move(annotations)}}}};
  };
  const json sources = {{"meshplay.dev/smi-sources", "TrafficTarget/shop/a"}};
  facts.existing = {ours("Server", sources)};
  CHECK(recomputed() == 0);
  facts.existing.push_back(ours("HTTPRoute", sources));
  CHECK(recomputed() == 1);
  // One that does not name all its sources may be anybody's.
  facts.existing[1]["metadata"]["annotations"]["meshplay.dev/smi-sources-omitted"] = "1";
  CHECK(recomputed() == 2);
}

// Manifests may hold it twice; a tag of Kuma's stands for both.
TEST_CASE("accounts behind Services of one name are translated together", "[translate][incremental]") {
  std::vector<json> cluster = DeploymentsOf({"a", "b"});
  std::vector<json> documents = {{{"apiVersion", "specs.smi-spec.io/v1alpha4"},
                                  {"kind", "TCPRoute"},
                                  {"metadata", {{"name", "p"}, {"namespace", "shop"}}}}};
  for (const char* app : {"a", "b"}) {
    cluster.push_back(ServiceOf("twice", {{"app", app}}, {{{"name", "http"}, {"port", 80}}}));
    documents.push_back(TargetOf(app, app));
  }
  const smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(cluster);
  const translate::OptionMap options = {{"kuma.identity", "service"}};
  translate::IncrementalTranslator translator(meshplay::kuma::Emitter());
  const std::vector<json> one(documents.begin(), documents.end() - 1);
  for (const std::vector<json>& now : {one, documents, one}) {
    const smi::DocumentSet set = smi::ParseDocuments(now);
    const auto kept = translator.Translate(set, facts, options);
    const auto fresh = meshplay::kuma::Emitter().emit(set, facts, options);
    REQUIRE(kept.has_value());
    REQUIRE(fresh.has_value());
    CheckSame(*kept, *fresh);
  }
}

TEST_CASE("in ambient mode a target guards the root of a split as long as it leads there", "[translate][incremental]") {
  std::vector<json> cluster = DeploymentsOf({"api", "other"});
  cluster.push_back({{"apiVersion", "v1"},
                     {"kind", "Namespace"},
                     {"metadata", {{"name", "shop"}, {"labels", {{"istio.io/use-waypoint", "way"}}}}}});
  const json ports = {{{"name", "http"}, {"port", 80}}};
  cluster.push_back(ServiceOf("front", {{"app", "nobody"}}, ports));
  cluster.push_back(ServiceOf("back", {{"app", "api"}}, ports));
  const smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(cluster);
  const std::vector<json> apart = {TargetOf("api", "web"),
                                   TargetOf("other", "web"),
                                   {{"apiVersion", "specs.smi-spec.io/v1alpha4"},
                                    {"kind", "TCPRoute"},
                                    {"metadata", {{"name", "p"}, {"namespace", "shop"}}}}};
  std::vector<json> joined = apart;
  joined.push_back({{"apiVersion", "split.smi-spec.io/v1alpha4"},
                    {"kind", "TrafficSplit"},
                    {"metadata", {{"name", "s"}, {"namespace", "shop"}}},
                    {"spec", {{"service", "front"}, {"backends", {{{"service", "back"}, {"weight", 1}}}}}}});
  const translate::OptionMap options = {{"istio.dataplane", "ambient"}};
  const translate::TranslateEmitter emitter = meshplay::istio::Emitter();
  translate::IncrementalTranslator translator(emitter);
  std::vector<std::size_t> policies;
  std::vector<std::size_t> recomputed;
  for (const std::vector<json>& now : {apart, joined, joined, apart}) {
    const smi::DocumentSet set = smi::ParseDocuments(now);
    const auto kept = translator.Translate(set, facts, options);
    const auto fresh = emitter.emit(set, facts, options);
    REQUIRE(kept.has_value());
    REQUIRE(fresh.has_value());
    CheckSame(*kept, *fresh);
    recomputed.push_back(translator.stats().recomputed);
    policies.push_back(
        static_cast<std::size_t>(std::count_if(kept->objects.begin(), kept->objects.end(), [](const json& object) {
          return object["kind"] == "AuthorizationPolicy";
        })));
  }
  // Each target's pods and the Service "back", then the split's root too.
  CHECK(policies == std::vector<std::size_t>{3, 4, 4, 3});
  // The other target's part stays as it is.
  CHECK(recomputed == std::vector<std::size_t>{2, 1, 0, 1});
}

TEST_CASE("a Service that takes the name of a caller's account changes what the caller is called",
          "[translate][incremental]") {
  const auto meta = [](const char* home, const char* name) { return json{{"name", name}, {"namespace", home}}; };
  const auto service = [&](const char* home, const char* name) {
    return json{{"apiVersion", "v1"},
                {"kind", "Service"},
                {"metadata", meta(home, name)},
                {"spec", {{"selector", {{"app", "api"}}}, {"ports", {{{"name", "http"}, {"port", 80}}}}}}};
  };
  const json pods = {{"metadata", {{"labels", {{"app", "api"}}}}}, {"spec", {{"serviceAccountName", "api"}}}};
  const json workload = {{"apiVersion", "apps/v1"},
                         {"kind", "Deployment"},
                         {"metadata", meta("shop", "api")},
                         {"spec", {{"selector", {{"matchLabels", {{"app", "api"}}}}}, {"template", pods}}}};
  // No pod runs as cron: Consul knows it by its name, as long as no Service of that name stands for others.
  const smi::DocumentSet set = smi::ParseDocuments(
      {{{"apiVersion", "specs.smi-spec.io/v1alpha4"}, {"kind", "TCPRoute"}, {"metadata", meta("shop", "any")}},
       {{"apiVersion", "access.smi-spec.io/v1alpha3"},
        {"kind", "TrafficTarget"},
        {"metadata", meta("shop", "t")},
        {"spec",
         {{"destination", {{"kind", "ServiceAccount"}, {"name", "api"}}},
          {"rules", {{{"kind", "TCPRoute"}, {"name", "any"}}}},
          {"sources", {{{"kind", "ServiceAccount"}, {"name", "cron"}, {"namespace", "shop"}}}}}}}});
  for (const char* home : {"shop", "pay"}) {
    INFO("in namespace " << home);
    translate::IncrementalTranslator translator(meshplay::consul::Emitter());
    const json before = json::array({workload, service("shop", "api")});
    json after = before;
    after.push_back(service(home, "cron"));
    std::vector<std::string> levels;
    for (const json& cluster : {before, after, before}) {
      const smi::ClusterFacts facts = meshplay::facts::FactsFromObjects(cluster);
      const auto kept = translator.Translate(set, facts);
      const auto fresh = meshplay::consul::Emitter().emit(set, facts, {});
      REQUIRE(kept.has_value());
      REQUIRE(fresh.has_value());
      CheckSame(*kept, *fresh);
      levels.emplace_back(smi::SupportLevelName(smi::WorstLevel(kept->reports)));
    }
    CHECK(levels == std::vector<std::string>{"FULL", "NONE", "FULL"});
  }
}
