#pragma once

#include <optional>
#include <string_view>

#include "adapters/translate/common_options.h"
#include "adapters/translate/emitter.h"

namespace meshplay::kuma {

/// kMesh: MeshIdentity gives every ServiceAccount a SPIFFE id and denies by default (Kuma 2.12 and later). kService: a
/// workload is known by the Services that select it (kuma.io/service).
enum class IdentityKind { kMesh, kService };

/// kScoped: only destinations of a TrafficTarget deny by default. kStrict: their whole namespaces do. MeshIdentity
/// denies everywhere anyhow, so both are the same there.
enum class BaselineMode { kScoped, kStrict };

struct EmitOptions {
  translate::CommonOptions common;
  BaselineMode mode = BaselineMode::kScoped;
  /// Unset: kService for a Kuma that is known to be older than 2.12, else kMesh.
  std::optional<IdentityKind> identity;
  bool proxy_patch = false;  ///< Have MeshProxyPatches check requests; kMesh only.
};

/// Sets one option by its documented name: the common ones, mode, kuma.identity, kuma.proxyPatch.
/// Errors: kInvalidArgument SMI_OPTION_UNKNOWN, SMI_OPTION_INVALID.
Status SetOption(EmitOptions& options, std::string_view name, std::string_view value);

/// Translates SMI to Kuma (06 §4.3): TrafficTarget to MeshTrafficPermission, TrafficSplit to MeshHTTPRoute and
/// MeshTCPRoute. Kuma's permissions know identities and inbounds only: a target with HTTPRouteGroups allows nothing
/// (L7_ACCESS_UNSUPPORTED) unless `allow_widening`. With `proxy_patch` the permissions let its callers in, and a
/// MeshProxyPatch, applied first, denies what it does not allow (FILTER_REQUIRED): a proxy that does not take the
/// filter stays wider. Splits are carried out exactly or not at all.
///
/// Deny by default: MeshIdentity does it for all workloads; with kService every known destination gets a permission
/// that denies everybody first. Destinations without a Service cannot be named there, and stay as they are (NARROWED).
/// Errors: kInvalidArgument SMI_OPTION_INVALID; kUnimplemented SMI_OPTION_UNSUPPORTED: `proxy_patch` with kService, or
/// an identity that the version of the facts does not know (kMesh before 2.12, kService from 3.0 on).
/// Threads: any; pure.
Result<translate::Emission> EmitSmi(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                    const EmitOptions& options);

/// For the command `translate`.
translate::TranslateEmitter Emitter();

}  // namespace meshplay::kuma
