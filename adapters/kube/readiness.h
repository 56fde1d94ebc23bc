#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace meshplay::kube {

/// Ordered from best to worst; a value from outside counts as kUnknown.
enum class Health { kHealthy, kProgressing, kSuspended, kMissing, kDegraded, kUnknown };

std::string_view HealthName(Health health);  ///< "Healthy" and so on.

/// The worse of two.
Health Worse(Health a, Health b);

struct HealthVerdict {
  Health health = Health::kUnknown;
  std::string message;  ///< For people: "2 of 3 replicas available". Empty when Healthy and there is nothing to say.
};

/// Judges one object by its own content: Deployment, StatefulSet, DaemonSet, ReplicaSet, Pod, Job, Service,
/// PersistentVolumeClaim, Namespace, CustomResourceDefinition, APIService, webhook configurations. Kinds without a
/// notion of readiness (ConfigMap, Role, ...) are Healthy when they exist; kinds unknown to us are judged by a Ready or
/// Available condition if they have one and are Healthy otherwise. null is Missing; no object at all is Unknown.
/// Pure function. Threads: any.
HealthVerdict JudgeHealth(const nlohmann::json& object);

}  // namespace meshplay::kube
