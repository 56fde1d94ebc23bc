#pragma once

namespace meshplay::istio {

inline constexpr const char* kSecurityVersion = "security.istio.io/v1";
inline constexpr const char* kNetworkingVersion = "networking.istio.io/v1";

/// When an object is applied, lowest first.
enum Wave { kRouteWave, kAllowWave, kIdentityWave, kDenyWave, kDenyNamespaceWave };

}  // namespace meshplay::istio
