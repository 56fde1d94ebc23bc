#pragma once

#include <map>
#include <string>
#include <string_view>

#include "libs/base/result.h"
#include "libs/smi/lower.h"
#include "libs/smi/validate.h"

namespace meshplay::istio {

/// kScoped: only destinations of a TrafficTarget deny by default. kStrict: their whole namespaces do.
enum class BaselineMode { kScoped, kStrict };

struct EmitOptions {
  std::string owner;            ///< Value of the label meshplay.dev/owner: 1 to 63 characters of a label value.
  bool allow_widening = false;  ///< Access that Istio cannot say exactly may become wider (WIDENED) instead of less.
  BaselineMode mode = BaselineMode::kScoped;
  smi::PathAnchor path_anchor = smi::PathAnchor::kSpec;
  bool lenient_dots = false;   ///< Take "." in a path for a dot.
  bool allow_missing = false;  ///< Splits: route to backends with traffic that do not exist yet.
  smi::SelfReference self_reference = smi::SelfReference::kWarn;
  bool mtls = true;               ///< Emit PeerAuthentication STRICT for destinations.
  std::string trust_domain;       ///< Empty: as the facts say.
  std::string cluster_domain;     ///< Empty: as the facts say.
  bool owner_references = false;  ///< The SMI objects live in this cluster: refer to them where that is legal.
};

/// Sets one option by its documented name (06 §4.0): allowWidening, mode, pathAnchor, lenientDots, allowMissing,
/// selfReference, trustDomain, clusterDomain, istio.mtls, istio.dataplane (sidecar only).
/// Errors: kInvalidArgument SMI_OPTION_UNKNOWN, SMI_OPTION_INVALID; kUnimplemented SMI_OPTION_UNSUPPORTED.
Status SetOption(EmitOptions& options, std::string_view name, std::string_view value);

/// Errors: kInvalidArgument SMI_OPTION_INVALID.
Status CheckOptions(const EmitOptions& options);

}  // namespace meshplay::istio
