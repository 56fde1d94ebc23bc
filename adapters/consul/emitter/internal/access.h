#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/consul/emitter/emit.h"
#include "adapters/consul/emitter/internal/catalog.h"

namespace meshplay::consul {

/// Collects what all targets say about each destination service, because Consul takes one ServiceIntentions for each.
class Intentions {
 public:
  explicit Intentions(BaselineMode mode) : mode_(mode) {}

  /// `grant` null: the destination only denies.
  void Add(translate::EmitContext& context, Catalog& catalog, const smi::Head& source, const smi::Identity& destination,
           const smi::Grant* grant, translate::Outcome& outcome);
  void Draft(translate::EmitContext& context, const Catalog& catalog, translate::Outcomes& outcomes) const;

 private:
  struct Caller {
    std::string name;
    bool everything = false;               ///< Any bytes.
    std::vector<nlohmann::json> requests;  ///< Else requests that match any of these.
  };
  struct Destination {
    const smi::Service* service = nullptr;
    std::vector<Caller> callers;  ///< In the order in which they are first named.
    std::vector<const smi::Head*> sources;
    std::set<const smi::Head*> any_bytes;  ///< Sources that allow bytes of any kind.
    bool looks_at_requests = false;
    std::string protocol;  ///< Set when requests are looked at.
  };

  std::vector<NamedService> DestinationServices(translate::EmitContext& context, Catalog& catalog,
                                                const smi::Head& source, const smi::Identity& destination,
                                                translate::Outcome& outcome) const;
  /// Adds what a grant allows at one service. False: HTTP rules for all ports do not concern it, because it carries
  /// TCP.
  bool Allow(translate::EmitContext& context, const Catalog& catalog, const smi::Grant& grant,
             const std::vector<std::string>& callers, Destination& to, translate::Outcome& outcome);
  static Caller& CallerOf(Destination& to, const std::string& name);
  static nlohmann::json SourceOf(const Caller& caller);

  BaselineMode mode_;
  std::map<std::pair<std::string, std::string>, Destination> destinations_;  ///< By namespace and name.
};

void Explain(const smi::Grant& grant, translate::Outcome& outcome);

}  // namespace meshplay::consul
