#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libs/smi/facts.h"

namespace meshplay::facts {

struct FactsOptions {
  std::string default_namespace;  ///< For objects without metadata.namespace (manifests); live objects have one.
};

/// Reads ordinary Kubernetes objects into the neutral facts that SMI validation and the emitters need: Namespaces,
/// Services, ServiceAccounts, CustomResourceDefinitions, and everything with a pod template (Deployment, StatefulSet,
/// DaemonSet, ReplicaSet, ReplicationController, Job, CronJob, bare Pods). Lists are opened. Pods and ReplicaSets
/// that a controller among the objects stands for are left out. Objects of the groups
/// `*.istio.io`, `*.linkerd.io`, `gateway.networking.k8s.io` and other meshes' groups go to `existing` as they are.
///
/// Malformed parts are passed over: facts describe a live cluster, and what is not understood is simply not known.
/// Fields that no object tells (mesh version, trust domain) keep their defaults; the caller sets them.
/// Threads: any; pure. The order of the result does not depend on the order of the input.
smi::ClusterFacts FactsFromObjects(const std::vector<nlohmann::json>& kubernetes_objects,
                                   const FactsOptions& options = {});

/// What a Service port speaks: appProtocol first, then the prefix of the port's name, as the meshes read them.
smi::PortProtocol ProtocolOfPort(const std::string& transport, const std::string& app_protocol,
                                 const std::string& name);

}  // namespace meshplay::facts
