#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meshplay::metrics {

/// The resources of the SMI metrics API that Meshplay serves, spelled as its clients spell them.
enum class Kind { kNamespace, kDeployment, kDaemonset, kStatefulset, kPod };

std::optional<Kind> KindOfPlural(std::string_view plural);  ///< "deployments"
std::string_view PluralOf(Kind kind);
std::string_view NameOf(Kind kind);  ///< "Deployment", "Daemonset": as smi-metrics spells them.
const std::vector<Kind>& AllKinds();

/// The labels by which series name a workload; `name` is empty for a namespace.
struct WorkloadLabels {
  std::string name;
  std::string name_space;
};

/// How a mesh names its telemetry in Prometheus (06 §2.3). The names are the documented defaults of the mesh.
struct Dialect {
  std::string mesh_type;
  std::string latency_metric;  ///< A histogram's _bucket series.
  double latency_to_ms = 1;    ///< Its unit times this is milliseconds.
  std::string count_metric;
  std::string success, failure;  ///< Matchers of count_metric.
  std::string resource_matcher;  ///< Of the series measured where the request arrives.
  std::string edge_matcher;      ///< Of the series that know both ends.
  std::string unknown;           ///< What the series hold where a workload is not known, as outside the mesh.
  bool edges_at_client = false;  ///< Where the edge series are measured.
  std::optional<WorkloadLabels> (*resource_labels)(Kind) = nullptr;
  std::optional<WorkloadLabels> (*source_labels)(Kind) = nullptr;       ///< Of an edge; nothing: no edges of the kind.
  std::optional<WorkloadLabels> (*destination_labels)(Kind) = nullptr;  ///< Likewise.
};

/// "istio" and "linkerd". Nothing for other meshes: their series name services, not workloads.
const Dialect* DialectOf(std::string_view mesh_type);

}  // namespace meshplay::metrics
