#include "adapters/common/readiness.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "adapters/kube/readiness.h"

namespace meshplay::common {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

/// The longest quiet stretch of one watch before the object is read again: a lost event delays, never hangs.
constexpr std::chrono::seconds kWatchTurn{20};

std::string SelectorText(const json& workload) {
  std::string text;
  const json& labels = kube::ValueAt(workload, "/spec/selector/matchLabels");
  if (!labels.is_object()) return text;
  for (const auto& [key, value] : labels.items()) {
    if (!value.is_string()) continue;
    text += (text.empty() ? "" : ",") + key + "=" + value.get<std::string>();
  }
  return text;
}

Status OneHealthy(kube::Client& client, const kube::ObjectRef& ref, steady_clock::time_point deadline,
                  const std::stop_token& stop, const std::function<void(const std::string&)>& waiting,
                  kube::HealthVerdict& verdict, json& last) {
  const auto judge = [&](const json& object) {
    last = object;
    verdict = kube::JudgeHealth(object);
    return verdict.health == kube::Health::kHealthy;
  };
  while (true) {
    const kube::Selection selection{ref.name_space, "", "metadata.name=" + ref.name};
    MP_TRY(const kube::ObjectList found, client.List(ref.gvk, selection, {stop}));
    if (judge(found.items.empty() ? json() : found.items.front())) return {};
    waiting(verdict.message);
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return FailedPrecondition("NOT_READY_IN_TIME", "");
    kube::WatchOptions options;
    options.resource_version = found.resource_version;
    options.server_timeout = std::min(left + std::chrono::seconds(1), kWatchTurn);
    bool healthy = false;
    const auto outcome = client.Watch(ref.gvk, selection, options,
                                      [&](const kube::Change& change) {
                                        if (change.kind == kube::ChangeKind::kBookmark) return true;
                                        healthy =
                                            judge(change.kind == kube::ChangeKind::kDeleted ? json() : change.object);
                                        if (!healthy) waiting(verdict.message);
                                        return !healthy;
                                      },
                                      {stop});
    if (healthy) return {};
    if (!outcome && outcome.error().code() == ErrorCode::kCancelled) return outcome.error();
    // Any other end of a watch is a reason to look again; a lasting one shows in List.
  }
}

}  // namespace

std::string PodComplaints(kube::Client& client, const json& workload, const kube::Call& call) {
  const std::string selector = SelectorText(workload);
  if (selector.empty()) return {};
  const auto pods = client.List({"", "v1", "Pod"}, {kube::NamespaceOf(workload), selector, ""}, call);
  if (!pods) return {};
  std::string text;
  std::size_t told = 0;
  for (const json& pod : pods->items) {
    for (const char* list : {"/status/initContainerStatuses", "/status/containerStatuses"}) {
      const json& statuses = kube::ValueAt(pod, list);
      for (const json& status : statuses.is_array() ? statuses : json::array()) {
        const std::string reason = kube::TextAt(status, "/state/waiting/reason");
        if (reason.empty() || reason == "ContainerCreating" || ++told > 5) continue;
        text += (text.empty() ? "" : "; ") + std::string("pod ") + kube::NameOf(pod) + " container " +
                kube::TextAt(status, "/name") + ": " + reason;
      }
    }
    for (const json& condition : kube::ValueAt(pod, "/status/conditions")) {
      if (kube::TextAt(condition, "/type") != "PodScheduled" || kube::TextAt(condition, "/status") != "False") continue;
      if (++told > 5) continue;
      text += (text.empty() ? "" : "; ") + std::string("pod ") + kube::NameOf(pod) +
              " is not scheduled: " + kube::TextAt(condition, "/message");
    }
  }
  if (pods->items.empty()) text = "it has no pods; a quota or an admission webhook may refuse them";
  return text;
}

Status WaitUntilHealthy(kube::Client& client, const std::vector<kube::ObjectRef>& objects, const WaitOptions& options) {
  const auto deadline = steady_clock::now() + options.timeout;
  std::size_t ready = 0;
  for (const kube::ObjectRef& ref : objects) {
    kube::HealthVerdict verdict;
    json last;
    const auto waiting = [&](const std::string& why) {
      if (options.progress) options.progress(ready, objects.size(), ref.ToString() + (why.empty() ? "" : ": " + why));
    };
    const Status status = OneHealthy(client, ref, deadline, options.stop, waiting, verdict, last);
    if (status) {
      ++ready;
      continue;
    }
    if (status.error().reason() != "NOT_READY_IN_TIME") return status;
    const std::string complaints = last.is_object() ? PodComplaints(client, last, {options.stop}) : std::string();
    std::string message = "applied, not healthy: " + ref.ToString() + " " + std::string(HealthName(verdict.health));
    if (!verdict.message.empty()) message += " (" + verdict.message + ")";
    if (!complaints.empty()) message += "; " + complaints;
    return FailedPrecondition("NOT_READY_IN_TIME", message.substr(0, 2'000))
        .WithMetadata("object", ref.ToString())
        .WithMetadata("health", std::string(HealthName(verdict.health)));
  }
  if (options.progress) options.progress(ready, objects.size(), "");
  return {};
}

}  // namespace meshplay::common
