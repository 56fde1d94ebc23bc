#pragma once

#include <string_view>

#include "adapters/translate/common_options.h"
#include "adapters/translate/emitter.h"

namespace meshplay::consul {

/// kScoped: destinations of TrafficTargets deny by default. kStrict: so does the whole datacenter, because Consul
/// without Enterprise has no namespaces.
enum class BaselineMode { kScoped, kStrict };

struct EmitOptions {
  translate::CommonOptions common;
  BaselineMode mode = BaselineMode::kScoped;
};

/// Sets one option by its documented name: the common ones and mode. trustDomain and clusterDomain are taken and have
/// no meaning: Consul knows callers by the names of their Services. Errors: kInvalidArgument SMI_OPTION_UNKNOWN,
/// SMI_OPTION_INVALID.
Status SetOption(EmitOptions& options, std::string_view name, std::string_view value);

/// Translates SMI to Consul's config entries (06 §4.4). A TrafficTarget becomes one ServiceIntentions for each Service
/// that stands for the destination, with the callers of all targets; ServiceDefaults say that it speaks HTTP where
/// requests are looked at. A TrafficSplit becomes a ServiceSplitter, behind a ServiceRouter when it has matches,
/// exactly or not at all.
///
/// Consul knows Services, not ServiceAccounts: a Service that also stands for another account is no caller, and denies
/// everybody as a destination; one whose name another namespace has too is named nowhere. What no permission allows is
/// denied whatever Consul's default is. Errors: kInvalidArgument SMI_OPTION_INVALID. Threads: any; pure.
Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options);

/// For the command `translate`.
translate::TranslateEmitter Emitter();

}  // namespace meshplay::consul
