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
  void Draft(translate::EmitContext& context, translate::Outcomes& outcomes);

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
  using Account = std::pair<std::string, std::string>;  ///< (namespace, name)
  using ServiceName = std::pair<std::string, std::string>;
  using Allowed = std::set<std::pair<const smi::Workload*, int>>;

  const std::vector<const smi::Workload*>& Selected(const translate::EmitContext& context, const smi::Service& service);
  std::set<std::string> AccountsBehind(const translate::EmitContext& context,
                                       const std::vector<const smi::Service*>& services);
  std::vector<const smi::Service*> EndsOf(const smi::Service& service) const;
  void FindWays(const translate::EmitContext& context);
  void DraftTarget(translate::EmitContext& context, const Destination& to, translate::Outcome& outcome);
  std::set<Waypoint> DraftWays(translate::EmitContext& context, const Destination& to, const smi::Selections& selected,
                               translate::Outcome& outcome);
  nlohmann::json RulesFor(const translate::EmitContext& context, const Destination& to, const Way& way,
                          const Allowed& allowed, translate::Outcome& outcome);

  const EmitOptions& options_;
  std::vector<Destination> destinations_;
  std::set<Account> guarded_;
  std::map<ServiceName, std::vector<const smi::Service*>> splits_;  ///< Root to the Services that take its requests.
  std::map<const smi::Service*, std::vector<const smi::Workload*>> selected_;  ///< What was asked for already.
  std::map<Account, std::vector<Way>> ways_;
};

}  // namespace meshplay::istio
