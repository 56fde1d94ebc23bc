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
  /// For each report the ServiceAccount, "namespace/name", that a TrafficTarget makes deny by default; empty for other
  /// objects, and for all where the mesh's emitter has no BaselineEmitter.
  std::vector<std::string> guarded = {};
};

/// Options by their documented names (06 §4.0).
using OptionMap = std::map<std::string, std::string>;

/// Asks for the baseline of ServiceAccounts that pods run as and no TrafficTarget guards.
struct BaselineRequest {
  std::string namespace_name;
  std::vector<std::string> accounts;
  std::vector<const smi::Head*> owners;  ///< Sources of its objects (BaselineOwners of the namespace's targets).
};

struct AccountBaseline {
  std::vector<nlohmann::json> objects;
  std::vector<int> waves;                ///< Of each object; after all waves of other objects.
  std::vector<smi::Diagnostic> notices;  ///< For all targets of the namespace; pointers are relative to their specs.
};

/// Takes apart a mode in which all ServiceAccounts of a namespace deny when a TrafficTarget guards one of them, each by
/// objects of its own. What `emit` of the TranslateEmitter gives is what these two give together.
struct BaselineEmitter {
  std::function<bool(const OptionMap& options)> applies;
  /// Everything but the baseline. Errors: those of TranslateEmitter::emit.
  std::function<Result<Emission>(const smi::DocumentSet& set, const smi::ClusterFacts& facts, const OptionMap& options)>
      emit;
  /// One for each account of the request. It may depend on the owners, and on what of the facts is connected with the
  /// account: its workloads, and the Services and workloads that these lead to.
  std::function<Result<std::vector<AccountBaseline>>(const BaselineRequest& request, const smi::ClusterFacts& facts,
                                                     const OptionMap& options)>
      rest;
};

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
  std::optional<BaselineEmitter> baseline = {};
  std::string oldest_version = {};  ///< "major.minor" of the oldest mesh that takes the objects; empty: any.
};

}  // namespace meshplay::translate
