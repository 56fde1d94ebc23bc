#include "adapters/legacy/emitter/internal/ports.h"

#include <algorithm>

namespace meshplay::legacy {

std::vector<DestinationPort> PortsOf(const smi::FactsIndex& facts, const smi::Identity& destination) {
  std::vector<DestinationPort> out;
  const auto workloads = facts.WorkloadsOfAccount(destination.namespace_name, destination.service_account);
  for (const smi::Workload* workload : workloads) {
    for (const smi::Service* service : facts.ServicesOf(destination.namespace_name)) {
      if (!smi::Selects(service->selector, workload->labels)) continue;
      for (const smi::ServicePort& port : service->ports) {
        if (port.protocol == smi::PortProtocol::kUdp) continue;
        const std::optional<int> target = smi::ResolveTargetPort(port, workload->ports);
        if (!target.has_value()) continue;
        out.push_back({workload, service, port.port, *target, port.protocol, !port.target_port_name.empty()});
      }
    }
  }
  return out;
}

ChosenPorts Choose(const std::vector<DestinationPort>& all, const smi::Ports& wanted) {
  ChosenPorts out;
  if (wanted.scope == smi::PortScope::kAny) out.ports = all;
  if (wanted.scope != smi::PortScope::kListed) return out;
  for (const int number : wanted.ports) {
    bool found = false;
    for (const auto field : {&DestinationPort::service_port, &DestinationPort::pod_port}) {
      for (const DestinationPort& port : all) {
        if (port.*field != number) continue;
        out.ports.push_back(port);
        found = true;
      }
      if (found) break;
    }
    if (!found) out.assumed.insert(number);
  }
  return out;
}

bool OpensMore(const std::vector<DestinationPort>& all, const ChosenPorts& chosen, int pod_port) {
  return std::any_of(all.begin(), all.end(), [&](const DestinationPort& port) {
    if (port.pod_port != pod_port) return false;
    return std::none_of(chosen.ports.begin(), chosen.ports.end(), [&](const DestinationPort& other) {
      return other.pod_port == pod_port && other.workload == port.workload;
    });
  });
}

}  // namespace meshplay::legacy
