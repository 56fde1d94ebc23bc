#include "adapters/controller/smi_kinds.h"

#include <algorithm>
#include <array>

#include "adapters/common/ownership.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

struct Consumer {
  const char* name;
  std::vector<const char*> images;  ///< Parts of an image's path.
  std::vector<const char*> marks;   ///< Values of labels and annotations on its definitions.
};

const std::vector<Consumer>& Consumers() {
  static const std::vector<Consumer> kConsumers = {
      {"Traefik Mesh", {"traefik/mesh", "traefik/maesh", "traefik-mesh"}, {"traefik-mesh", "maesh"}},
      {"Open Service Mesh", {"osm-controller", "openservicemesh/"}, {"openservicemesh.io", "osm"}},
      {"NGINX Service Mesh", {"nginx-mesh-"}, {"nginx-service-mesh", "nginx-mesh"}},
      {"Linkerd SMI", {"linkerd-smi", "smi-adaptor"}, {"linkerd-smi", "smi"}},
      {"the SMI adapter for Istio", {"smi-adapter-istio"}, {"smi-adapter-istio"}},
      {"the SMI controller SDK", {"smi-controller"}, {"smi-controller"}}};
  return kConsumers;
}

const Consumer* ConsumerOfImage(const std::string& image) {
  for (const Consumer& consumer : Consumers()) {
    for (const char* part : consumer.images) {
      if (image.find(part) != std::string::npos) return &consumer;
    }
  }
  return nullptr;
}

const Consumer* ConsumerOfMarks(const json& definition) {
  constexpr std::array kKeys = {"app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/instance"};
  std::vector<std::string> values;
  for (const char* key : kKeys) values.push_back(kube::LabelOf(definition, key));
  values.push_back(kube::AnnotationOf(definition, "meta.helm.sh/release-name"));
  for (const Consumer& consumer : Consumers()) {
    for (const char* mark : consumer.marks) {
      if (std::find(values.begin(), values.end(), mark) != values.end()) return &consumer;
    }
  }
  return nullptr;
}

bool IsSmiGroup(const std::string& group) {
  const std::vector<SmiKind>& kinds = SmiKinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const SmiKind& kind) { return kind.group == group; });
}

}  // namespace

const std::vector<SmiKind>& SmiKinds() {
  static const std::vector<std::string> kAll = {"v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1"};
  static const std::vector<SmiKind> kKinds = {
      {"access.smi-spec.io", "TrafficTarget", "traffictargets", kAll},
      {"access.smi-spec.io", "IdentityBinding", "identitybindings", {"v1alpha4"}},
      {"specs.smi-spec.io", "HTTPRouteGroup", "httproutegroups", kAll},
      {"specs.smi-spec.io", "TCPRoute", "tcproutes", kAll},
      {"specs.smi-spec.io", "UDPRoute", "udproutes", {"v1alpha4"}},
      {"split.smi-spec.io", "TrafficSplit", "trafficsplits", kAll}};
  return kKinds;
}

std::optional<ServedKind> ServedBy(const SmiKind& kind, const json& definition) {
  if (kube::IsBeingDeleted(definition)) return std::nullopt;
  const json& versions = kube::ValueAt(definition, "/spec/versions");
  if (!versions.is_array()) return std::nullopt;
  for (const std::string& version : kind.versions) {
    for (const json& entry : versions) {
      if (kube::TextAt(entry, "/name") != version || kube::ValueAt(entry, "/served") != json(true)) continue;
      return ServedKind{{kind.group, version, kind.kind}, kube::ValueAt(entry, "/subresources/status").is_object()};
    }
  }
  return std::nullopt;
}

std::optional<NativeConsumer> FindNativeConsumer(const std::vector<const json*>& workloads,
                                                 const std::vector<const json*>& definitions) {
  for (const json* workload : workloads) {
    const json& containers = kube::ValueAt(*workload, "/spec/template/spec/containers");
    for (const json& container : containers.is_array() ? containers : json::array()) {
      const Consumer* consumer = ConsumerOfImage(kube::TextAt(container, "/image"));
      if (consumer != nullptr) return NativeConsumer{consumer->name, kube::RefOf(*workload).ToString()};
    }
  }
  for (const json* definition : definitions) {
    if (!IsSmiGroup(kube::TextAt(*definition, "/spec/group")) || !common::OwnerOf(*definition).empty()) continue;
    const Consumer* consumer = ConsumerOfMarks(*definition);
    if (consumer != nullptr) return NativeConsumer{consumer->name, kube::RefOf(*definition).ToString()};
  }
  return std::nullopt;
}

}  // namespace meshplay::controller
