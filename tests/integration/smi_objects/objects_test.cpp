#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/integration/smi_objects/crd_cluster.h"
#include "tests/integration/smi_objects/translations.h"

using meshplay::test::CrdCluster;
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
      {"access.smi-spec.io/v1alpha3 TrafficTarget", "/spec/rules/0/kind", "IngressRoute"},
      {"access.smi-spec.io/v1alpha2 TrafficTarget", "/spec/rules/0/kind", "UDPRoute"},
      {"specs.smi-spec.io/v1alpha4 HTTPRouteGroup", "/spec/matches/0/methods", json::array({"get"})},
      {"specs.smi-spec.io/v1alpha3 TCPRoute", "/spec", "wrong"},
      {"split.smi-spec.io/v1alpha2 TrafficSplit", "/spec/matches", json::array()},
  };
  return kWrong;
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
        all.push_back(object);
      }
    }
    INFO(translator.mesh);
    CHECK(all.size() > 10);
    // Strict validation makes unknown fields errors; whatever else the server would warn of is seen here.
    CHECK(cluster->ApplyWithKubectl(all).empty());
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
