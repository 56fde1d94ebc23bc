#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "adapters/common/attempt.h"
#include "adapters/common/object_set.h"
#include "adapters/istio/control_planes.h"

namespace meshplay::istio {

inline constexpr char kDistributionNotConfirmed[] = "DISTRIBUTION_NOT_CONFIRMED";

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

/// What the gate reads from and speaks to.
struct DistributionSide {
  kube::Client& client;
  kube::Call call;
  std::function<void(std::uint32_t done, std::uint32_t total, const std::string& text)> progress = {};
  /// Why it is not known that the proxies have what allows. At most once a gate.
  std::function<void(const std::string& summary)> not_confirmed = {};
};

/// Between what allows and what denies the rest: waits until the proxies have what allows. istiod tells by
/// `pilot-discovery request GET /debug/syncz` in its pods; where it cannot be asked, or not all proxies answer in time,
/// the writing goes on, and `not_confirmed` says so. Waits once, `limit` at most, and only ahead of a baseline that is
/// new; before the first write it takes `limit` at most to ask what is in force. Threads: one.
class DistributionGate {
 public:
  DistributionGate(DistributionSide side, ControlPlane plane, std::set<std::string> namespaces,
                   std::chrono::milliseconds limit)
      : side_(std::move(side)), plane_(std::move(plane)), namespaces_(std::move(namespaces)), limit_(limit) {}

  /// Ahead of one write of a batch that holds a new baseline. `denies`: it is this write.
  void BeforeWrite(bool denies);

 private:
  Result<std::map<std::string, ProxyState>> Ask(std::chrono::milliseconds within);
  void Await();
  void Progress(std::uint32_t done, std::uint32_t total, const std::string& text) const;

  const DistributionSide side_;
  const ControlPlane plane_;
  const std::set<std::string> namespaces_;
  const std::chrono::milliseconds limit_;
  bool looked_ = false;  ///< At the proxies, before the first write.
  bool done_ = false;
  std::map<std::string, ProxyState> before_;
};

/// The gate of an attempt's objects: tells by the task's progress and by the diagnostic DISTRIBUTION_NOT_CONFIRMED.
/// Keeps a reference to the attempt.
std::function<void(const common::SetChange& change, std::size_t next)> GateOfAttempt(common::Attempt& attempt,
                                                                                     ControlPlane plane,
                                                                                     std::set<std::string> namespaces);

}  // namespace meshplay::istio
