#pragma once

#include <set>
#include <string>
#include <vector>

#include "libs/smi/resolve.h"

namespace meshplay::cilium {

enum class Transport { kTcp, kUdp };

/// Pods of one ServiceAccount that one label selector stands for, and the ports of theirs that a grant opens.
struct PodGroup {
  smi::Labels selector;  ///< Empty: all pods of the ServiceAccount.
  std::string name;      ///< Of the first workload.
  std::set<int> tcp;
  std::set<int> udp;
  std::set<int> ambiguous;  ///< Left out: something else at another pod that the selector takes too.
};

struct PodGroups {
  std::vector<PodGroup> groups;         ///< One without a selector when the ports of all pods are the same.
  std::set<int> assumed;                ///< Ports that no Service has, or of containers behind no Service at all.
  bool pending = false;                 ///< No workload runs as the ServiceAccount yet.
  std::vector<std::string> unlabelled;  ///< Workloads without labels that need a group of their own; left out.
};

/// The pod ports that a grant opens. "All ports" are those of the Services of the ServiceAccount: Cilium has no way to
/// say "any TCP port", and requests can be checked on named ports only. For requests, ports that say they carry other
/// bytes are left out of "all".
PodGroups GroupsOf(const smi::FactsIndex& facts, const smi::Grant& grant);

}  // namespace meshplay::cilium
