#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "adapters/translate/emitter.h"

namespace meshplay::translate {

/// One object as a part asks for it.
struct Contribution {
  int wave = 0;
  std::shared_ptr<const nlohmann::json> object;  ///< As emitted, perhaps together with other parts.
  std::vector<std::string> object_sources;       ///< Those that it was emitted for, sorted.
  std::vector<std::string> sources;              ///< Of these, the part's own.
};

/// Of an object as emitted.
smi::ObjectKey KeyOf(const nlohmann::json& object);

/// The objects of all parts, merged: one that several parts ask for is one object with the sources of all.
class MergedObjects {
 public:
  /// Takes what a part asks for, in place of what it asked for before.
  void Put(const std::string& part, const std::vector<Contribution>& contributions);
  void Remove(const std::string& part);

  /// Builds what has changed. False when parts contradict each other: the same object with another content or wave.
  /// `alone` gets the parts that must be translated anew without the others: their objects were made together with a
  /// part that no longer asks for them.
  bool Merge(std::vector<std::string>& alone);

  void WriteTo(Emission& emission) const;
  const std::vector<smi::ObjectKey>& KeysOf(const std::string& part) const;
  void Clear();

 private:
  // As drafts are sorted.
  using Place = std::tuple<int, std::string, std::string, std::string, std::string>;
  struct Slot {
    std::map<std::string, Contribution> parts;
    nlohmann::json merged;
    std::vector<std::string> sources;
  };

  static bool Build(Slot& slot, std::vector<std::string>& alone);

  std::map<Place, Slot> slots_;
  std::map<smi::ObjectKey, std::size_t> names_;  ///< In how many places an object stands.
  std::map<std::string, std::vector<Place>> places_;
  std::map<std::string, std::vector<smi::ObjectKey>> keys_;
  std::map<Place, bool> changed_;
};

/// Distributes the objects of an emission over the parts that its sources belong to. False when an object has no
/// sources, or one of none of the parts.
bool Distribute(Emission& emission, const std::multimap<std::string, std::size_t>& parts_by_source,
                std::vector<std::vector<Contribution>>& contributions);

}  // namespace meshplay::translate
