#include "libs/smi/facts.h"

#include <algorithm>
#include <tuple>

namespace meshplay::smi {
namespace {

using nlohmann::json;

std::string TextAt(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::string ExistingKey(std::string_view group, const std::string& kind, const std::string& namespace_name,
                        const std::string& name) {
  return std::string(group) + "|" + kind + "|" + namespace_name + "|" + name;
}

std::string LabelKey(const std::string& namespace_name, const std::string& key, const std::string& value) {
  return namespace_name + "/" + key + "=" + value;
}

bool ComesFirst(const Service* a, const Service* b) {
  return std::tie(a->namespace_name, a->name) < std::tie(b->namespace_name, b->name);
}

bool ComesFirst(const Workload* a, const Workload* b) {
  return std::tie(a->namespace_name, a->name, a->kind) < std::tie(b->namespace_name, b->name, b->kind);
}

template <class T>
std::vector<const T*> InOrder(const std::vector<T>& objects) {
  std::vector<const T*> sorted;
  sorted.reserve(objects.size());
  for (const T& object : objects) sorted.push_back(&object);
  std::stable_sort(sorted.begin(), sorted.end(), [](const T* a, const T* b) { return ComesFirst(a, b); });
  return sorted;
}

template <class T>
const std::vector<const T*>& ListAt(const std::unordered_map<std::string, std::vector<const T*>>& in,
                                    const std::string& key) {
  static const std::vector<const T*> kNone;
  const auto it = in.find(key);
  return it == in.end() ? kNone : it->second;
}

}  // namespace

bool Selects(const Labels& selector, const Labels& labels) {
  if (selector.empty()) return false;
  for (const auto& [key, value] : selector) {
    const auto it = labels.find(key);
    if (it == labels.end() || it->second != value) return false;
  }
  return true;
}

std::optional<int> ResolveTargetPort(const ServicePort& port, const std::vector<ContainerPort>& container_ports) {
  if (port.target_port_name.empty()) return port.target_port != 0 ? port.target_port : port.port;
  for (const ContainerPort& candidate : container_ports) {
    const bool same_transport = candidate.udp == (port.protocol == PortProtocol::kUdp);
    if (candidate.name == port.target_port_name && same_transport) return candidate.port;
  }
  return std::nullopt;
}

FactsIndex::FactsIndex(const ClusterFacts& facts) : facts_(facts) {
  for (const Service* service : InOrder(facts.services)) {
    services_.emplace(std::make_pair(service->namespace_name, service->name), service);
    services_by_namespace_[service->namespace_name].push_back(service);
    if (service->selector.empty()) continue;
    const auto& [key, value] = *service->selector.begin();
    services_by_label_[LabelKey(service->namespace_name, key, value)].push_back(service);
  }
  for (const Workload* workload : InOrder(facts.workloads)) {
    workloads_by_namespace_[workload->namespace_name].push_back(workload);
    workloads_by_account_[workload->namespace_name + "/" + workload->service_account].push_back(workload);
    for (const auto& [key, value] : workload->labels) {
      workloads_by_label_[LabelKey(workload->namespace_name, key, value)].push_back(workload);
    }
  }
  for (const json& object : facts.existing) {
    const std::string api_version = TextAt(object, "apiVersion");
    const std::size_t slash = api_version.find('/');
    const std::string group = slash == std::string::npos ? "" : api_version.substr(0, slash);
    const auto metadata = object.is_object() ? object.find("metadata") : object.end();
    if (metadata == object.end()) continue;
    existing_.emplace(
        ExistingKey(group, TextAt(object, "kind"), TextAt(*metadata, "namespace"), TextAt(*metadata, "name")), &object);
  }
}

const Service* FactsIndex::FindService(std::string_view namespace_name, std::string_view name) const {
  const auto it = services_.find(std::make_pair(std::string(namespace_name), std::string(name)));
  return it == services_.end() ? nullptr : it->second;
}

const std::vector<const Service*>& FactsIndex::ServicesOf(const std::string& namespace_name) const {
  static const std::vector<const Service*> kNone;
  const auto it = services_by_namespace_.find(namespace_name);
  return it == services_by_namespace_.end() ? kNone : it->second;
}

const std::vector<const Workload*>& FactsIndex::WorkloadsOf(const std::string& namespace_name) const {
  static const std::vector<const Workload*> kNone;
  const auto it = workloads_by_namespace_.find(namespace_name);
  return it == workloads_by_namespace_.end() ? kNone : it->second;
}

const std::vector<const Workload*>& FactsIndex::WorkloadsOfAccount(const std::string& namespace_name,
                                                                   const std::string& service_account) const {
  return ListAt(workloads_by_account_, namespace_name + "/" + service_account);
}

std::vector<const Workload*> FactsIndex::WorkloadsSelectedBy(const std::string& namespace_name,
                                                             const Labels& selector) const {
  // The label that the fewest carry.
  const std::vector<const Workload*>* candidates = nullptr;
  for (const auto& [key, value] : selector) {
    const auto& list = ListAt(workloads_by_label_, LabelKey(namespace_name, key, value));
    if (candidates == nullptr || list.size() < candidates->size()) candidates = &list;
  }
  std::vector<const Workload*> out;
  if (candidates == nullptr) return out;
  for (const Workload* workload : *candidates) {
    if (Selects(selector, workload->labels)) out.push_back(workload);
  }
  return out;
}

std::vector<const Service*> FactsIndex::ServicesSelecting(const Workload& workload) const {
  std::vector<const Service*> out;
  for (const auto& [key, value] : workload.labels) {
    const auto& list = ListAt(services_by_label_, LabelKey(workload.namespace_name, key, value));
    for (const Service* service : list) {
      if (Selects(service->selector, workload.labels)) out.push_back(service);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Service* a, const Service* b) { return ComesFirst(a, b); });
  return out;
}

const json* FactsIndex::FindExisting(std::string_view group, const std::string& kind, const std::string& namespace_name,
                                     const std::string& name) const {
  const auto it = existing_.find(ExistingKey(group, kind, namespace_name, name));
  return it == existing_.end() ? nullptr : it->second;
}

}  // namespace meshplay::smi
