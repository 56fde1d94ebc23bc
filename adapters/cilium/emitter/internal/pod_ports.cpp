#include "adapters/cilium/emitter/internal/pod_ports.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace meshplay::cilium {
namespace {

using smi::PortProtocol;
using smi::PortScope;
using smi::Workload;

bool IsOf(const smi::ServicePort& port, Transport transport) {
  return (port.protocol == PortProtocol::kUdp) == (transport == Transport::kUdp);
}

class PortReader {
 public:
  PortReader(const smi::FactsIndex& facts, const smi::Grant& grant)
      : grant_(grant),
        workloads_(facts.WorkloadsOfAccount(grant.destination.namespace_name, grant.destination.service_account)) {
    for (const smi::Service* service : facts.ServicesOf(grant.destination.namespace_name)) {
      const bool own = std::any_of(workloads_.begin(), workloads_.end(), [&](const Workload* workload) {
        return smi::Selects(service->selector, workload->labels);
      });
      if (own) services_.push_back(service);
    }
  }

  PodGroups Run() {
    PodGroups out;
    out.pending = workloads_.empty();
    std::map<smi::Labels, std::vector<const Workload*>> by_selector;
    std::vector<smi::Labels> order;
    for (const Workload* workload : workloads_) {
      std::vector<const Workload*>& group = by_selector[workload->selector];
      if (group.empty()) order.push_back(workload->selector);
      group.push_back(workload);
    }
    if (order.empty()) order.emplace_back();
    for (const smi::Labels& selector : order) {
      const std::vector<const Workload*>& group = by_selector[selector];
      PodGroup& pods = out.groups.emplace_back();
      pods.selector = selector;
      if (!group.empty()) pods.name = group.front()->name;
      pods.tcp = PortsOf(grant_.tcp, Transport::kTcp, group, out.assumed);
      pods.udp = PortsOf(grant_.udp, Transport::kUdp, group, out.assumed);
      LeaveOutAmbiguous(Transport::kTcp, pods, pods.tcp);
      LeaveOutAmbiguous(Transport::kUdp, pods, pods.udp);
    }
    Merge(out);
    return out;
  }

 private:
  std::set<int> PortsOf(const smi::Ports& wanted, Transport transport, const std::vector<const Workload*>& group,
                        std::set<int>& assumed) const {
    std::set<int> ports;
    if (wanted.scope == PortScope::kAny) return AllPorts(transport, group, assumed);
    if (wanted.scope == PortScope::kNone) return ports;
    for (const int number : wanted.ports) {
      bool known = false;
      for (const smi::Service* service : services_) {
        for (const smi::ServicePort& port : service->ports) {
          if (port.port != number || !IsOf(port, transport)) continue;
          known = true;
          AddTargets(*service, port, group, ports);
        }
      }
      if (known) continue;
      ports.insert(number);
      assumed.insert(number);
    }
    return ports;
  }

  // What a workload serves: declared, or behind a port of a Service.
  bool Serves(const Workload& workload, Transport transport, int number) const {
    const bool declared = std::any_of(workload.ports.begin(), workload.ports.end(), [&](const auto& port) {
      return port.port == number && port.udp == (transport == Transport::kUdp);
    });
    return declared || std::any_of(services_.begin(), services_.end(), [&](const smi::Service* service) {
             return smi::Selects(service->selector, workload.labels) &&
                    std::any_of(service->ports.begin(), service->ports.end(), [&](const smi::ServicePort& port) {
                      return IsOf(port, transport) && smi::ResolveTargetPort(port, workload.ports) == number;
                    });
           });
  }

  void LeaveOutAmbiguous(Transport transport, PodGroup& pods, std::set<int>& ports) const {
    const smi::Ports& wanted = transport == Transport::kUdp ? grant_.udp : grant_.tcp;
    if (wanted.scope != PortScope::kListed) return;
    std::set<int> ignored;
    for (const Workload* workload : workloads_) {
      if (workload->selector != pods.selector && !smi::Selects(pods.selector, workload->labels)) continue;
      const std::set<int> own = PortsOf(wanted, transport, {workload}, ignored);
      for (auto it = ports.begin(); it != ports.end();) {
        const bool other = own.count(*it) == 0 && Serves(*workload, transport, *it);
        if (other) pods.ambiguous.insert(*it);
        it = other ? ports.erase(it) : std::next(it);
      }
    }
  }

  std::set<int> AllPorts(Transport transport, const std::vector<const Workload*>& group, std::set<int>& assumed) const {
    std::set<int> ports;
    for (const smi::Service* service : services_) {
      for (const smi::ServicePort& port : service->ports) {
        const bool other_bytes = grant_.http.has_value() && port.protocol == PortProtocol::kTcp;
        if (IsOf(port, transport) && !(transport == Transport::kTcp && other_bytes)) {
          AddTargets(*service, port, group, ports);
        }
      }
    }
    if (!services_.empty()) return ports;
    for (const Workload* workload : group) {
      for (const smi::ContainerPort& port : workload->ports) {
        if (port.udp == (transport == Transport::kUdp)) ports.insert(port.port);
      }
    }
    assumed.insert(ports.begin(), ports.end());
    return ports;
  }

  static void AddTargets(const smi::Service& service, const smi::ServicePort& port,
                         const std::vector<const Workload*>& group, std::set<int>& ports) {
    for (const Workload* workload : group) {
      if (!smi::Selects(service.selector, workload->labels)) continue;
      const std::optional<int> target = smi::ResolveTargetPort(port, workload->ports);
      if (target.has_value()) ports.insert(*target);
    }
  }

  static void Merge(PodGroups& out) {
    const PodGroup& first = out.groups.front();
    const bool same = std::all_of(out.groups.begin(), out.groups.end(), [&](const PodGroup& group) {
      return group.tcp == first.tcp && group.udp == first.udp;
    });
    if (same) {
      for (const PodGroup& group : out.groups) {
        out.groups.front().ambiguous.insert(group.ambiguous.begin(), group.ambiguous.end());
      }
      out.groups.resize(1);
      out.groups.front().selector.clear();
      out.groups.front().name.clear();
      return;
    }
    // Without labels of its own a group would be all pods of the account.
    for (const PodGroup& group : out.groups) {
      if (group.selector.empty()) out.unlabelled.push_back(group.name);
    }
    out.groups.erase(std::remove_if(out.groups.begin(), out.groups.end(),
                                    [](const PodGroup& group) { return group.selector.empty(); }),
                     out.groups.end());
  }

  const smi::Grant& grant_;
  std::vector<const Workload*> workloads_;
  std::vector<const smi::Service*> services_;
};

}  // namespace

PodGroups GroupsOf(const smi::FactsIndex& facts, const smi::Grant& grant) {
  return PortReader(facts, grant).Run();
}

}  // namespace meshplay::cilium
