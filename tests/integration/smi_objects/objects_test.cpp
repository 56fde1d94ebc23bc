#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <set>

#include "tests/integration/smi_objects/crd_cluster.h"
#include "tests/integration/smi_objects/definitions.h"
#include "tests/integration/smi_objects/judges.h"
#include "tests/integration/smi_objects/translations.h"
#include "tests/support/skip.h"

using meshplay::test::CrdCluster;
using meshplay::test::Made;
using meshplay::test::Translation;
using meshplay::test::Translator;
using nlohmann::json;
namespace kube = meshplay::kube;

namespace {

const kube::ApplyOptions kDryRun{"meshplay-smi", false, true};

std::string KindOf(const json& object) {
  return object["apiVersion"].get<std::string>() + " " + object["kind"].get<std::string>();
}

// Takes any field, upstream too.
const char* const kOpenKind = "specs.smi-spec.io/v1alpha3 TCPRoute";

// A value that each kind must refuse, by pointer; beside them every kind must refuse a field that it does not have.
struct Wrong {
  const char* kind;
  const char* pointer;
  json value;
};

const std::vector<Wrong>& WrongValues() {
  static const std::vector<Wrong> kWrong = {
      {"security.istio.io/v1 AuthorizationPolicy", "/spec/action", "MAYBE"},
      {"networking.istio.io/v1alpha3 EnvoyFilter", "/spec/workloadSelector/labels", "app"},
      {"networking.istio.io/v1 VirtualService", "/spec/http", json::object()},
      {"policy.linkerd.io/v1beta3 Server", "/spec/podSelector", nullptr},
      {"policy.linkerd.io/v1beta3 HTTPRoute", "/spec/rules/0/matches/0/method", "get"},
      {"policy.linkerd.io/v1alpha1 MeshTLSAuthentication", "/spec/identities", json::array({"*"})},
      {"linkerd.io/v1alpha2 ServiceProfile", "/spec/dstOverrides/0/weight", "half"},
      {"kuma.io/v1alpha1 MeshHTTPRoute", "/spec/to/0/rules/0/matches", json::array()},
      {"kuma.io/v1alpha1 MeshTrafficPermission", "/spec/targetRef/kind", "Pod"},
      {"kuma.io/v1alpha1 MeshProxyPatch", "/spec/default/appendModifications", json::array()},
      {"consul.hashicorp.com/v1alpha1 ServiceSplitter", "/spec/splits/0/weight", 0.001},
      {"consul.hashicorp.com/v1alpha1 ServiceIntentions", "/spec/sources", json::array()},
      {"cilium.io/v2 CiliumNetworkPolicy", "/spec/endpointSelector", nullptr},
      {"gateway.networking.k8s.io/v1 HTTPRoute", "/spec/rules/0/backendRefs/0/weight", 1'000'001},
      {"gateway.networking.k8s.io/v1 HTTPRoute", "/spec/rules", json::array()},
      {"gateway.networking.k8s.io/v1 HTTPRoute", "/spec/rules/0/matches",
       json::array({{{"path", {{"type", "Exact"}, {"value", "/{id}"}}}}})},
      {"gateway.networking.k8s.io/v1 TCPRoute", "/spec/rules", json::array()},
      {"access.smi-spec.io/v1alpha3 TrafficTarget", "/spec/rules/0/kind", "IngressRoute"},
      {"access.smi-spec.io/v1alpha2 TrafficTarget", "/spec/rules/0/kind", "UDPRoute"},
      {"specs.smi-spec.io/v1alpha4 HTTPRouteGroup", "/spec/matches/0/methods", json::array({"get"})},
      {"specs.smi-spec.io/v1alpha3 TCPRoute", "/spec", "wrong"},
      {"split.smi-spec.io/v1alpha2 TrafficSplit", "/spec/matches", json::array()},
  };
  return kWrong;
}

// What a server may say of objects for clusters that do not have the newer version.
const std::string kDeprecated =
    "Warning: The v1alpha2 version of TCPRoute has been deprecated and will be removed in a future release of the API. "
    "Please upgrade to v1.\n";

bool IsExpected(const std::string& finding) {
  // A split whose matches take every request leaves nothing to the root's own rule.
  return finding.starts_with("warning: virtualService rule \"smi-root-") ||
         // Said of every EnvoyFilter; what is wrong with one is another warning.
         finding.starts_with("warning: EnvoyFilter exposes internal implementation details");
}

// Taken by the definitions, refused by the mesh.
const std::vector<Wrong>& JudgedWrong() {
  static const std::vector<Wrong> kWrong = {
      {"security.istio.io/v1 AuthorizationPolicy", "/spec/rules",
       json::array({{{"from", json::array({{{"source", {{"principals", json::array({""})}}}}})}}})},
      {"networking.istio.io/v1 VirtualService", "/spec/http/0/match", json::array({{{"uri", {{"regex", "("}}}}})},
      {"cilium.io/v2 CiliumNetworkPolicy", "/spec/ingress",
       json::array({{{"toPorts", json::array({{{"ports", json::array({{{"port", "80"}, {"protocol", "TCP"}}})},
                                               {"rules", {{"http", json::array({{{"path", "("}}})}}}}})}}})},
  };
  return kWrong;
}

// Empty: the mesh has none.
std::string JudgeOf(const json& object) {
  const std::string api = object["apiVersion"];
  if (api.find(".istio.io/") != std::string::npos) return "istio";
  return api.starts_with("cilium.io/") ? "cilium" : "";
}

// Null takes the field away.
json With(json object, const std::string& pointer, const json& value) {
  const json::json_pointer at(pointer);
  if (value.is_null()) {
    object[at.parent_pointer()].erase(at.back());
  } else {
    object[at] = value;
  }
  return object;
}

void MakeNamespaces(CrdCluster& cluster, const std::vector<Translation>& translations, std::set<std::string>& made) {
  for (const Translation& translation : translations) {
    for (const json& object : translation.objects) {
      const std::string name = object["metadata"]["namespace"];
      if (name != "default" && made.insert(name).second) cluster.MakeNamespace(name);
    }
  }
}

}  // namespace

TEST_CASE("a real API server takes every object that any mesh's emitter makes, and refuses wrong ones",
          "[smi-objects]") {
  const auto cluster = CrdCluster::Up("smi-objects");
  if (cluster == nullptr) return;
  std::map<std::string, json> first_of_kind;
  std::set<std::string> namespaces;
  std::map<std::string, std::vector<Made>> for_judge;
  const std::vector<Translator> translators = meshplay::test::Translators();
  for (const Translator& translator : translators) {
    const std::vector<Translation> translations = meshplay::test::TranslateAll(translator);
    MakeNamespaces(*cluster, translations, namespaces);
    std::vector<json> all;
    for (const Translation& translation : translations) {
      for (const json& object : translation.objects) {
        const auto applied = cluster->kube().Apply(object, kDryRun);
        if (!applied) {
          FAIL_CHECK(translation.name << ": " << KindOf(object) << " " << object["metadata"]["name"] << ": "
                                      << applied.error().ToString() << "\n"
                                      << object["spec"].dump(1));
          continue;
        }
        first_of_kind.emplace(KindOf(object), object);
        const std::string judge = JudgeOf(object);
        if (!judge.empty()) for_judge[judge].push_back({translation.name, object});
        all.push_back(object);
      }
    }
    INFO(translator.mesh);
    CHECK(all.size() > 10);
    // Strict validation makes unknown fields errors; whatever else the server would warn of is seen here.
    const std::string said = cluster->ApplyWithKubectl(all);
    if (said != kDeprecated) CHECK(said == "");
  }

  for (const auto& [mesh, objects] : for_judge) {
    CHECK(objects.size() > 50);
    for (const std::string& finding : meshplay::test::Judge(mesh, objects)) {
      if (!IsExpected(finding)) FAIL_CHECK(finding);
    }
  }
  CHECK(for_judge.size() == 2);
  // The judges do look.
  for (const auto& [kind, pointer, value] : JudgedWrong()) {
    INFO(kind << " " << pointer);
    REQUIRE(first_of_kind.count(kind) == 1);
    const json object = With(first_of_kind[kind], pointer, value);
    CHECK(meshplay::test::Judge(JudgeOf(object), {{"wrong on purpose", object}}).size() == 1);
  }

  // The server does look: what no kind has, and what a kind's limits forbid, is refused.
  for (const auto& [kind, object] : first_of_kind) {
    if (kind == kOpenKind) continue;
    INFO(kind);
    CHECK_FALSE(cluster->kube().Apply(With(object, "/spec/meshplayTest", "wrong"), kDryRun).has_value());
  }
  for (const Wrong& wrong : WrongValues()) {
    INFO(wrong.kind << " " << wrong.pointer);
    REQUIRE(first_of_kind.count(wrong.kind) == 1);
    CHECK_FALSE(
        cluster->kube().Apply(With(first_of_kind[wrong.kind], wrong.pointer, wrong.value), kDryRun).has_value());
  }
}

TEST_CASE("the stand-in chart of Istio has no version, field or type that the real definitions lack", "[smi-objects]") {
  const char* helm = std::getenv("MESHPLAY_TEST_HELM");
  if (helm == nullptr) {
    meshplay::test::Skip("MESHPLAY_TEST_HELM is not set; run ./meshplay test integration");
    return;
  }
  std::map<std::string, json> real;
  for (json& definition : meshplay::test::RealDefinitions()) {
    const std::string name = definition["metadata"]["name"];
    real[name] = std::move(definition);
  }
  const auto chart = meshplay::test::RunProgram(
      {helm, "template", "base", std::string(MESHPLAY_SOURCE_DIR) + "/tests/charts/istio/base"});
  INFO(chart.stderr_text);
  const std::vector<json> reduced = meshplay::test::DefinitionsIn(chart.stdout_text);
  CHECK(reduced.size() > 10);
  for (const json& definition : reduced) {
    const std::string name = definition["metadata"]["name"];
    INFO(name);
    REQUIRE(real.count(name) == 1);
    CHECK(meshplay::test::StrangeTo(real[name], definition) == std::vector<std::string>());
  }
}
