#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/translate/internal/fact_changes.h"
#include "adapters/translate/internal/merge.h"

namespace meshplay::translate {

/// Keeps the baselines of namespaces in step: a part for each ServiceAccount that pods run as and no target guards, in
/// every namespace where some target guards another one. Such a part depends on what the cluster has of its account;
/// the targets matter as owners only, which is merged and not translated.
class Baselines {
 public:
  /// A target, and the ServiceAccount that it guards: "namespace/name". In document order.
  using Guards = std::vector<std::pair<const smi::Head*, std::string>>;

  /// What `Update` looks at anew.
  struct Dirt {
    const FactChanges* changes = nullptr;   ///< Null: nothing in the cluster has changed since the last call.
    const std::vector<std::string>& alone;  ///< Parts to translate anew all the same.
  };

  /// Translates what has changed and puts it into `merged`. Returns how many accounts were given to the emitter.
  Result<std::size_t> Update(const BaselineEmitter& emitter, const Guards& guards, const smi::ClusterFacts& facts,
                             const OptionMap& options, const Dirt& dirt, MergedObjects& merged);

  std::size_t parts() const { return kept_.size(); }
  /// Adds to the report of a target what the baseline of its namespace says of it.
  void AddTo(const smi::Head& target, smi::SmiReport& report) const;
  void Clear();

 private:
  /// A namespace as it is now.
  struct Home {
    std::vector<const smi::Head*> owners;  ///< Sources of its objects, sorted by name.
    std::vector<std::string> owner_texts;
    std::string only_owner;          ///< What an owner reference would hold of a single owner.
    std::set<std::string> accounts;  ///< Those of the baseline.
    std::vector<smi::Diagnostic> notices;
    std::vector<smi::ObjectKey> keys;  ///< Of all its objects, in the order in which they are applied.
  };
  struct Kept {
    std::string only_owner;
    std::vector<Contribution> contributions;
    std::vector<smi::Diagnostic> notices;
  };

  void FindHomes(const Guards& guards, const smi::ClusterFacts& facts);
  Result<std::size_t> UpdateHome(const BaselineEmitter& emitter, const std::string& namespace_name, Home& home,
                                 const smi::ClusterFacts& facts, const OptionMap& options, const Dirt& dirt,
                                 MergedObjects& merged);
  void Summarise(const std::string& namespace_name, Home& home) const;

  std::map<std::string, Home> homes_;
  std::unordered_map<const smi::Head*, const Home*> home_of_;
  std::map<std::string, Kept> kept_;  ///< By the id of the part.
};

}  // namespace meshplay::translate
