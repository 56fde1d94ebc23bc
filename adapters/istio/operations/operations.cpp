#include "adapters/istio/operations/operations.h"

namespace meshplay::istio {

pb::OperationDescriptor Describe(const std::string& type, pb::OperationCategory category, const std::string& title,
                                 const std::string& description, const char* schema) {
  return common::Describe(type, category, title, description, schema);
}

void AddAliases(pb::OperationDescriptor& descriptor,
                std::initializer_list<std::pair<const char*, const char*>> names_and_parameters) {
  for (const auto& [name, parameters] : names_and_parameters) {
    pb::OperationAlias& alias = *descriptor.add_aliases();
    alias.set_id(name);
    alias.set_parameters_json(parameters);
  }
}

Result<ControlPlane> TargetPlane(common::Attempt& attempt) {
  MP_TRY(const ClusterObjects objects, ReadClusterObjects(attempt.kube(), attempt.call()));
  const std::vector<ControlPlane> planes = FindControlPlanes(objects);
  const std::string& asked = attempt.task().offer().target().mesh_key();
  const ControlPlane* chosen = planes.size() == 1 && asked.empty() ? &planes.front() : nullptr;
  for (const ControlPlane& plane : planes) {
    const bool wanted = asked.empty() ? plane.revision == "default" : plane.key() == asked;
    if (wanted) chosen = &plane;
  }
  if (chosen != nullptr) return *chosen;
  const std::string what = asked.empty() ? "there is no Istio on this cluster" : "there is no Istio " + asked;
  return FailedPrecondition("PREREQUISITE_MISSING", what)
      .WithRemediation("Install Istio first (istio.install), or name the mesh.");
}

Result<helm::Helm> HelmFactory::For(const common::Cluster& cluster, const std::string& asked) const {
  helm::HelmOptions out;
  out.program = options.helm_program;
  out.kubeconfig_path = cluster.context.empty() ? "" : options.clusters.kubeconfig_path;
  out.context = cluster.context;
  out.work_directory = options.work_directory;
  out.call_timeout = kHelmTimeout;
  out.source = source;
  if (!asked.empty()) {
    MP_TRY(out.source, helm::ParseChartSource(asked));
    const bool local =
        out.source.kind != helm::ChartSource::Kind::kRepository && out.source.kind != helm::ChartSource::Kind::kOci;
    if (local) {
      return InvalidArgument("CHART_SOURCE_INVALID", "a request may name a repository or an OCI reference only")
          .WithViolation("/chart_source", "files belong to the adapter's command line");
    }
  }
  return helm::Helm(std::move(out));
}

}  // namespace meshplay::istio
