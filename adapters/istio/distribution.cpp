#include "adapters/istio/internal/distribution.h"

#include <algorithm>
#include <memory>
#include <thread>

#include "adapters/common/convert.h"
#include "libs/base/json.h"

namespace meshplay::istio {
namespace {

using common::PlannedObject;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenLooks{300};  ///< More than istiod waits for further changes (100 ms).
constexpr std::chrono::milliseconds kAskTimeout{5'000};
constexpr std::size_t kMaxAnswer = 16 * 1024 * 1024;
constexpr std::chrono::milliseconds kAttemptLimit{10'000};  ///< How long a policy may take to the proxies.

bool IsNewBaseline(const PlannedObject& one) {
  return one.action == pb::CHANGE_ACTION_CREATE && IsDenyBaseline(one.desired);
}

}  // namespace

std::map<std::string, ProxyState> ReadProxies(const json& syncz, const std::set<std::string>& namespaces) {
  std::map<std::string, ProxyState> proxies;
  for (const json& one : syncz.is_array() ? syncz : json::array()) {
    const std::string id = kube::TextAt(one, "/proxy");
    const std::string type = kube::TextAt(one, "/proxy_type");
    const auto dot = id.rfind('.');
    if (dot == std::string::npos || !namespaces.contains(id.substr(dot + 1))) continue;
    if (!type.empty() && type != "sidecar") continue;
    proxies[id] = {kube::TextAt(one, "/listener_sent"), kube::TextAt(one, "/listener_acked")};
  }
  return proxies;
}

bool AllTook(const std::map<std::string, ProxyState>& before, const std::map<std::string, ProxyState>& now) {
  return std::all_of(before.begin(), before.end(), [&](const auto& one) {
    const auto found = now.find(one.first);
    if (found == now.end()) return true;
    const ProxyState& state = found->second;
    return state.sent == state.acknowledged && state.sent != one.second.sent;
  });
}

bool IsDenyBaseline(const json& object) {
  if (kube::GvkOf(object).kind != "AuthorizationPolicy") return false;
  const std::string action = kube::TextAt(object, "/spec/action");
  return (action.empty() || action == "ALLOW") && kube::ValueAt(object, "/spec/rules").empty();
}

void DistributionGate::BeforeWrite(bool denies) {
  if (done_) return;
  if (!looked_) {
    looked_ = true;
    // A baseline alone has nothing to wait for; a stand-in has no proxies.
    if (denies || plane_.stand_in) {
      done_ = true;
      return;
    }
    auto proxies = Ask(limit_);
    if (!proxies)
      side_.not_confirmed("istiod cannot be asked which proxies have a policy: " + proxies.error().message());
    done_ = !proxies || proxies->empty();
    if (!done_) before_ = std::move(*proxies);
    return;
  }
  if (!denies) return;
  done_ = true;
  Await();
}

Result<std::map<std::string, ProxyState>> DistributionGate::Ask(std::chrono::milliseconds within) {
  const auto end = Clock::now() + within;
  const std::string selector = "app=istiod,istio.io/rev=" + plane_.revision;
  MP_TRY(const kube::ObjectList pods,
         side_.client.List({"", "v1", "Pod"}, {plane_.name_space, selector, ""}, side_.call));
  std::map<std::string, ProxyState> proxies;
  bool asked = false;
  for (const json& pod : pods.items) {
    if (kube::IsBeingDeleted(pod) || kube::TextAt(pod, "/status/phase") != "Running") continue;
    kube::ExecRequest exec;
    exec.name_space = plane_.name_space;
    exec.pod = kube::NameOf(pod);
    exec.container = "discovery";
    exec.command = {"pilot-discovery", "request", "GET", "/debug/syncz"};
    exec.max_output_bytes = kMaxAnswer;
    kube::Call call = side_.call;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (left <= std::chrono::milliseconds(0)) return Unavailable("POD_UNREACHABLE", "its pods took too long to answer");
    call.timeout = std::min(kAskTimeout, left);
    MP_TRY(const kube::ExecOutcome outcome, side_.client.Exec(exec, call));
    const auto answer = ParseJson(outcome.stdout_text);
    if (outcome.exit_code != 0 || !answer || !answer->is_array()) {
      return Unavailable("POD_UNREACHABLE", "the pod " + exec.pod + " gave no list of proxies");
    }
    proxies.merge(ReadProxies(*answer, namespaces_));
    asked = true;
  }
  if (!asked) return Unavailable("POD_UNREACHABLE", "no pod of " + plane_.deployment + " runs");
  return proxies;
}

void DistributionGate::Await() {
  const auto end = Clock::now() + limit_;
  const auto total = static_cast<std::uint32_t>(before_.size());
  std::map<std::string, ProxyState> last;
  while (true) {
    auto now = Ask(std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()));
    if (!now) return side_.not_confirmed("istiod did not say which proxies have the policy: " + now.error().message());
    // Twice the same: no further part of what was written is on its way.
    const bool quiet = std::equal(last.begin(), last.end(), now->begin(), now->end(), [](const auto& a, const auto& b) {
      return a.first == b.first && a.second.sent == b.second.sent;
    });
    if (quiet && AllTook(before_, *now)) {
      return Progress(total, total, std::to_string(total) + " proxies have what allows");
    }
    if (Clock::now() + kBetweenLooks > end || side_.call.stop.stop_requested()) {
      return side_.not_confirmed("not every proxy confirmed what allows within " +
                                 std::to_string(limit_.count() / 1'000) + " s; the rest is denied all the same");
    }
    Progress(0, total, "waiting until the proxies have what allows, before the rest is denied");
    last = std::move(*now);
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

void DistributionGate::Progress(std::uint32_t done, std::uint32_t total, const std::string& text) const {
  if (side_.progress) side_.progress(done, total, text);
}

std::function<void(const common::SetChange& change, std::size_t next)> GateOfAttempt(common::Attempt& attempt,
                                                                                     ControlPlane plane,
                                                                                     std::set<std::string> namespaces) {
  DistributionSide side{attempt.kube(), attempt.call()};
  side.progress = [&attempt](std::uint32_t done, std::uint32_t total, const std::string& text) {
    attempt.task().Progress(done, total, text);
  };
  side.not_confirmed = [&attempt](const std::string& summary) {
    attempt.task().Diagnose(common::MakeDiagnostic(
        pb::SEVERITY_INFO, kDistributionNotConfirmed, summary,
        "Requests that the policy allows may be denied for a moment, until the proxies have it."));
  };
  auto gate =
      std::make_shared<DistributionGate>(std::move(side), std::move(plane), std::move(namespaces), kAttemptLimit);
  return [gate, looked = false](const common::SetChange& change, std::size_t next) mutable {
    const auto& all = change.applies;
    if (!looked && std::none_of(all.begin(), all.end(), IsNewBaseline)) gate.reset();
    looked = true;
    if (gate) gate->BeforeWrite(IsNewBaseline(all[next]));
  };
}

}  // namespace meshplay::istio
