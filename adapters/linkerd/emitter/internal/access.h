#pragma once

#include <map>
#include <string>
#include <utility>

#include "adapters/linkerd/emitter/internal/destinations.h"
#include "adapters/translate/translation.h"

namespace meshplay::linkerd {

/// Collects the TrafficTargets of each destination, because Linkerd's routes and Servers are those of all of them.
class AccessWriter {
 public:
  explicit AccessWriter(bool strict) : strict_(strict) {}

  /// Keeps a reference to `grant`.
  void Add(const smi::Grant& grant, translate::Outcome& outcome);
  /// The destination denies all the same.
  void AddInvalid(const smi::TrafficTarget& target, translate::Outcome& outcome);
  void Draft(translate::EmitContext& context, translate::Outcomes& outcomes) const;

 private:
  void DraftDestination(translate::EmitContext& context, const ClusterView& view, const Destination& destination,
                        translate::Outcomes& outcomes) const;
  void DraftNamespace(translate::EmitContext& context, const ClusterView& view, const std::string& namespace_name,
                      translate::Outcomes& outcomes) const;

  bool strict_;
  std::map<std::pair<std::string, std::string>, Destination> destinations_;  ///< By namespace and ServiceAccount.
};

}  // namespace meshplay::linkerd
