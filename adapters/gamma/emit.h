#pragma once

#include <string>
#include <string_view>

#include "adapters/translate/common_options.h"
#include "adapters/translate/emitter.h"

namespace meshplay::gamma {

enum class RegexUse { kAllowedList, kAlways, kNever };

struct EmitOptions {
  translate::CommonOptions common;
  RegexUse regex = RegexUse::kAllowedList;
  std::string implementation;  ///< The mesh that reads the routes: "istio", "kuma", "cilium", "linkerd"; may be empty.
};

/// Sets one option by its documented name: the common ones and gamma.regex. `mode` is taken and has no meaning: there
/// is no access control. Errors: as translate::SetCommonOption, and kInvalidArgument SMI_OPTION_UNKNOWN.
Status SetOption(EmitOptions& options, std::string_view name, std::string_view value);

/// Translates SMI to routes of the Gateway API that hang on Services (GAMMA, 06 §4.6). TrafficSplits become HTTPRoutes,
/// exactly or not at all; TrafficTargets have no form there and are reported NONE. Zero weights are carried: all zero
/// means that every request fails (but not to Linkerd, which would send everything to a single backend and whose proxy
/// fails on several, nor to Cilium, which does the same with a single one and whose Envoy refuses several). Errors:
/// kInvalidArgument SMI_OPTION_INVALID. Threads: any; pure.
Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options);

/// For the command `translate --as gamma` of the adapter of `implementation`.
translate::TranslateEmitter Emitter(const std::string& implementation);

}  // namespace meshplay::gamma
