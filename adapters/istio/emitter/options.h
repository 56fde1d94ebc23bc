#pragma once

#include <string_view>

#include "adapters/translate/common_options.h"
#include "libs/base/result.h"

namespace meshplay::istio {

/// kScoped: only destinations of a TrafficTarget deny by default. kStrict: their whole namespaces do.
enum class BaselineMode { kScoped, kStrict };

/// kAmbient: ztunnel guards pods, waypoints look at requests.
enum class Dataplane { kSidecar, kAmbient };

struct EmitOptions : translate::CommonOptions {
  Dataplane dataplane = Dataplane::kSidecar;
  BaselineMode mode = BaselineMode::kScoped;
  bool mtls = true;           ///< Emit PeerAuthentication STRICT for destinations.
  bool envoy_filter = false;  ///< Have EnvoyFilters check what AuthorizationPolicy cannot say; sidecars only.
};

/// Sets one option by its documented name (06 §4.0): the common ones, mode, istio.mtls, istio.dataplane,
/// istio.envoyFilter. Errors: kInvalidArgument SMI_OPTION_UNKNOWN, SMI_OPTION_INVALID.
Status SetOption(EmitOptions& options, std::string_view name, std::string_view value);

}  // namespace meshplay::istio
