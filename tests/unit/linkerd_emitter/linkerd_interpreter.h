#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/smi/random_policy.h"

namespace meshplay::testing {

/// Releases differ in what decides after the path: the number of headers, or whether a method is asked for.
enum class TieOrder { kHeadersFirst, kMethodFirst };

/// Linkerd's documented rules for inbound policy over all objects, which were created in this order.
class LinkerdInbound {
 public:
  LinkerdInbound(const std::vector<nlohmann::json>& objects, TieOrder order) : objects_(objects), order_(order) {}

  /// `probes` are the paths that the policy controller knows for the port. A port without Server follows the default
  /// policy, which allows everybody.
  bool Allows(const Request& request, const std::set<std::string>& probes) const;

 private:
  const nlohmann::json* ServerOf(const Request& request) const;
  bool Authorized(const std::string& kind, const std::string& name, const Request& request) const;
  bool AuthenticatedBy(const nlohmann::json& reference, const Request& request) const;

  const std::vector<nlohmann::json>& objects_;
  TieOrder order_;
};

/// Weight of each backend ("name:port") to which an HTTPRoute of a Service sends the request. Empty: no rule takes it.
std::map<std::string, int> LinkerdRoute(const nlohmann::json& route, const Request& request);

}  // namespace meshplay::testing
