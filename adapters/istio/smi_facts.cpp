#include <nlohmann/json.hpp>

#include "adapters/istio/internal/smi_facts.h"
#include "libs/base/yaml.h"
#include "libs/facts/kubernetes_facts.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;

struct Source {
  kube::Gvk gvk;
  bool everywhere;  ///< Else only in the namespaces asked for.
};

const std::vector<Source>& Sources() {
  static const std::vector<Source> kSources = {{{"", "v1", "Namespace"}, true},
                                               {{"apiextensions.k8s.io", "v1", "CustomResourceDefinition"}, true},
                                               {{"networking.istio.io", "v1", "VirtualService"}, true},
                                               {{"networking.istio.io", "v1alpha3", "EnvoyFilter"}, true},
                                               {{"security.istio.io", "v1", "AuthorizationPolicy"}, true},
                                               {{"security.istio.io", "v1", "PeerAuthentication"}, true},
                                               {{"gateway.networking.k8s.io", "v1", "Gateway"}, true},
                                               {{"gateway.networking.k8s.io", "v1", "HTTPRoute"}, true},
                                               {{"gateway.networking.k8s.io", "v1", "TCPRoute"}, true},
                                               {{"gateway.networking.k8s.io", "v1alpha2", "TCPRoute"}, true},
                                               {{"", "v1", "Service"}, false},
                                               {{"", "v1", "ServiceAccount"}, false},
                                               {{"apps", "v1", "Deployment"}, false},
                                               {{"apps", "v1", "StatefulSet"}, false},
                                               {{"apps", "v1", "DaemonSet"}, false},
                                               {{"apps", "v1", "ReplicaSet"}, false},
                                               {{"batch", "v1", "Job"}, false},
                                               {{"batch", "v1", "CronJob"}, false},
                                               {{"", "v1", "Pod"}, false}};
  return kSources;
}

Status ReadInto(kube::Client& client, const kube::Gvk& gvk, const std::string& name_space, const kube::Call& call,
                std::vector<json>& objects) {
  auto list = client.List(gvk, {name_space, "", ""}, call);
  if (!list) {
    if (list.error().reason() == "KIND_UNKNOWN") return {};
    return Error(list.error()).Doing("list " + gvk.kind);
  }
  for (json& object : list->items) objects.push_back(std::move(object));
  return {};
}

}  // namespace

std::string TrustDomainOf(const json& mesh_config_map) {
  const auto documents = ParseYaml(kube::TextAt(mesh_config_map, "/data/mesh"));
  if (!documents || documents->empty()) return "cluster.local";
  const std::string domain = kube::TextAt(documents->front().value, "/trustDomain");
  return domain.empty() ? "cluster.local" : domain;
}

Status CompleteFacts(kube::Client& client, const ControlPlane& plane, const kube::Call& call,
                     smi::ClusterFacts& facts) {
  facts.mesh_version = plane.version;
  const std::string config = plane.revision == "default" ? "istio" : "istio-" + plane.revision;
  MP_TRY(const auto mesh_config, client.Find({{"", "v1", "ConfigMap"}, plane.name_space, config}, call));
  if (mesh_config) facts.trust_domain = TrustDomainOf(*mesh_config);
  return {};
}

Result<smi::ClusterFacts> ReadSmiFacts(kube::Client& client, const ControlPlane& plane,
                                       const std::set<std::string>& namespaces, const kube::Call& call) {
  std::vector<json> objects;
  for (const Source& source : Sources()) {
    if (source.everywhere) {
      MP_CHECK(ReadInto(client, source.gvk, "", call, objects));
      continue;
    }
    for (const std::string& name_space : namespaces) MP_CHECK(ReadInto(client, source.gvk, name_space, call, objects));
  }
  smi::ClusterFacts facts = facts::FactsFromObjects(objects);
  MP_CHECK(CompleteFacts(client, plane, call, facts));
  return facts;
}

}  // namespace meshplay::istio
