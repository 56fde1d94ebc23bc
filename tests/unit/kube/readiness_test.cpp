#include "adapters/kube/readiness.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace meshplay::kube;
using nlohmann::json;

namespace {

struct Case {
  const char* what;
  const char* object;
  Health health;
};

// Each object in one line: what decides is in it, the rest is left out.
const Case kCases[] = {
    {"deployment available",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},
      "status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":2}})",
     Health::kHealthy},
    {"deployment scaled to zero",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":0},
      "status":{"observedGeneration":2}})",
     Health::kHealthy},
    {"deployment without status", R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":1}})",
     Health::kProgressing},
    {"deployment changed but not seen",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":3},"spec":{"replicas":1},
      "status":{"observedGeneration":2,"replicas":1,"updatedReplicas":1,"availableReplicas":1}})",
     Health::kProgressing},
    {"deployment with old replicas",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":1},
      "status":{"observedGeneration":2,"replicas":2,"updatedReplicas":1,"availableReplicas":2}})",
     Health::kProgressing},
    {"deployment partly available",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":3},
      "status":{"observedGeneration":2,"replicas":3,"updatedReplicas":3,"availableReplicas":2}})",
     Health::kProgressing},
    {"deployment out of time",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":3},
      "status":{"observedGeneration":2,"conditions":[{"type":"Progressing","status":"False",
      "reason":"ProgressDeadlineExceeded"}]}})",
     Health::kDegraded},
    {"deployment paused", R"({"apiVersion":"apps/v1","kind":"Deployment","spec":{"paused":true}})", Health::kSuspended},
    {"statefulset ready",
     R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"generation":1},"spec":{"replicas":1},
      "status":{"observedGeneration":1,"readyReplicas":1,"currentRevision":"a","updateRevision":"a"}})",
     Health::kHealthy},
    {"statefulset rolling",
     R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"generation":1},"spec":{"replicas":2},
      "status":{"observedGeneration":1,"readyReplicas":2,"updatedReplicas":1,"currentRevision":"a","updateRevision":"b"}})",
     Health::kProgressing},
    {"daemonset on no node",
     R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"generation":1},
      "status":{"observedGeneration":1,"desiredNumberScheduled":0}})",
     Health::kHealthy},
    {"daemonset missing one node",
     R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"generation":1},
      "status":{"observedGeneration":1,"desiredNumberScheduled":3,"updatedNumberScheduled":3,"numberAvailable":2}})",
     Health::kProgressing},
    {"replicaset that cannot create pods",
     R"({"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"generation":1},
      "status":{"observedGeneration":1,"conditions":[{"type":"ReplicaFailure","status":"True","reason":"FailedCreate"}]}})",
     Health::kDegraded},
    {"pod ready",
     R"({"apiVersion":"v1","kind":"Pod","status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}})",
     Health::kHealthy},
    {"pod running, not ready", R"({"apiVersion":"v1","kind":"Pod","status":{"phase":"Running"}})",
     Health::kProgressing},
    {"pod in a crash loop",
     R"({"apiVersion":"v1","kind":"Pod","status":{"phase":"Running","containerStatuses":[
      {"name":"a","state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}})",
     Health::kDegraded},
    {"pod whose image cannot be pulled",
     R"({"apiVersion":"v1","kind":"Pod","status":{"phase":"Pending","initContainerStatuses":[
      {"name":"a","state":{"waiting":{"reason":"ImagePullBackOff"}}}]}})",
     Health::kDegraded},
    {"pod done", R"({"apiVersion":"v1","kind":"Pod","status":{"phase":"Succeeded"}})", Health::kHealthy},
    {"pod failed", R"({"apiVersion":"v1","kind":"Pod","status":{"phase":"Failed"}})", Health::kDegraded},
    {"job complete",
     R"({"apiVersion":"batch/v1","kind":"Job","status":{"conditions":[{"type":"Complete","status":"True"}]}})",
     Health::kHealthy},
    {"job failed",
     R"({"apiVersion":"batch/v1","kind":"Job","status":{"conditions":[{"type":"Failed","status":"True"}]}})",
     Health::kDegraded},
    {"job at work", R"({"apiVersion":"batch/v1","kind":"Job","status":{"active":1}})", Health::kProgressing},
    {"job suspended",
     R"({"apiVersion":"batch/v1","kind":"Job","status":{"conditions":[{"type":"Suspended","status":"True"}]}})",
     Health::kSuspended},
    {"service", R"({"apiVersion":"v1","kind":"Service","spec":{"type":"ClusterIP"}})", Health::kHealthy},
    {"load balancer without address", R"({"apiVersion":"v1","kind":"Service","spec":{"type":"LoadBalancer"}})",
     Health::kProgressing},
    {"load balancer",
     R"({"apiVersion":"v1","kind":"Service","spec":{"type":"LoadBalancer"},
      "status":{"loadBalancer":{"ingress":[{"ip":"10.0.0.1"}]}}})",
     Health::kHealthy},
    {"claim bound", R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","status":{"phase":"Bound"}})",
     Health::kHealthy},
    {"claim lost", R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","status":{"phase":"Lost"}})",
     Health::kDegraded},
    {"namespace", R"({"apiVersion":"v1","kind":"Namespace","status":{"phase":"Active"}})", Health::kHealthy},
    {"namespace ending", R"({"apiVersion":"v1","kind":"Namespace","status":{"phase":"Terminating"}})",
     Health::kProgressing},
    {"crd established",
     R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","status":{"conditions":[
      {"type":"NamesAccepted","status":"True"},{"type":"Established","status":"True"}]}})",
     Health::kHealthy},
    {"crd with taken names",
     R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","status":{"conditions":[
      {"type":"NamesAccepted","status":"False","reason":"ListKindConflict"}]}})",
     Health::kDegraded},
    {"crd fresh", R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition"})",
     Health::kProgressing},
    {"api service away",
     R"({"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","status":{"conditions":[
      {"type":"Available","status":"False","reason":"MissingEndpoints"}]}})",
     Health::kProgressing},
    {"webhook without CA",
     R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration","webhooks":[
      {"name":"a","clientConfig":{"service":{"name":"s"},"caBundle":"QQ=="}},{"name":"b","clientConfig":{"service":{}}}]})",
     Health::kProgressing},
    {"webhook outside the cluster",
     R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","webhooks":[
      {"name":"a","clientConfig":{"url":"https://x"}}]})",
     Health::kHealthy},
    {"config map", R"({"apiVersion":"v1","kind":"ConfigMap"})", Health::kHealthy},
    {"unknown kind that is ready",
     R"({"apiVersion":"x.io/v1","kind":"Thing","status":{"conditions":[{"type":"Ready","status":"True"}]}})",
     Health::kHealthy},
    {"unknown kind that is not ready",
     R"({"apiVersion":"x.io/v1","kind":"Thing","status":{"conditions":[{"type":"Ready","status":"False"}]}})",
     Health::kDegraded},
    {"unknown kind whose condition is unknown",
     R"({"apiVersion":"x.io/v1","kind":"Thing","status":{"conditions":[{"type":"Available","status":"Unknown"}]}})",
     Health::kProgressing},
    {"being deleted",
     R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}})",
     Health::kProgressing},
    {"absent", "null", Health::kMissing},
    {"no object", "[1]", Health::kUnknown},
    {"odd types everywhere",
     R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":[],"spec":"x","status":{"conditions":{}}})",
     Health::kProgressing},
};

}  // namespace

TEST_CASE("each kind is judged by its own content", "[kube]") {
  for (const Case& row : kCases) {
    INFO(row.what);
    const HealthVerdict verdict = JudgeHealth(json::parse(row.object));
    CHECK(HealthName(verdict.health) == HealthName(row.health));
    if (row.health != Health::kHealthy && row.health != Health::kDegraded) CHECK_FALSE(verdict.message.empty());
  }
}

TEST_CASE("the worse health wins and an unrecognised one is the worst", "[kube]") {
  CHECK(Worse(Health::kHealthy, Health::kProgressing) == Health::kProgressing);
  CHECK(Worse(Health::kDegraded, Health::kMissing) == Health::kDegraded);
  CHECK(Worse(Health::kUnknown, Health::kDegraded) == Health::kUnknown);
  CHECK(Worse(static_cast<Health>(99), Health::kHealthy) == Health::kUnknown);
  CHECK(Worse(static_cast<Health>(-1), Health::kHealthy) == Health::kUnknown);
  CHECK(HealthName(static_cast<Health>(99)) == "Unknown");
}
