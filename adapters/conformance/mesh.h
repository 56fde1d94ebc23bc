#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "adapters/common/attempt.h"
#include "adapters/translate/emitter.h"

namespace meshplay::conformance {

/// What the runner must know of the mesh under test, for one attempt.
struct MeshUnderTest {
  std::string key;      ///< "istio-system/default"
  std::string version;  ///< May be empty.
  std::string cluster_domain = "cluster.local";
  nlohmann::json namespace_labels = nlohmann::json::object();  ///< By which the mesh takes a namespace in.
  nlohmann::json namespace_annotations = nlohmann::json::object();
  nlohmann::json pod_labels = nlohmann::json::object();
  nlohmann::json pod_annotations = nlohmann::json::object();
  /// Kinds whose documents `translate` takes.
  std::set<std::string> translated_kinds;
  /// Why a pod is not part of the mesh; empty when it is.
  std::function<std::string(const nlohmann::json& pod)> why_not_in_mesh;
  /// SMI documents to the mesh's objects in these namespaces, with everything denied there that no TrafficTarget grants
  /// (mode=strict). `owner` goes on the objects.
  std::function<Result<translate::Emission>(const std::vector<nlohmann::json>& documents,
                                            const std::set<std::string>& namespaces, const std::string& owner)>
      translate;
  /// Site::TrafficMetrics for a resource of a namespace; empty: the adapter has no source.
  std::function<Result<nlohmann::json>(const std::string& name_space, const std::string& resource,
                                       std::chrono::seconds window)>
      metrics;
};

/// How an adapter finds the mesh of an attempt. Errors: kFailedPrecondition PREREQUISITE_MISSING.
using FindMesh = std::function<Result<MeshUnderTest>(common::Attempt& attempt)>;

}  // namespace meshplay::conformance
