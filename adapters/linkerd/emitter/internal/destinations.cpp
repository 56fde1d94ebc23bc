#include "adapters/linkerd/emitter/internal/destinations.h"

#include <algorithm>

namespace meshplay::linkerd {
namespace {

bool Overlap(const smi::Selection& a, const smi::Selection& b) {
  const auto takes = [](const smi::Selection& x, const smi::Selection& y) {
    return std::any_of(y.workloads.begin(), y.workloads.end(),
                       [&](const smi::Workload* w) { return smi::Selects(x.selector, w->labels); });
  };
  return takes(a, b) || takes(b, a);
}

// As the policy controller reads the path of a probe.
std::string WithoutQuery(const std::string& path) {
  const std::string out = path.substr(0, path.find_first_of("?#"));
  return out.starts_with("/") ? out : "/" + out;
}

void ReadPorts(const ClusterView& view, PodGroup& group) {
  for (const smi::Workload* workload : group.all.workloads) {
    for (const smi::ContainerPort& port : workload->ports) {
      if (!port.udp) group.ports[port.port].declared = true;
    }
    for (const smi::HttpProbe& probe : workload->probes) {
      PodPort& port = group.ports[probe.port];
      port.declared = true;
      port.probes.insert(WithoutQuery(probe.path));
    }
    for (const smi::Service* service : view.ServicesOf(*workload)) {
      for (const smi::ServicePort& port : service->ports) {
        if (port.protocol == smi::PortProtocol::kUdp) continue;
        const auto target = smi::ResolveTargetPort(port, workload->ports);
        if (!target.has_value()) continue;
        PodPort& known = group.ports[*target];
        known.declared = true;
        (port.protocol == smi::PortProtocol::kTcp ? known.says_tcp : known.says_other) = true;
      }
    }
  }
}

}  // namespace

std::vector<PodGroup> GroupsOf(const ClusterView& view, const std::vector<smi::Selection>& selections) {
  std::vector<PodGroup> groups;
  for (const smi::Selection& selection : selections) {
    PodGroup joined;
    joined.selections.push_back(selection);
    for (auto it = groups.begin(); it != groups.end();) {
      const bool overlaps = std::any_of(it->selections.begin(), it->selections.end(),
                                        [&](const smi::Selection& other) { return Overlap(other, selection); });
      if (!overlaps) {
        ++it;
        continue;
      }
      joined.selections.insert(joined.selections.begin(), it->selections.begin(), it->selections.end());
      it = groups.erase(it);
    }
    groups.push_back(std::move(joined));
  }
  for (PodGroup& group : groups) {
    group.all.name = group.selections.front().name;
    for (const smi::Selection& selection : group.selections) {
      group.all.workloads.insert(group.all.workloads.end(), selection.workloads.begin(), selection.workloads.end());
    }
    ReadPorts(view, group);
  }
  return groups;
}

}  // namespace meshplay::linkerd
