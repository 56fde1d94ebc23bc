#pragma once

#include <string_view>

#include "adapters/translate/common_options.h"
#include "adapters/translate/emitter.h"

namespace meshplay::linkerd {

struct EmitOptions {
  translate::CommonOptions common;
  bool strict = false;   ///< All workloads in the namespaces of destinations deny by default, not only destinations.
  bool profile = false;  ///< Splits by ServiceProfile instead of HTTPRoute.
};

/// Sets one option by its documented name: the common ones, of which trustDomain changes nothing, mode,
/// linkerd.profile. Errors: kInvalidArgument SMI_OPTION_UNKNOWN, SMI_OPTION_INVALID.
Status SetOption(EmitOptions& options, std::string_view name, std::string_view value);

/// Translates SMI to Linkerd (06 §4.2). A TrafficTarget's destination gets one Server for each declared port of its
/// pods, which denies what no AuthorizationPolicy allows; grants on requests become HTTPRoutes of that Server, in the
/// order of their names from the most specific one. The routes must be created one after another in that order: of
/// equal matches the oldest route wins. A TrafficSplit becomes an HTTPRoute (or ServiceProfile) of its root.
///
/// Fail closed: nothing is allowed that no target allows, with two exceptions that diagnostics tell: the paths of HTTP
/// probes are open to everybody (PROBES_OPEN), and a port that the pods do not declare follows Linkerd's default policy
/// (PORTS_UNGUARDED). allowWidening changes nothing. Splits are carried out exactly or not at all.
/// `facts.existing` should hold the cluster's objects of policy.linkerd.io, linkerd.io and the routes of
/// gateway.networking.k8s.io, our own included: routes keep their names as long as their order allows it.
/// Errors: kInvalidArgument SMI_OPTION_INVALID. Threads: any; pure.
Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options);

/// For the command `translate`.
translate::TranslateEmitter Emitter();

}  // namespace meshplay::linkerd
