#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace meshplay::smi {

using Labels = std::map<std::string, std::string>;

/// What a port speaks, as the platform's port names and appProtocol say.
enum class PortProtocol {
  kHttp,  ///< HTTP/1, HTTP/2 or gRPC in clear text: requests can be told apart.
  kTcp,   ///< Bytes, TLS included.
  kUdp,
  kUnknown,  ///< Nothing is said: a mesh finds out by looking.
};

struct ServicePort {
  std::string name;
  int port = 0;
  int target_port = 0;           ///< 0 when the target is a name; equal to `port` when the Service says nothing.
  std::string target_port_name;  ///< Name of a container port, or empty.
  PortProtocol protocol = PortProtocol::kUnknown;
  bool operator==(const ServicePort&) const = default;
};

struct Service {
  std::string namespace_name;
  std::string name;
  Labels labels;
  Labels selector;
  std::vector<ServicePort> ports;
  bool headless = false;
  bool external_name = false;
  Labels annotations;  ///< Those by which a mesh reads the Service: `mesh.traefik.io/...`.
  bool operator==(const Service&) const = default;
};

struct ContainerPort {
  std::string name;
  int port = 0;
  bool udp = false;
  bool operator==(const ContainerPort&) const = default;
};

/// An HTTP probe of a workload's containers.
struct HttpProbe {
  std::string path;
  int port = 0;
  bool operator==(const HttpProbe&) const = default;
};

/// A controller or a bare pod, seen by its pod template.
struct Workload {
  std::string kind;  ///< "Deployment", "Pod" and so on.
  std::string namespace_name;
  std::string name;
  Labels labels;    ///< Of the pods.
  Labels selector;  ///< Selects the pods; never empty unless the pods have no labels at all.
  std::string service_account = "default";
  std::vector<ContainerPort> ports;
  std::vector<HttpProbe> probes;
  std::vector<std::string> arguments;  ///< Of all containers; only of workloads that may be a mesh's own.
  Labels annotations;                  ///< Of the pods: those by which a mesh decides whether and how it carries them.
  bool host_network = false;           ///< The pods use the network of their node.
  bool operator==(const Workload&) const = default;
};

/// The neutral view of a cluster that validation and emitters need. Made by adapters from live objects, or by
/// `translate` from manifests. A missing fact means the documented default.
struct ClusterFacts {
  std::vector<Service> services;
  std::vector<Workload> workloads;
  std::set<std::pair<std::string, std::string>> service_accounts;  ///< (namespace, name)
  std::set<std::string> namespaces;
  std::map<std::string, Labels> namespace_labels;                ///< Of namespaces that have any.
  std::map<std::string, std::set<std::string>> served_versions;  ///< "group/Kind" to versions.
  std::set<std::string> api_fields;      ///< "group/Kind:field.path": fields that matter and exist in the live schema.
  std::vector<nlohmann::json> existing;  ///< Objects of the kinds an emitter asked for, whole.
  std::string mesh_version;
  std::string trust_domain = "cluster.local";
  std::string cluster_domain = "cluster.local";
};

bool Selects(const Labels& selector, const Labels& labels);  ///< False for an empty selector.

/// The pod port behind a Service port: the number, or the container port of that name with the same transport.
std::optional<int> ResolveTargetPort(const ServicePort& port, const std::vector<ContainerPort>& container_ports);

/// Finds things in facts without walking them all; lists are by name, whatever the order of the facts. Ownership: keeps
/// a reference; `facts` must outlive it unchanged.
class FactsIndex {
 public:
  explicit FactsIndex(const ClusterFacts& facts);
  const ClusterFacts& facts() const { return facts_; }
  const Service* FindService(std::string_view namespace_name, std::string_view name) const;
  const std::vector<const Service*>& ServicesOf(const std::string& namespace_name) const;
  const std::vector<const Workload*>& WorkloadsOf(const std::string& namespace_name) const;
  const std::vector<const Workload*>& WorkloadsOfAccount(const std::string& namespace_name,
                                                         const std::string& service_account) const;
  /// The workloads whose pods carry all the labels of the selector; none for an empty one.
  std::vector<const Workload*> WorkloadsSelectedBy(const std::string& namespace_name, const Labels& selector) const;
  /// The Services that select a workload's pods.
  std::vector<const Service*> ServicesSelecting(const Workload& workload) const;
  /// An object of `existing` by kind, namespace and name, in any version of the group; nullptr when there is none.
  const nlohmann::json* FindExisting(std::string_view group, const std::string& kind, const std::string& namespace_name,
                                     const std::string& name) const;

 private:
  const ClusterFacts& facts_;
  std::map<std::pair<std::string, std::string>, const Service*, std::less<>> services_;
  std::map<std::string, std::vector<const Service*>> services_by_namespace_;
  std::map<std::string, std::vector<const Workload*>> workloads_by_namespace_;
  std::unordered_map<std::string, std::vector<const Workload*>> workloads_by_account_;
  std::unordered_map<std::string, std::vector<const Workload*>> workloads_by_label_;
  std::unordered_map<std::string, std::vector<const Service*>> services_by_label_;  ///< Of the selector's first one.
  std::map<std::string, const nlohmann::json*> existing_;
};

}  // namespace meshplay::smi
