#include "adapters/metrics/dialect.h"

#include <array>

namespace meshplay::metrics {
namespace {

struct KindNames {
  Kind kind;
  std::string_view plural, name, label;
};
constexpr std::array<KindNames, 5> kKinds = {{{Kind::kNamespace, "namespaces", "Namespace", "namespace"},
                                              {Kind::kDeployment, "deployments", "Deployment", "deployment"},
                                              {Kind::kDaemonset, "daemonsets", "Daemonset", "daemonset"},
                                              {Kind::kStatefulset, "statefulsets", "Statefulset", "statefulset"},
                                              {Kind::kPod, "pods", "Pod", "pod"}}};

const KindNames& NamesOf(Kind kind) {
  for (const KindNames& names : kKinds) {
    if (names.kind == kind) return names;
  }
  return kKinds.front();
}

// Istio's telemetry names workloads without their kind; the pod comes from the scrape.
std::optional<WorkloadLabels> IstioResource(Kind kind) {
  if (kind == Kind::kNamespace) return WorkloadLabels{"", "destination_workload_namespace"};
  if (kind == Kind::kPod) return WorkloadLabels{"pod", "namespace"};
  return WorkloadLabels{"destination_workload", "destination_workload_namespace"};
}
std::optional<WorkloadLabels> IstioSource(Kind kind) {
  if (kind == Kind::kPod) return std::nullopt;
  return WorkloadLabels{kind == Kind::kNamespace ? "" : "source_workload", "source_workload_namespace"};
}
std::optional<WorkloadLabels> IstioDestination(Kind kind) {
  if (kind == Kind::kPod) return std::nullopt;
  return IstioResource(kind);
}

std::optional<WorkloadLabels> LinkerdResource(Kind kind) {
  return WorkloadLabels{kind == Kind::kNamespace ? "" : std::string(NamesOf(kind).label), "namespace"};
}
std::optional<WorkloadLabels> LinkerdDestination(Kind kind) {
  return WorkloadLabels{kind == Kind::kNamespace ? "" : "dst_" + std::string(NamesOf(kind).label), "dst_namespace"};
}

const std::vector<Dialect>& Dialects() {
  static const std::vector<Dialect> dialects = {
      {"istio", "istio_request_duration_milliseconds_bucket", 1, "istio_requests_total", R"(response_code!~"5..")",
       R"(response_code=~"5..")", R"(reporter="destination")", R"(reporter="destination")", "unknown", false,
       IstioResource, IstioSource, IstioDestination},
      {"linkerd", "response_latency_ms_bucket", 1, "response_total", R"(classification="success")",
       R"(classification="failure")", R"(direction="inbound")", R"(direction="outbound")", "", true, LinkerdResource,
       LinkerdResource, LinkerdDestination}};
  return dialects;
}

}  // namespace

std::optional<Kind> KindOfPlural(std::string_view plural) {
  for (const KindNames& names : kKinds) {
    if (names.plural == plural) return names.kind;
  }
  return std::nullopt;
}
std::string_view PluralOf(Kind kind) {
  return NamesOf(kind).plural;
}
std::string_view NameOf(Kind kind) {
  return NamesOf(kind).name;
}
const std::vector<Kind>& AllKinds() {
  static const std::vector<Kind> kinds = [] {
    std::vector<Kind> all;
    for (const KindNames& names : kKinds) all.push_back(names.kind);
    return all;
  }();
  return kinds;
}

const Dialect* DialectOf(std::string_view mesh_type) {
  for (const Dialect& dialect : Dialects()) {
    if (dialect.mesh_type == mesh_type) return &dialect;
  }
  return nullptr;
}

}  // namespace meshplay::metrics
