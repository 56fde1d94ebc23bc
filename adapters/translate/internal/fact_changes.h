#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "adapters/translate/internal/parts.h"
#include "libs/smi/facts.h"

namespace meshplay::translate {

/// What has changed between two looks at a cluster, as far as parts can tell.
struct FactChanges {
  bool everything = false;
  FactNames names;                  ///< Accounts, Services and namespaces whose parts must be looked at again.
  std::set<std::string> namesakes;  ///< Names of Services: accounts of that name, in whatever namespace, are concerned.
  std::set<smi::ObjectKey> own;     ///< Objects of ours that came, went or changed.
  std::set<std::string> own_sources;  ///< The SMI objects that those name.
  bool any() const {
    return everything || !own.empty() || !names.accounts.empty() || !names.services.empty() ||
           !names.namespaces.empty() || !namesakes.empty();
  }
};

/// Keeps a copy of the facts and tells what is new. Ownership: keeps no reference.
class FactMemory {
 public:
  /// Compares with the last call and remembers. `owner` is the owner of our objects, empty when it is not known yet;
  /// of these only `own_kinds` count (TranslateEmitter::own_kinds).
  FactChanges Update(const smi::ClusterFacts& facts, const std::string& owner,
                     const std::optional<std::set<std::string>>& own_kinds);
  void Forget() { known_ = false; }

 private:
  void CompareExisting(const std::vector<nlohmann::json>& existing, const std::string& owner,
                       const std::optional<std::set<std::string>>& own_kinds, FactChanges& changes);

  bool known_ = false;
  smi::ClusterFacts facts_;  ///< Without `existing`.
  std::map<smi::ObjectKey, nlohmann::json> existing_;
};

bool Touches(const FactChanges& changes, const FactNames& names);

}  // namespace meshplay::translate
