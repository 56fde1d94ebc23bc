#include "libs/facts/kubernetes_facts.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "libs/base/json_member.h"
#include "libs/facts/internal/pod_template.h"

namespace meshplay::facts {
namespace {

using nlohmann::json;
using smi::ClusterFacts;
using smi::Labels;
using smi::PortProtocol;
using smi::Workload;

constexpr int kMaxListDepth = 2;

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// Labels that controllers add to single pods or generations of pods.
Labels WithoutGenerationLabels(Labels labels) {
  constexpr std::array kGeneration = {"pod-template-hash",
                                      "rollouts-pod-template-hash",
                                      "controller-revision-hash",
                                      "pod-template-generation",
                                      "statefulset.kubernetes.io/pod-name",
                                      "apps.kubernetes.io/pod-index",
                                      "batch.kubernetes.io/controller-uid",
                                      "batch.kubernetes.io/job-completion-index",
                                      "controller-uid"};
  for (const char* key : kGeneration) labels.erase(key);
  return labels;
}

struct ControllerRef {
  std::string kind;
  std::string name;
};

ControllerRef ControllerOf(const json& metadata) {
  const json& owners = Member(metadata, "ownerReferences");
  if (!owners.is_array()) return {};
  for (const json& owner : owners) {
    const json& controller = Member(owner, "controller");
    if (controller.is_boolean() && controller.get<bool>())
      return {MemberText(owner, "kind"), MemberText(owner, "name")};
  }
  return {};
}

class Collector {
 public:
  explicit Collector(const FactsOptions& options) : options_(options) {}

  void Open(const json& object, int depth = 0) {
    const json& items = Member(object, "items");
    if (depth < kMaxListDepth && MemberText(object, "kind").ends_with("List") && items.is_array()) {
      for (const json& item : items) Open(Named(item, object), depth + 1);
      return;
    }
    if (!object.is_object()) return;
    objects_.push_back(&object);
    const json& metadata = Member(object, "metadata");
    names_.emplace(MemberText(object, "kind"), NamespaceOf(metadata), MemberText(metadata, "name"));
  }

  ClusterFacts Read() {
    for (const json* object : objects_) ReadObject(*object);
    for (const json* pod : pods_) ReadWorkload(*pod, "Pod");
    Sort();
    return std::move(facts_);
  }

 private:
  // The items of an API server's list carry neither kind nor version.
  const json& Named(const json& item, const json& list) {
    if (!item.is_object() || item.contains("kind")) return item;
    json named = item;
    const std::string kind = MemberText(list, "kind");
    named["kind"] = kind.substr(0, kind.size() - std::string_view("List").size());
    named["apiVersion"] = MemberText(list, "apiVersion");
    return copies_.emplace_back(std::move(named));
  }

  std::string NamespaceOf(const json& metadata) const {
    const std::string name = MemberText(metadata, "namespace");
    return name.empty() ? options_.default_namespace : name;
  }

  void ReadObject(const json& object) {
    const std::string api_version = MemberText(object, "apiVersion");
    const std::string group = api_version.substr(0, api_version.find('/'));
    const std::string kind = MemberText(object, "kind");
    const json& metadata = Member(object, "metadata");
    if (api_version == "v1" && kind == "Namespace") {
      const std::string name = MemberText(metadata, "name");
      facts_.namespaces.insert(name);
      Labels labels = ReadLabels(Member(metadata, "labels"));
      if (!labels.empty()) facts_.namespace_labels[name] = std::move(labels);
    } else if (api_version == "v1" && kind == "Service") {
      ReadService(object);
    } else if (api_version == "v1" && kind == "ServiceAccount") {
      facts_.service_accounts.emplace(NamespaceOf(metadata), MemberText(metadata, "name"));
    } else if (group == "apiextensions.k8s.io" && kind == "CustomResourceDefinition") {
      ReadDefinition(object);
    } else if (api_version == "v1" && kind == "Pod") {
      pods_.push_back(&object);  // After the controllers that may stand for them.
    } else if (api_version == "v1" || group == "apps" || group == "batch" ||
               (group == "argoproj.io" && kind == "Rollout")) {
      ReadWorkload(object, kind);
    } else if (IsMeshGroup(group) && HasName(metadata)) {
      facts_.existing.push_back(object);
    }
  }

  // Readers of existing objects rely on it.
  static bool HasName(const json& metadata) {
    const json& name_space = Member(metadata, "namespace");
    return !MemberText(metadata, "name").empty() && (name_space.is_null() || name_space.is_string());
  }

  static bool IsMeshGroup(const std::string& group) {
    constexpr std::array kGroups = {".istio.io",  ".linkerd.io", ".kuma.io",           ".hashicorp.com",
                                    ".cilium.io", ".traefik.io", ".openservicemesh.io"};
    if (group == "gateway.networking.k8s.io") return true;
    const std::string dotted = "." + group;
    return std::any_of(kGroups.begin(), kGroups.end(), [&](const char* g) { return dotted.ends_with(g); });
  }

  void ReadService(const json& object) {
    smi::Service service;
    const json& spec = Member(object, "spec");
    service.namespace_name = NamespaceOf(Member(object, "metadata"));
    service.name = MemberText(Member(object, "metadata"), "name");
    service.labels = ReadLabels(Member(Member(object, "metadata"), "labels"));
    service.selector = ReadLabels(Member(spec, "selector"));
    service.headless = MemberText(spec, "clusterIP") == "None";
    service.external_name = MemberText(spec, "type") == "ExternalName";
    for (const auto& [key, value] : ReadLabels(Member(Member(object, "metadata"), "annotations"))) {
      if (key.starts_with("mesh.traefik.io/")) service.annotations.emplace(key, value);
    }
    const json& ports = Member(spec, "ports");
    if (ports.is_array()) {
      for (const json& value : ports) {
        smi::ServicePort port;
        port.port = ReadPort(Member(value, "port"));
        if (port.port == 0) continue;
        port.name = MemberText(value, "name");
        port.protocol = ProtocolOfPort(MemberText(value, "protocol"), MemberText(value, "appProtocol"), port.name);
        const json& target = Member(value, "targetPort");
        if (target.is_string()) {
          port.target_port_name = target.get<std::string>();
        } else {
          const int number = ReadPort(target);
          port.target_port = number != 0 ? number : port.port;
        }
        service.ports.push_back(std::move(port));
      }
    }
    facts_.services.push_back(std::move(service));
  }

  void ReadDefinition(const json& object) {
    const json& spec = Member(object, "spec");
    const std::string key = MemberText(spec, "group") + "/" + MemberText(Member(spec, "names"), "kind");
    const json& versions = Member(spec, "versions");
    if (!versions.is_array()) return;
    for (const json& version : versions) {
      const json& served = Member(version, "served");
      if (served.is_boolean() && !served.get<bool>()) continue;
      facts_.served_versions[key].insert(MemberText(version, "name"));
      ReadFields(key, Member(Member(version, "schema"), "openAPIV3Schema"));
    }
  }

  // The fields that emitters ask about. Each is a path of properties; "[]" steps into a list.
  void ReadFields(const std::string& key, const json& schema) {
    if (key != "security.istio.io/AuthorizationPolicy") return;
    const json* at = &schema;
    for (const char* step : {"spec", "rules", "[]", "from", "[]", "source", "serviceAccounts"}) {
      at = std::string(step) == "[]" ? &Member(*at, "items") : &Member(Member(*at, "properties"), step);
    }
    if (at->is_object()) facts_.api_fields.insert(key + ":spec.rules.from.source.serviceAccounts");
  }

  void ReadWorkload(const json& object, const std::string& kind) {
    const json& metadata = Member(object, "metadata");
    const json& spec = Member(object, "spec");
    const ControllerRef controller = ControllerOf(metadata);
    Workload workload;
    workload.kind = kind;
    workload.namespace_name = NamespaceOf(metadata);
    workload.name = MemberText(metadata, "name");
    if (!controller.kind.empty() && names_.count({controller.kind, workload.namespace_name, controller.name}) != 0) {
      return;
    }
    const json* pod_spec = nullptr;
    if (kind == "Pod") {
      workload.labels = ReadLabels(Member(metadata, "labels"));
      workload.annotations = ReadPodAnnotations(metadata);
      pod_spec = &spec;
      if (!controller.kind.empty()) {
        workload.kind = controller.kind;
        workload.name = controller.name;
      }
    } else {
      const json& holder = kind == "CronJob" ? Member(Member(spec, "jobTemplate"), "spec") : spec;
      const json& pod_template = Member(holder, "template");
      if (!pod_template.is_object()) return;
      workload.labels = ReadLabels(Member(Member(pod_template, "metadata"), "labels"));
      workload.annotations = ReadPodAnnotations(Member(pod_template, "metadata"));
      pod_spec = &Member(pod_template, "spec");
      const json& selector = Member(holder, "selector");
      workload.selector = ReadLabels(kind == "ReplicationController" ? selector : Member(selector, "matchLabels"));
    }
    // An empty selector would select a whole namespace.
    if (workload.selector.empty()) workload.selector = workload.labels;
    workload.selector = WithoutGenerationLabels(std::move(workload.selector));
    ReadPodSpec(*pod_spec, workload);
    if (kind == "Pod" && !controller.kind.empty() && IsRepresented(workload)) return;
    const bool known = !seen_
                            .insert({workload.kind, workload.namespace_name, workload.name, workload.service_account,
                                     workload.selector})
                            .second;
    if (!known) Keep(std::move(workload));
  }

  // A controller between the pod and its Deployment may not have been listed.
  bool IsRepresented(const Workload& pod) const {
    return std::any_of(pod.labels.begin(), pod.labels.end(), [&](const auto& label) {
      const auto found = by_label_.find({pod.namespace_name, pod.service_account, label.first, label.second});
      return found != by_label_.end() &&
             std::any_of(found->second.begin(), found->second.end(),
                         [&](const Labels& selector) { return smi::Selects(selector, pod.labels); });
    });
  }

  void Keep(Workload workload) {
    if (!workload.selector.empty()) {
      const auto& [key, value] = *workload.selector.begin();
      by_label_[{workload.namespace_name, workload.service_account, key, value}].push_back(workload.selector);
    }
    facts_.workloads.push_back(std::move(workload));
  }

  void Sort() {
    std::sort(facts_.services.begin(), facts_.services.end(), [](const smi::Service& a, const smi::Service& b) {
      return std::tie(a.namespace_name, a.name) < std::tie(b.namespace_name, b.name);
    });
    std::sort(facts_.workloads.begin(), facts_.workloads.end(), [](const Workload& a, const Workload& b) {
      return std::tie(a.namespace_name, a.name, a.kind, a.service_account, a.selector) <
             std::tie(b.namespace_name, b.name, b.kind, b.service_account, b.selector);
    });
    std::sort(facts_.existing.begin(), facts_.existing.end(), [](const json& a, const json& b) {
      const auto key = [](const json& object) {
        const json& metadata = Member(object, "metadata");
        return std::make_tuple(MemberText(object, "kind"), MemberText(metadata, "namespace"),
                               MemberText(metadata, "name"), MemberText(object, "apiVersion"));
      };
      return key(a) < key(b);
    });
  }

  const FactsOptions& options_;
  std::vector<const json*> objects_;
  std::vector<const json*> pods_;
  std::deque<json> copies_;
  std::set<std::tuple<std::string, std::string, std::string>> names_;
  std::set<std::tuple<std::string, std::string, std::string, std::string, Labels>> seen_;
  /// Selectors of the workloads by namespace, account and first label: walking all for each pod would be quadratic.
  std::map<std::tuple<std::string, std::string, std::string, std::string>, std::vector<Labels>> by_label_;
  ClusterFacts facts_;
};

}  // namespace

PortProtocol ProtocolOfPort(const std::string& transport, const std::string& app_protocol, const std::string& name) {
  if (transport == "UDP") return PortProtocol::kUdp;
  if (transport == "SCTP") return PortProtocol::kTcp;
  std::string word = Lower(app_protocol);
  if (word == "kubernetes.io/h2c" || word == "kubernetes.io/ws") return PortProtocol::kHttp;
  if (word.empty()) {
    word = Lower(name);
    if (!word.starts_with("grpc-web")) word = word.substr(0, word.find('-'));
  }
  if (word.starts_with("grpc-web")) word = "grpc";
  constexpr std::array kHttp = {"http", "http2", "grpc", "h2c"};
  constexpr std::array kTcp = {
      "tcp", "tls", "https", "mongo", "mysql", "redis", "kubernetes.io/wss", "tcp-server-first"};
  if (std::find(kHttp.begin(), kHttp.end(), word) != kHttp.end()) return PortProtocol::kHttp;
  if (std::find(kTcp.begin(), kTcp.end(), word) != kTcp.end()) return PortProtocol::kTcp;
  return PortProtocol::kUnknown;
}

ClusterFacts FactsFromObjects(const std::vector<json>& kubernetes_objects, const FactsOptions& options) {
  Collector collector(options);
  for (const json& object : kubernetes_objects) collector.Open(object);
  return collector.Read();
}

}  // namespace meshplay::facts
