#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "libs/smi/facts.h"
#include "libs/smi/model.h"

namespace meshplay::translate {

/// Objects of a DocumentSet by their places in its vectors, each kind ascending.
struct Members {
  std::vector<std::size_t> targets;
  std::vector<std::size_t> bindings;
  std::vector<std::size_t> http_groups;
  std::vector<std::size_t> tcp_routes;
  std::vector<std::size_t> udp_routes;
  std::vector<std::size_t> splits;
  std::vector<std::size_t> findings;
  std::vector<std::size_t> unreadable;
};

/// What a part can read of the cluster. Names are "namespace/name".
struct FactNames {
  std::set<std::string> accounts;
  std::set<std::string> services;
  std::set<std::string> namespaces;
};

/// Documents that can be translated without the others.
struct Part {
  std::string id;  ///< Stays the same while the part keeps its destination, root or name.
  Members members;
  FactNames facts;
};

/// The parts of a set, in the order of their ids: one for each destination of TrafficTargets, for each group of
/// TrafficSplits that lead to each other, and for each object that none of these refers to. Objects of one name stay
/// together. Facts tell which ServiceAccounts an IdentityBinding with labels stands for, and with `joins_splits` which
/// destinations stand behind the Services of a split: those are of its part.
std::vector<Part> Partition(const smi::DocumentSet& set, const smi::ClusterFacts& facts, bool joins_splits = false);

/// The objects of `members`, their findings included.
smi::DocumentSet Extract(const smi::DocumentSet& set, const Members& members);

/// The members of all parts together, each once.
Members Union(const std::vector<const Members*>& parts);

/// True when `kept` (made by Extract) and the members say the same. The place of a document among the documents of
/// other parts does not count.
bool SameDocuments(const smi::DocumentSet& kept, const smi::DocumentSet& set, const Members& members);

/// Heads of the members, kind by kind as AllHeads.
std::vector<const smi::Head*> HeadsOf(const smi::DocumentSet& set, const Members& members);

}  // namespace meshplay::translate
