#include "adapters/common/release_plan.h"

namespace meshplay::common {

using nlohmann::json;

namespace {

/// The field manager of helm 4.
constexpr char kHelmManager[] = "helm";

}  // namespace

Result<std::vector<json>> RenderRelease(Attempt& attempt, helm::Helm& helm, const helm::ChartRequest& request,
                                        bool is_upgrade) {
  MP_TRY(std::vector<json> objects, helm.Template(request, attempt.cluster().kubernetes_version, is_upgrade));
  for (json& object : objects) {
    json& metadata = object["metadata"];
    metadata["labels"]["app.kubernetes.io/managed-by"] = "Helm";
    metadata["annotations"]["meta.helm.sh/release-name"] = request.release.name;
    metadata["annotations"]["meta.helm.sh/release-namespace"] = request.release.name_space;
    if (!kube::NamespaceOf(object).empty()) continue;
    const auto type = attempt.kube().Resolve(kube::GvkOf(object), attempt.call());
    if (type && type->namespaced) metadata["namespace"] = request.release.name_space;
    if (!type && type.error().reason() != "KIND_UNKNOWN") return type.error();
  }
  return objects;
}

Result<std::vector<PlannedObject>> PlanRelease(Attempt& attempt, const std::vector<json>& rendered,
                                               std::vector<json> earlier) {
  PlanRules rules;
  rules.field_manager = kHelmManager;
  rules.earlier = std::move(earlier);
  return PlanObjects(attempt.kube(), rendered, rules, attempt.call());
}

}  // namespace meshplay::common
