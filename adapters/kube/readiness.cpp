#include "adapters/kube/readiness.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "adapters/kube/object.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;

using Judge = HealthVerdict (*)(const json& object);

const json& ListAt(const json& object, const std::string& pointer) {
  static const json empty = json::array();
  const json& value = ValueAt(object, pointer);
  return value.is_array() ? value : empty;
}

// A condition of status.conditions; null when absent.
const json& Condition(const json& object, std::string_view type) {
  static const json null;
  for (const json& condition : ListAt(object, "/status/conditions")) {
    if (TextAt(condition, "/type") == type) return condition;
  }
  return null;
}

bool IsTrue(const json& condition) {
  return TextAt(condition, "/status") == "True";
}
bool IsFalse(const json& condition) {
  return TextAt(condition, "/status") == "False";
}

// "Reason: message" of a condition, as far as they are there; else its type and status.
std::string Because(const json& condition) {
  const std::string reason = TextAt(condition, "/reason");
  const std::string message = TextAt(condition, "/message");
  if (reason.empty() && message.empty()) return TextAt(condition, "/type") + " is " + TextAt(condition, "/status");
  if (reason.empty() || message.empty()) return reason + message;
  return reason + ": " + message;
}

std::string Of(long long have, long long want, const char* what) {
  return std::to_string(have) + " of " + std::to_string(want) + " " + what;
}

bool SpecNotSeenYet(const json& object) {
  const json& observed = ValueAt(object, "/status/observedGeneration");
  const long long generation = NumberAt(object, "/metadata/generation");
  return observed.is_null() ? false : NumberAt(object, "/status/observedGeneration") < generation;
}

HealthVerdict Progressing(std::string message) {
  return {Health::kProgressing, std::move(message)};
}
HealthVerdict Degraded(std::string message) {
  return {Health::kDegraded, std::move(message)};
}
HealthVerdict Healthy() {
  return {Health::kHealthy, ""};
}

constexpr char kNotObserved[] = "the controller has not seen the latest change yet";

// A workload without status has not met its controller.
bool Unobserved(const json& object) {
  return SpecNotSeenYet(object) || ValueAt(object, "/status/observedGeneration").is_null();
}

HealthVerdict JudgeDeployment(const json& object) {
  if (ValueAt(object, "/spec/paused") == json(true)) return {Health::kSuspended, "the roll-out is paused"};
  if (Unobserved(object)) return Progressing(kNotObserved);
  const json& progress = Condition(object, "Progressing");
  if (TextAt(progress, "/reason") == "ProgressDeadlineExceeded") return Degraded(Because(progress));
  const long long want = NumberAt(object, "/spec/replicas", 1);
  const long long updated = NumberAt(object, "/status/updatedReplicas");
  const long long available = NumberAt(object, "/status/availableReplicas");
  if (updated < want) return Progressing(Of(updated, want, "replicas updated"));
  if (NumberAt(object, "/status/replicas") > updated) return Progressing("old replicas are still ending");
  if (available < want) return Progressing(Of(available, want, "replicas available"));
  return Healthy();
}

HealthVerdict JudgeStatefulSet(const json& object) {
  if (Unobserved(object)) return Progressing(kNotObserved);
  const long long want = NumberAt(object, "/spec/replicas", 1);
  const long long ready = NumberAt(object, "/status/readyReplicas");
  if (ready < want) return Progressing(Of(ready, want, "replicas ready"));
  if (TextAt(object, "/spec/updateStrategy/type") == "OnDelete") return Healthy();
  const long long partition = NumberAt(object, "/spec/updateStrategy/rollingUpdate/partition");
  const long long to_update = std::max(0LL, want - partition);
  const long long updated = NumberAt(object, "/status/updatedReplicas");
  const bool rolled_out = TextAt(object, "/status/currentRevision") == TextAt(object, "/status/updateRevision");
  if (!rolled_out && updated < to_update) return Progressing(Of(updated, to_update, "replicas updated"));
  return Healthy();
}

HealthVerdict JudgeDaemonSet(const json& object) {
  if (Unobserved(object)) return Progressing(kNotObserved);
  const long long want = NumberAt(object, "/status/desiredNumberScheduled");
  const long long updated = NumberAt(object, "/status/updatedNumberScheduled");
  const long long available = NumberAt(object, "/status/numberAvailable");
  const bool on_delete = TextAt(object, "/spec/updateStrategy/type") == "OnDelete";
  if (!on_delete && updated < want) return Progressing(Of(updated, want, "nodes updated"));
  if (available < want) return Progressing(Of(available, want, "nodes available"));
  return Healthy();
}

HealthVerdict JudgeReplicaSet(const json& object) {
  if (Unobserved(object)) return Progressing(kNotObserved);
  const json& failure = Condition(object, "ReplicaFailure");
  if (IsTrue(failure)) return Degraded(Because(failure));
  const long long want = NumberAt(object, "/spec/replicas", 1);
  const long long available = NumberAt(object, "/status/availableReplicas");
  if (available < want) return Progressing(Of(available, want, "replicas available"));
  return Healthy();
}

// Waiting reasons that a container does not leave by waiting alone.
bool IsStuck(const std::string& reason) {
  static const std::set<std::string> kStuck = {
      "CrashLoopBackOff",  "ImagePullBackOff",    "ErrImagePull",
      "InvalidImageName",  "ErrImageNeverPull",   "CreateContainerError",
      "RunContainerError", "RegistryUnavailable", "CreateContainerConfigError"};
  return kStuck.count(reason) != 0;
}

HealthVerdict JudgePod(const json& object) {
  const std::string phase = TextAt(object, "/status/phase");
  if (phase == "Succeeded") return Healthy();
  if (phase == "Failed") {
    const std::string message = TextAt(object, "/status/message");
    return Degraded(message.empty() ? "the pod failed" : message);
  }
  for (const char* list : {"/status/initContainerStatuses", "/status/containerStatuses"}) {
    for (const json& status : ListAt(object, list)) {
      const std::string reason = TextAt(status, "/state/waiting/reason");
      if (IsStuck(reason)) return Degraded("container " + TextAt(status, "/name") + ": " + reason);
    }
  }
  if (phase == "Running" && IsTrue(Condition(object, "Ready"))) return Healthy();
  const json& scheduled = Condition(object, "PodScheduled");
  if (IsFalse(scheduled)) return Progressing(Because(scheduled));
  return Progressing(phase == "Running" ? "the pod runs but is not ready" : "the pod has not started yet");
}

HealthVerdict JudgeJob(const json& object) {
  const json& failed = Condition(object, "Failed");
  if (IsTrue(failed)) return Degraded(Because(failed));
  if (IsTrue(Condition(object, "Complete"))) return Healthy();
  if (IsTrue(Condition(object, "Suspended"))) return {Health::kSuspended, "the job is suspended"};
  return Progressing("the job has not finished yet");
}

HealthVerdict JudgeService(const json& object) {
  const bool waits =
      TextAt(object, "/spec/type") == "LoadBalancer" && ListAt(object, "/status/loadBalancer/ingress").empty();
  return waits ? Progressing("the load balancer has no address yet") : Healthy();
}

HealthVerdict JudgePersistentVolumeClaim(const json& object) {
  const std::string phase = TextAt(object, "/status/phase");
  if (phase == "Bound") return Healthy();
  if (phase == "Lost") return Degraded("the volume is lost");
  return Progressing("the claim is not bound yet");
}

HealthVerdict JudgeNamespace(const json& object) {
  return TextAt(object, "/status/phase") == "Terminating" ? Progressing("the namespace is being deleted") : Healthy();
}

HealthVerdict JudgeCustomResourceDefinition(const json& object) {
  const json& names = Condition(object, "NamesAccepted");
  if (IsFalse(names)) return Degraded(Because(names));
  if (IsTrue(Condition(object, "Established"))) return Healthy();
  return Progressing("the kind is not served yet");
}

HealthVerdict JudgeApiService(const json& object) {
  const json& available = Condition(object, "Available");
  if (available.is_null()) return Progressing("the API server has not looked at it yet");
  return IsTrue(available) ? Healthy() : Progressing(Because(available));
}

// A webhook in the cluster can only be called once its controller has filled in the CA.
HealthVerdict JudgeWebhooks(const json& object) {
  for (const json& webhook : ListAt(object, "/webhooks")) {
    const bool in_cluster = ValueAt(webhook, "/clientConfig/service").is_object();
    if (in_cluster && TextAt(webhook, "/clientConfig/caBundle").empty()) {
      return Progressing("webhook " + TextAt(webhook, "/name") + " has no caBundle yet");
    }
  }
  return Healthy();
}

HealthVerdict JudgeByConditions(const json& object) {
  if (SpecNotSeenYet(object)) return Progressing(kNotObserved);
  for (const char* type : {"Ready", "Available"}) {
    const json& condition = Condition(object, type);
    if (condition.is_null()) continue;
    if (IsTrue(condition)) return Healthy();
    return IsFalse(condition) ? Degraded(Because(condition)) : Progressing(Because(condition));
  }
  return Healthy();
}

Judge JudgeFor(const Gvk& gvk) {
  static const std::map<std::pair<std::string, std::string>, Judge> kJudges = {
      {{"apps", "Deployment"}, &JudgeDeployment},
      {{"apps", "StatefulSet"}, &JudgeStatefulSet},
      {{"apps", "DaemonSet"}, &JudgeDaemonSet},
      {{"apps", "ReplicaSet"}, &JudgeReplicaSet},
      {{"", "Pod"}, &JudgePod},
      {{"batch", "Job"}, &JudgeJob},
      {{"", "Service"}, &JudgeService},
      {{"", "PersistentVolumeClaim"}, &JudgePersistentVolumeClaim},
      {{"", "Namespace"}, &JudgeNamespace},
      {{"apiextensions.k8s.io", "CustomResourceDefinition"}, &JudgeCustomResourceDefinition},
      {{"apiregistration.k8s.io", "APIService"}, &JudgeApiService},
      {{"admissionregistration.k8s.io", "MutatingWebhookConfiguration"}, &JudgeWebhooks},
      {{"admissionregistration.k8s.io", "ValidatingWebhookConfiguration"}, &JudgeWebhooks},
  };
  const auto found = kJudges.find({gvk.group, gvk.kind});
  return found == kJudges.end() ? &JudgeByConditions : found->second;
}

// Values from outside the enum are as bad as kUnknown.
Health Known(Health health) {
  return health >= Health::kHealthy && health <= Health::kUnknown ? health : Health::kUnknown;
}

}  // namespace

std::string_view HealthName(Health health) {
  switch (health) {
    case Health::kHealthy:
      return "Healthy";
    case Health::kProgressing:
      return "Progressing";
    case Health::kSuspended:
      return "Suspended";
    case Health::kMissing:
      return "Missing";
    case Health::kDegraded:
      return "Degraded";
    case Health::kUnknown:
      return "Unknown";
  }
  return "Unknown";
}

Health Worse(Health a, Health b) {
  return std::max(Known(a), Known(b));
}

HealthVerdict JudgeHealth(const json& object) {
  if (object.is_null()) return {Health::kMissing, "the object does not exist"};
  const Gvk gvk = GvkOf(object);
  if (gvk.kind.empty()) return {Health::kUnknown, "this is no Kubernetes object"};
  if (IsBeingDeleted(object)) return Progressing("the object is being deleted");
  return JudgeFor(gvk)(object);
}

}  // namespace meshplay::kube
