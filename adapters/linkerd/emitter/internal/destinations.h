#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "adapters/linkerd/emitter/internal/cluster_view.h"
#include "libs/smi/resolve.h"

namespace meshplay::linkerd {

/// A ServiceAccount and all that names it as destination.
struct Destination {
  smi::Identity account;
  std::vector<const smi::Grant*> grants;
  std::vector<const smi::Head*> targets;  ///< Of the grants, and those of invalid targets.
};

/// What is known of one port of pods.
struct PodPort {
  bool declared = false;         ///< A container, a Service or a probe names it.
  bool says_tcp = false;         ///< A Service says that it carries no HTTP,
  bool says_other = false;       ///< or that it may.
  std::set<std::string> probes;  ///< Paths of HTTP probes, without query.
};

/// Pods whose selectors overlap: of two Servers that take the same port of a pod the older one wins, so all selectors
/// of a group get the same Servers.
struct PodGroup {
  std::vector<smi::Selection> selections;
  smi::Selection all;  ///< The workloads of all of them; for port resolution.
  std::map<int, PodPort> ports;
};

std::vector<PodGroup> GroupsOf(const ClusterView& view, const std::vector<smi::Selection>& selections);

}  // namespace meshplay::linkerd
