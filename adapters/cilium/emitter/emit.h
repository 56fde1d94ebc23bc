#pragma once

#include <string_view>

#include "adapters/translate/common_options.h"
#include "adapters/translate/emitter.h"

namespace meshplay::cilium {

/// kScoped: destinations of TrafficTargets deny by default. kStrict: so does every pod of their namespaces.
enum class BaselineMode { kScoped, kStrict };

struct EmitOptions {
  translate::CommonOptions common;
  BaselineMode mode = BaselineMode::kScoped;
  bool route_regex = true;  ///< False: a split that needs a regular expression is not applied.
};

/// Sets one option by its documented name: the common ones, mode, gamma.regex (splits are routes of the Gateway API).
/// trustDomain and clusterDomain are taken and have no meaning: Cilium knows callers by their labels.
/// Errors: kInvalidArgument SMI_OPTION_UNKNOWN, SMI_OPTION_INVALID.
Status SetOption(EmitOptions& options, std::string_view name, std::string_view value);

/// Translates SMI to Cilium (06 §4.5): a TrafficTarget to a CiliumNetworkPolicy that selects the pods of the
/// destination by their ServiceAccount, a TrafficSplit to HTTPRoutes of the Service (GAMMA), exactly or not at all.
///
/// Cilium matches paths with their query string and POSIX extended regular expressions; a path expression outside that
/// dialect makes its target NONE (REGEX_INVALID). Headers can only be compared as a whole or asked for: a match with
/// any other header condition allows nothing (NARROWED) unless `allow_widening`. A split of which all weights are zero
/// is not applied. Errors: kInvalidArgument SMI_OPTION_INVALID. Threads: any; pure.
Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options);

/// For the command `translate`.
translate::TranslateEmitter Emitter();

}  // namespace meshplay::cilium
