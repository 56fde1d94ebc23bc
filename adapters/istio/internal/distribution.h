#pragma once

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "adapters/common/attempt.h"
#include "adapters/common/object_set.h"
#include "adapters/istio/control_planes.h"

namespace meshplay::istio {

/// What istiod says of one proxy: the last listeners that it sent, and the last that the proxy took.
struct ProxyState {
  std::string sent, acknowledged;
};

/// The sidecars of these namespaces, by "pod.namespace", out of an answer of /debug/syncz. Pure.
std::map<std::string, ProxyState> ReadProxies(const nlohmann::json& syncz, const std::set<std::string>& namespaces);

/// Every proxy of `before` that is still there took something that was sent since. Pure.
bool AllTook(const std::map<std::string, ProxyState>& before, const std::map<std::string, ProxyState>& now);

/// Whether an object denies whatever no other one allows: an AuthorizationPolicy without rules. Pure.
bool IsDenyBaseline(const nlohmann::json& object);

/// Between what allows and what denies the rest: waits until the proxies have what allows. istiod tells by
/// `pilot-discovery request GET /debug/syncz` in its pods; where it cannot be asked, or not all proxies answer in time,
/// the writing goes on, and a diagnostic says so. Waits once in an attempt, `limit` at most, and only ahead of a
/// baseline that is new; before the first write it takes `limit` at most to ask what is in force. Threads: one.
/// Ownership: keeps a reference.
class DistributionGate {
 public:
  DistributionGate(common::Attempt& attempt, ControlPlane plane, std::set<std::string> namespaces,
                   std::chrono::milliseconds limit)
      : attempt_(attempt), plane_(std::move(plane)), namespaces_(std::move(namespaces)), limit_(limit) {}

  /// Ahead of the write of `change.applies[next]`.
  void BeforeWrite(const common::SetChange& change, std::size_t next);

 private:
  Result<std::map<std::string, ProxyState>> Ask(std::chrono::milliseconds within);
  void Await();
  void Tell(const std::string& summary);

  common::Attempt& attempt_;
  const ControlPlane plane_;
  const std::set<std::string> namespaces_;
  const std::chrono::milliseconds limit_;
  bool looked_ = false;  ///< At the proxies, before the first write.
  bool done_ = false;
  std::map<std::string, ProxyState> before_;
};

}  // namespace meshplay::istio
