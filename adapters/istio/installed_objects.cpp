#include <functional>
#include <initializer_list>

#include "adapters/common/ownership.h"
#include "adapters/istio/internal/installed_objects.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;

constexpr char kGroupSuffix[] = ".istio.io";

/// Kinds of the charts and of istiod's own leavings, in the order in which they should go.
struct Kind {
  kube::Gvk gvk;
  bool in_plane_namespace;  ///< Else cluster-wide.
};

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kKinds = {
      {{"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"}, false},
      {{"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"}, false},
      {{"autoscaling", "v2", "HorizontalPodAutoscaler"}, true},
      {{"policy", "v1", "PodDisruptionBudget"}, true},
      {{"apps", "v1", "Deployment"}, true},
      {{"apps", "v1", "DaemonSet"}, true},
      {{"", "v1", "Service"}, true},
      {{"", "v1", "ConfigMap"}, true},
      {{"", "v1", "Secret"}, true},
      {{"coordination.k8s.io", "v1", "Lease"}, true},
      {{"rbac.authorization.k8s.io", "v1", "RoleBinding"}, true},
      {{"rbac.authorization.k8s.io", "v1", "Role"}, true},
      {{"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"}, false},
      {{"rbac.authorization.k8s.io", "v1", "ClusterRole"}, false},
      {{"", "v1", "ServiceAccount"}, true}};
  return kKinds;
}

bool StartsWithAny(const std::string& name, std::initializer_list<const char*> prefixes) {
  for (const char* prefix : prefixes) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

/// Made by the charts or by istioctl: one of these says so.
bool IsIstios(const json& object) {
  if (kube::LabelOf(object, "app.kubernetes.io/part-of") == "istio") return true;
  if (!kube::LabelOf(object, "operator.istio.io/component").empty()) return true;
  return !kube::LabelOf(object, "istio.io/tag").empty();
}

bool IsOfRevision(const json& object, const UninstallScope& scope) {
  const std::string revision = kube::LabelOf(object, "istio.io/rev");
  if (!revision.empty()) return revision == scope.revision;
  return kube::LabelOf(object, "release") == scope.istiod() ||
         kube::LabelOf(object, "app.kubernetes.io/instance") == scope.istiod();
}

/// What istiod writes by itself, without labels of the chart.
bool IsLeftByIstiod(const json& object, const UninstallScope& scope) {
  const std::string name = kube::NameOf(object);
  const std::string kind = kube::GvkOf(object).kind;
  if (kind == "Secret") return scope.last && (name == "istio-ca-secret" || name == "cacerts-istiod");
  if (kind == "Lease") return scope.last && StartsWithAny(name, {"istio-", "istiod-"});
  if (kind == "ConfigMap") {
    return scope.last && StartsWithAny(name, {"istio-leader", "istio-namespace-controller-election", "istio-gateway-",
                                              "istio-validation-controller-election"});
  }
  return false;
}

/// The lists of Meshplay's own sets whose objects go with the definitions.
bool IsPolicyInventory(const json& object, const UninstallScope& scope) {
  const std::string set = kube::LabelOf(object, "meshplay.dev/set");
  return scope.last && common::IsOurs(object, "istio") && (set == "smi" || set == "mtls");
}

bool Goes(const json& object, const UninstallScope& scope) {
  if (IsLeftByIstiod(object, scope)) return true;
  return IsIstios(object) && (scope.last || IsOfRevision(object, scope));
}

Status Collect(kube::Client& client, const kube::Gvk& gvk, const kube::Selection& selection, const kube::Call& call,
               const std::function<bool(const json&)>& wanted, std::vector<json>& out) {
  auto list = client.List(gvk, selection, call);
  if (!list) {
    if (list.error().reason() == "KIND_UNKNOWN") return {};
    return Error(list.error()).Doing("list " + gvk.kind);
  }
  for (json& object : list->items) {
    if (wanted(object)) out.push_back(std::move(object));
  }
  return {};
}

}  // namespace

Result<std::vector<json>> FindInstalledObjects(kube::Client& client, const UninstallScope& scope,
                                               const kube::Call& call) {
  std::vector<json> found;
  for (const Kind& kind : Kinds()) {
    const kube::Selection selection{kind.in_plane_namespace ? scope.name_space : "", "", ""};
    MP_CHECK(Collect(
        client, kind.gvk, selection, call, [&](const json& object) { return Goes(object, scope); }, found));
  }
  if (!scope.last) return found;
  const kube::Gvk config_maps{"", "v1", "ConfigMap"};
  MP_CHECK(Collect(
      client, config_maps, {}, call,
      [&](const json& object) {
        return kube::NameOf(object) == "istio-ca-root-cert" || IsPolicyInventory(object, scope);
      },
      found));
  if (scope.keep_definitions) return found;
  MP_CHECK(Collect(
      client, {"apiextensions.k8s.io", "v1", "CustomResourceDefinition"}, {}, call,
      [](const json& object) { return kube::TextAt(object, "/spec/group").ends_with(kGroupSuffix); }, found));
  return found;
}

Result<std::vector<kube::ObjectRef>> FindUserPolicies(kube::Client& client, const kube::Call& call) {
  MP_TRY(const std::vector<kube::ResourceType> types, client.ResourceTypes(call));
  std::vector<kube::ObjectRef> refs;
  for (const kube::ResourceType& type : types) {
    const bool istios = type.gvk.group.ends_with(kGroupSuffix) && type.preferred_version && type.Can("list") &&
                        type.plural.find('/') == std::string::npos;
    if (!istios) continue;
    std::vector<json> objects;
    MP_CHECK(Collect(
        client, type.gvk, {}, call, [](const json& object) { return common::OwnerOf(object).empty(); }, objects));
    for (const json& object : objects) refs.push_back(kube::RefOf(object));
  }
  return refs;
}

}  // namespace meshplay::istio
