#pragma once

#include <set>
#include <vector>

#include "libs/smi/facts.h"
#include "libs/smi/resolve.h"

namespace meshplay::legacy {

/// A Service port that leads to one workload of a ServiceAccount. UDP is left out.
struct DestinationPort {
  const smi::Workload* workload = nullptr;
  const smi::Service* service = nullptr;
  int service_port = 0;
  int pod_port = 0;
  smi::PortProtocol protocol = smi::PortProtocol::kUnknown;
  bool named = false;  ///< The Service names the container's port instead of giving its number.
};

std::vector<DestinationPort> PortsOf(const smi::FactsIndex& facts, const smi::Identity& destination);

/// What a grant's ports are at its destination.
struct ChosenPorts {
  std::vector<DestinationPort> ports;
  std::set<int> assumed;  ///< Of no Service: taken for pod ports.
};

/// A listed number is a Service port first, then a pod port.
ChosenPorts Choose(const std::vector<DestinationPort>& all, const smi::Ports& wanted);

/// True when opening `pod_port` at every workload would open more than was chosen: another workload of the
/// ServiceAccount has it behind a Service port that was not.
bool OpensMore(const std::vector<DestinationPort>& all, const ChosenPorts& chosen, int pod_port);

}  // namespace meshplay::legacy
