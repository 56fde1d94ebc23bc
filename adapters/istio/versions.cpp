#include <initializer_list>

#include "adapters/istio/internal/install_wish.h"
#include "adapters/istio/internal/versions.h"

namespace meshplay::istio {
namespace {

struct Release {
  const char* version;
  int least_kubernetes_minor;
};
constexpr Release kReleases[] = {{"1.30.3", 32}, {"1.29.6", 31}, {"1.28.10", 30}};

pb::SmiSupport Support(const char* api_version, const char* kind, pb::SupportLevel level,
                       std::initializer_list<std::pair<const char*, const char*>> limits) {
  pb::SmiSupport support;
  support.set_api_version(api_version);
  support.set_kind(kind);
  support.set_level(level);
  for (const auto& [feature, note] : limits) {
    pb::FeatureSupport& entry = *support.add_features();
    entry.set_feature(feature);
    entry.set_level(pb::SUPPORT_LEVEL_NONE);
    entry.set_note(note);
  }
  return support;
}

pb::PermissionRule Rule(std::initializer_list<const char*> groups, std::initializer_list<const char*> resources,
                        std::initializer_list<const char*> verbs, const char* why) {
  pb::PermissionRule rule;
  for (const char* group : groups) rule.add_api_groups(group);
  for (const char* resource : resources) rule.add_resources(resource);
  for (const char* verb : verbs) rule.add_verbs(verb);
  rule.set_why(why);
  return rule;
}

}  // namespace

int LeastKubernetesMinor(const std::string& istio_version) {
  for (const Release& release : kReleases) {
    const std::string known = release.version;
    if (!IsOlder(istio_version, known.substr(0, known.rfind('.')) + ".0")) return release.least_kubernetes_minor;
  }
  return kReleases[std::size(kReleases) - 1].least_kubernetes_minor;
}

std::vector<pb::MeshVersionSupport> SupportedVersions() {
  std::vector<pb::MeshVersionSupport> versions;
  for (const Release& release : kReleases) {
    pb::MeshVersionSupport& support = versions.emplace_back();
    support.set_version(release.version);
    support.set_installable(true);
    support.set_kubernetes_range(">=1." + std::to_string(release.least_kubernetes_minor));
  }
  return versions;
}

std::vector<pb::SmiSupport> SmiSupports() {
  return {Support("split.smi-spec.io/v1alpha4", "TrafficSplit", pb::SUPPORT_LEVEL_FULL, {}),
          Support("access.smi-spec.io/v1alpha3", "TrafficTarget", pb::SUPPORT_LEVEL_PARTIAL,
                  {{"path-regex", "AuthorizationPolicy has no regular expressions: such a match is dropped"},
                   {"udp", "sidecars carry no UDP"}}),
          Support("specs.smi-spec.io/v1alpha4", "HTTPRouteGroup", pb::SUPPORT_LEVEL_PARTIAL,
                  {{"path-regex", "as a TrafficTarget's rule: only literals, prefixes, suffixes and templates"},
                   {"header-regex", "as a TrafficTarget's rule: only exact, prefix, suffix and presence"}}),
          Support("specs.smi-spec.io/v1alpha4", "TCPRoute", pb::SUPPORT_LEVEL_FULL, {})};
}

std::vector<pb::PermissionRule> RequiredPermissions() {
  const auto everything = {"get", "list", "watch", "create", "update", "patch", "delete"};
  return {
      Rule({"apiextensions.k8s.io"}, {"customresourcedefinitions"}, everything, "Istio's custom resources"),
      Rule({"admissionregistration.k8s.io"}, {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"},
           everything, "injection and validation"),
      Rule({"rbac.authorization.k8s.io"}, {"clusterroles", "clusterrolebindings", "roles", "rolebindings"},
           {"get", "list", "watch", "create", "update", "patch", "delete", "bind", "escalate"},
           "the control plane's own permissions"),
      Rule({""}, {"namespaces", "services", "serviceaccounts", "configmaps", "secrets"}, everything,
           "control plane, sample application, helm's release records"),
      Rule({""}, {"pods"}, {"get", "list", "watch"}, "which workloads have a sidecar"),
      Rule({""}, {"pods/exec", "pods/proxy"}, {"get", "create"},
           "conformance runs, in their scratch namespaces; istiod tells which proxies have a policy"),
      Rule({"apps"}, {"deployments", "statefulsets", "daemonsets", "replicasets"}, everything,
           "control plane, sample application, restarts"),
      Rule({"batch"}, {"jobs", "cronjobs"}, {"get", "list", "watch"}, "identities of workloads"),
      Rule({"autoscaling", "policy"}, {"horizontalpodautoscalers", "poddisruptionbudgets"}, everything,
           "control plane"),
      Rule({"networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"}, {"*"}, everything,
           "policies and routes"),
      Rule({"access.smi-spec.io", "specs.smi-spec.io", "split.smi-spec.io"}, {"*"}, {"get", "list", "watch", "patch"},
           "in-cluster SMI: what to translate, its status and finalizer"),
      Rule({""}, {"events"}, {"get", "create", "patch"}, "in-cluster SMI: what became of an object"),
      Rule({"coordination.k8s.io"}, {"leases"}, everything, "the fence in kube-system"),
      Rule({"apiregistration.k8s.io"}, {"apiservices"}, everything, "SMI metrics API: makes the API server serve it"),
      Rule({"discovery.k8s.io"}, {"endpointslices"}, everything, "SMI metrics API: where an adapter outside is"),
      Rule({"authorization.k8s.io"}, {"subjectaccessreviews"}, {"create"}, "SMI metrics API: who may see what"),
      Rule({"authorization.k8s.io"}, {"selfsubjectaccessreviews"}, {"create"}, "preflight")};
}

}  // namespace meshplay::istio
