#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/istio/emitter/internal/policies.h"
#include "adapters/istio/emitter/internal/waypoint.h"

namespace meshplay::istio {

/// Ambient mode. ztunnel guards pods by who calls on which port; what a request says is checked by the waypoint of the
/// Service that it is sent to. A waypoint calls pods in its own name, so ztunnel must let it in, and then everything
/// that leads through the waypoint to those pods must be guarded there: all Services of the pods, and the roots of
/// splits that lead to them. Hence nothing is drafted before all targets and splits are known.
class AmbientMode {
 public:
  explicit AmbientMode(const EmitOptions& options) : options_(options) {}

  /// `grant` null: the destination only denies.
  void Target(const smi::Head& source, const smi::Identity& destination, const smi::Grant* grant);
  void Split(translate::EmitContext& context, const smi::Split& split, translate::Outcome& outcome);
  void Draft(translate::EmitContext& context, translate::Outcomes& outcomes) const;

 private:
  struct Destination {
    const smi::Head* source = nullptr;
    smi::Identity identity;
    const smi::Grant* grant = nullptr;
  };
  /// A Service that leads to a destination.
  struct Way {
    const smi::Service* service = nullptr;
    std::vector<const smi::Service*> ends;  ///< The Services whose pods take its requests.
    std::optional<Waypoint> waypoint;
    bool shared = false;  ///< It leads to pods of other ServiceAccounts too.
  };
  using ServiceName = std::pair<std::string, std::string>;
  using Allowed = std::set<std::pair<const smi::Workload*, int>>;

  std::vector<const smi::Service*> EndsOf(const translate::EmitContext& context, const smi::Service& service) const;
  std::vector<Way> WaysTo(const translate::EmitContext& context, const smi::Identity& destination) const;
  void DraftTarget(translate::EmitContext& context, const Destination& to, translate::Outcome& outcome) const;
  std::set<Waypoint> DraftWays(translate::EmitContext& context, const Destination& to, const smi::Selections& selected,
                               translate::Outcome& outcome) const;
  nlohmann::json RulesFor(const translate::EmitContext& context, const Destination& to, const Way& way,
                          const Allowed& allowed, translate::Outcome& outcome) const;

  const EmitOptions& options_;
  std::vector<Destination> destinations_;
  std::set<std::pair<std::string, std::string>> guarded_;           ///< (namespace, ServiceAccount)
  std::map<ServiceName, std::vector<const smi::Service*>> splits_;  ///< Root to the Services that take its requests.
};

}  // namespace meshplay::istio
