#include <algorithm>
#include <cctype>
#include <set>

#include "libs/smi/resolve.h"

namespace meshplay::smi {
namespace {

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::set<const Service*> ServicesOfAccount(const FactsIndex& facts, const Identity& account) {
  std::set<const Service*> services;
  for (const Workload* workload : facts.WorkloadsOfAccount(account.namespace_name, account.service_account)) {
    for (const Service* service : facts.ServicesSelecting(*workload)) services.insert(service);
  }
  return services;
}

/// What one workload serves: the pod ports behind its Services' ports, and the declared ones.
struct Served {
  std::set<int> wanted;
  std::set<int> all;
};

Served ServedBy(const Workload& workload, const std::set<const Service*>& services, const std::vector<int>& wanted,
                const std::vector<int>& assumed) {
  Served out;
  out.wanted.insert(assumed.begin(), assumed.end());
  for (const ContainerPort& port : workload.ports) {
    if (!port.udp) out.all.insert(port.port);
  }
  for (const Service* service : services) {
    if (!Selects(service->selector, workload.labels)) continue;
    for (const ServicePort& port : service->ports) {
      const std::optional<int> target = ResolveTargetPort(port, workload.ports);
      if (port.protocol == PortProtocol::kUdp || !target.has_value()) continue;
      out.all.insert(*target);
      if (std::find(wanted.begin(), wanted.end(), port.port) != wanted.end()) out.wanted.insert(*target);
    }
  }
  return out;
}

}  // namespace

Selections SelectWorkloads(const FactsIndex& facts, const Identity& destination, const std::string& pointer,
                           std::vector<Diagnostic>& diagnostics) {
  Selections out;
  std::map<Labels, Selection> by_selector;
  std::vector<Labels> order;
  std::set<std::string> names;
  for (const Workload* workload : facts.WorkloadsOfAccount(destination.namespace_name, destination.service_account)) {
    if (by_selector.count(workload->selector) == 0) order.push_back(workload->selector);
    Selection& selection = by_selector[workload->selector];
    if (selection.workloads.empty()) {
      selection.name = workload->name;
      if (!names.insert(selection.name).second) selection.name += "/" + LowerCase(workload->kind);
    }
    selection.selector = workload->selector;
    selection.workloads.push_back(workload);
  }
  for (const Labels& selector : order) {
    Selection& selection = by_selector[selector];
    const Workload* foreign = nullptr;
    for (const Workload* other : facts.WorkloadsSelectedBy(destination.namespace_name, selector)) {
      if (other->service_account != destination.service_account) foreign = other;
      if (other->selector != selector) selection.others.push_back(other);
    }
    if (foreign == nullptr && !selector.empty()) {
      out.selections.push_back(std::move(selection));
      continue;
    }
    out.left_out = true;
    const std::string what = selection.workloads.front()->kind + " " + selection.name;
    const std::string why = foreign == nullptr ? " has no labels to select it by"
                                               : " is selected by labels that also select " + foreign->kind + " " +
                                                     foreign->name + " of ServiceAccount " + foreign->service_account;
    diagnostics.push_back({"SELECTOR_OVERLAP", Severity::kWarning, pointer, what + why, ""});
  }
  return out;
}

PodPorts ResolvePodPorts(const FactsIndex& facts, const Identity& destination, const Selection& selection,
                         const std::vector<int>& service_ports) {
  const std::set<const Service*> services = ServicesOfAccount(facts, destination);
  PodPorts out;
  for (const int wanted : service_ports) {
    const bool known = std::any_of(services.begin(), services.end(), [&](const Service* service) {
      return std::any_of(service->ports.begin(), service->ports.end(), [&](const ServicePort& port) {
        return port.port == wanted && port.protocol != PortProtocol::kUdp;
      });
    });
    if (!known) out.assumed.push_back(wanted);
  }
  std::set<int> ports(out.assumed.begin(), out.assumed.end());
  std::vector<Served> pods;
  for (const Workload* workload : selection.workloads) {
    pods.push_back(ServedBy(*workload, services, service_ports, out.assumed));
    ports.insert(pods.back().wanted.begin(), pods.back().wanted.end());
  }
  for (const Workload* workload : selection.others) {
    pods.push_back(ServedBy(*workload, services, service_ports, out.assumed));
  }
  for (const int port : ports) {
    const bool other = std::any_of(pods.begin(), pods.end(), [port](const Served& pod) {
      return pod.all.count(port) != 0 && pod.wanted.count(port) == 0;
    });
    (other ? out.ambiguous : out.ports).push_back(port);
  }
  return out;
}

}  // namespace meshplay::smi
