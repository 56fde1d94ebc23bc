#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "libs/smi/facts.h"
#include "libs/smi/model.h"
#include "libs/smi/report.h"

namespace meshplay::translate {

struct Emission {
  /// In the order in which they must be applied, and the reverse of that in which they must go.
  std::vector<nlohmann::json> objects;
  /// One for each SMI object, in document order.
  std::vector<smi::SmiReport> reports;
  std::vector<int> waves = {};  ///< When each object is applied, lowest first.
  /// The SMI objects that each object was made for, all of them: texts of smi::ObjectKey::Text(), sorted.
  std::vector<std::vector<std::string>> sources = {};
};

/// Options by their documented names (06 §4.0).
using OptionMap = std::map<std::string, std::string>;

/// One way to say SMI: a mesh's own objects, or the generic Gateway API form.
struct TranslateEmitter {
  std::string name;  ///< "istio", "gamma" and so on.
  /// Pure. Errors: kInvalidArgument SMI_OPTION_UNKNOWN, SMI_OPTION_INVALID; kUnimplemented SMI_OPTION_UNSUPPORTED.
  std::function<Result<Emission>(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const OptionMap& options)>
      emit;
  /// True when what is made for a TrafficSplit and for the destinations behind its Services depends on each other with
  /// these options: they are translated together then. Empty: it never does.
  std::function<bool(const OptionMap& options)> joins_splits = {};
  /// The kinds of which `emit` reads objects of our own in `facts.existing`. What becomes of our other objects there
  /// makes no difference, as long as they stay ours. Not set: any kind.
  std::optional<std::set<std::string>> own_kinds = {};
};

}  // namespace meshplay::translate
