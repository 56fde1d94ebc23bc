#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libs/smi/resolve.h"

namespace meshplay::envoy {

/// What access grants are in Envoy's own terms: filters that allow exactly what the grants of a workload allow, all of
/// them together, and deny the rest (envoy.filters.http.rbac, envoy.filters.network.rbac). A caller is known by the URI
/// in the certificate of its mutual TLS; one without a certificate is nobody.

inline constexpr const char* kFilterName = "meshplay.smi-access";

/// Istio's proxies refuse a configuration with an expression of more than 32,768 instructions (Kuma's take any, Envoy
/// itself 100). Ours are counted by another version of RE2, hence the distance.
inline constexpr std::size_t kMaxProgramSize = 16'000;
/// Of one filter, as text: what an API server takes with room to spare.
inline constexpr std::size_t kMaxFilterBytes = 512 * 1024;

/// The URI in a caller's certificate, or an expression that the whole of it must match.
struct Caller {
  std::string uri;
  bool is_regex = false;
};

/// A ServiceAccount, whatever the trust domain.
Caller AccountOfAnyDomain(const std::string& namespace_name, const std::string& service_account);

struct Allow {
  std::string name;  ///< Unique in a filter.
  std::vector<Caller> callers;
  std::vector<int> ports;                                   ///< Of the pod; none: any.
  const std::vector<smi::RequestMatch>* matches = nullptr;  ///< Any of them; null: any bytes.
};

/// Why Envoy might not take a match; nullopt when it carries it exactly.
std::optional<std::string> WhyNotTaken(const smi::RequestMatch& match);

/// {name, typed_config}: for chains that end in requests. Paths count without their query. Of a header that is sent
/// twice any value may match (before Envoy 1.38 both joined must). Callers check kMaxFilterBytes and WhyNotTaken first.
nlohmann::json HttpFilter(const std::vector<Allow>& allows);

/// The same for chains that carry bytes: what is allowed by matches only has no part in it.
nlohmann::json NetworkFilter(const std::vector<Allow>& allows);

}  // namespace meshplay::envoy
