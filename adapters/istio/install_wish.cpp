#include <algorithm>
#include <cstdlib>

#include "adapters/istio/control_planes.h"
#include "adapters/istio/internal/install_wish.h"
#include "adapters/istio/internal/versions.h"
#include "libs/base/duration.h"
#include "libs/base/json.h"

namespace meshplay::istio {
namespace {

using common::Attempt;
using nlohmann::json;

const json& ObjectAt(const json& parameters, const char* key) {
  static const json kEmpty = json::object();
  const auto found = parameters.find(key);
  return found != parameters.end() && found->is_object() ? *found : kEmpty;
}

/// What installing needs and what RBAC most often withholds.
std::vector<kube::AccessQuestion> Needed(const InstallWish& wish) {
  std::vector<kube::AccessQuestion> needed = {
      {"create", "apiextensions.k8s.io", "customresourcedefinitions"},
      {"patch", "apiextensions.k8s.io", "customresourcedefinitions"},
      {"create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"},
      {"create", "admissionregistration.k8s.io", "validatingwebhookconfigurations"},
      {"create", "rbac.authorization.k8s.io", "clusterroles"},
      {"create", "rbac.authorization.k8s.io", "clusterrolebindings"},
      {"create", "", "namespaces"},
      {"create", "coordination.k8s.io", "leases", "kube-system"},
      {"update", "coordination.k8s.io", "leases", "kube-system"}};
  for (const char* resource : {"secrets", "configmaps", "services", "serviceaccounts"}) {
    needed.push_back({"create", "", resource, wish.name_space});
  }
  needed.push_back({"create", "apps", "deployments", wish.name_space});
  needed.push_back({"patch", "apps", "deployments", wish.name_space});
  return needed;
}

Status LookAtCharts(helm::Helm& helm, const InstallWish& wish, InstallOutlook& outlook) {
  std::vector<std::string> charts = {"base", "istiod"};
  if (wish.gateway) charts.push_back("gateway");
  for (const std::string& chart : charts) {
    MP_TRY(const json metadata, helm.ChartMetadata(chart, wish.version));
    if (kube::TextAt(metadata, "/annotations/meshplay.dev~1stand-in") == "true") outlook.stand_in = true;
  }
  if (outlook.stand_in) {
    outlook.preflight.Warn(
        "STAND_IN_CHARTS",
        "The chart source holds stand-ins: objects with the names and labels of Istio's, but no mesh runs.");
  }
  return {};
}

void LookAtPlanes(const std::vector<ControlPlane>& planes, const InstallWish& wish, InstallOutlook& outlook) {
  for (const ControlPlane& plane : planes) {
    if (plane.key() == wish.mesh_key()) {
      if (plane.version == wish.version || plane.version.empty()) continue;
      outlook.preflight.Block(
          FailedPrecondition("PREREQUISITE_MISSING",
                             "Istio " + plane.version + " is installed as " + plane.key() + " already")
              .WithRemediation("Uninstall it first, or install " + wish.version + " under a revision of its own."));
    } else if (plane.revision == wish.plane_revision) {
      outlook.preflight.Block(
          Aborted("RELEASE_OWNERSHIP",
                  "the revision " + plane.revision + " is served from the namespace " + plane.name_space + " already")
              .WithRemediation("Choose another revision: its webhooks and cluster roles have the same names."));
    } else {
      outlook.preflight.Warn("OTHER_REVISION", "Istio " + plane.version + " runs beside it as " + plane.key());
    }
  }
}

Status LookAtReleases(helm::Helm& helm, const InstallWish& wish, InstallOutlook& outlook) {
  MP_TRY(const auto base, helm.Find({kBaseRelease, wish.name_space}));
  MP_TRY(const auto istiod, helm.Find({wish.istiod(), wish.name_space}));
  outlook.base_exists = base.has_value();
  outlook.istiod_exists = istiod.has_value();
  outlook.base_is_newer = base && base->status == "deployed" && IsOlder(wish.version, base->chart_version);
  if (!wish.gateway) return {};
  MP_TRY(const auto gateway, helm.Find({wish.gateway_name, wish.gateway_namespace}));
  outlook.gateway_exists = gateway.has_value();
  return {};
}

}  // namespace

bool IsOlder(const std::string& a, const std::string& b) {
  std::size_t at_a = 0, at_b = 0;
  for (int part = 0; part < 3; ++part) {
    const long number_a = std::strtol(a.c_str() + std::min(at_a, a.size()), nullptr, 10);
    const long number_b = std::strtol(b.c_str() + std::min(at_b, b.size()), nullptr, 10);
    if (number_a != number_b) return number_a < number_b;
    at_a = a.find('.', at_a) == std::string::npos ? a.size() : a.find('.', at_a) + 1;
    at_b = b.find('.', at_b) == std::string::npos ? b.size() : b.find('.', at_b) + 1;
  }
  return false;
}

helm::ChartRequest InstallWish::Base(const std::string& default_revision) const {
  helm::ChartRequest request;
  request.release = {kBaseRelease, name_space};
  request.chart = "base";
  request.version = version;
  request.values = {{"defaultRevision", default_revision}};
  if (name_space != "istio-system") request.values["global"]["istioNamespace"] = name_space;
  MergePatch(request.values, base_values);
  return request;
}

helm::ChartRequest InstallWish::Istiod() const {
  helm::ChartRequest request;
  request.release = {istiod(), name_space};
  request.chart = "istiod";
  request.version = version;
  if (profile != "default") request.values["profile"] = profile;
  if (!revision.empty()) request.values["revision"] = revision;
  if (name_space != "istio-system") request.values["global"]["istioNamespace"] = name_space;
  MergePatch(request.values, values);
  return request;
}

helm::ChartRequest InstallWish::Gateway() const {
  helm::ChartRequest request;
  request.release = {gateway_name, gateway_namespace};
  request.chart = "gateway";
  request.version = version;
  request.values = {{"service", {{"type", service_type}}}};
  if (!revision.empty()) request.values["revision"] = revision;
  MergePatch(request.values, gateway_values);
  return request;
}

Result<InstallWish> ReadInstallWish(const Attempt& attempt) {
  const json& parameters = attempt.parameters();
  InstallWish wish;
  wish.version = attempt.Text("version", kDefaultVersion);
  wish.profile = attempt.Text("profile", "default");
  wish.name_space = attempt.Text("namespace", "istio-system");
  wish.revision = attempt.Text("revision");
  if (wish.revision == "default") wish.revision.clear();
  wish.plane_revision = wish.revision.empty() ? "default" : wish.revision;
  wish.chart_source = attempt.Text("chart_source");
  wish.values = ObjectAt(parameters, "values");
  wish.base_values = ObjectAt(parameters, "base_values");
  const json& gateway = ObjectAt(parameters, "gateway");
  wish.gateway = gateway.value("enabled", false);
  wish.gateway_name = gateway.value("name", std::string("istio-ingress"));
  wish.gateway_namespace = gateway.value("namespace", std::string("istio-ingress"));
  wish.service_type = gateway.value("service_type", std::string("ClusterIP"));
  wish.gateway_values = ObjectAt(gateway, "values");
  MP_TRY(wish.ready_timeout, ParseDuration(attempt.Text("ready_timeout", "5m")));
  return wish;
}

Result<InstallOutlook> LookAround(Attempt& attempt, helm::Helm& helm, const InstallWish& wish) {
  InstallOutlook outlook;
  common::Preflight& preflight = outlook.preflight;
  kube::Client& client = attempt.kube();
  const kube::Call call = attempt.call();
  MP_CHECK(LookAtCharts(helm, wish, outlook));
  MP_CHECK(common::CheckPermissions(preflight, client, Needed(wish), call));
  if (preflight.blocker) return outlook;  // what follows would only say it again, less clearly
  common::CheckKubernetes(preflight, attempt.cluster().kubernetes_version, LeastKubernetesMinor(wish.version),
                          kTestedKubernetesMinor);
  MP_TRY(const auto existing, client.Find({{"", "v1", "Namespace"}, "", wish.name_space}, call));
  outlook.namespace_exists = existing.has_value();
  if (existing && kube::IsBeingDeleted(*existing)) {
    preflight.Block(
        FailedPrecondition("NAMESPACE_TERMINATING", "the namespace " + wish.name_space + " is being deleted"));
  }
  MP_TRY(const ClusterObjects objects, ReadClusterObjects(client, call));
  LookAtPlanes(FindControlPlanes(objects), wish, outlook);
  MP_CHECK(common::CheckOtherMeshes(preflight, client, "istio", call));
  MP_CHECK(common::CheckDeadWebhooks(preflight, client, call));
  MP_CHECK(common::CheckCrdOwnership(preflight, client, ".istio.io", kBaseRelease, wish.name_space, call));
  MP_CHECK(LookAtReleases(helm, wish, outlook));
  // One revision validates for the whole cluster; a further one does not take that over.
  outlook.default_revision = wish.plane_revision;
  const kube::ObjectRef validator{
      {"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"}, "", "istiod-default-validator"};
  MP_TRY(const auto validating, client.Find(validator, call));
  if (validating && !kube::LabelOf(*validating, "istio.io/rev").empty()) {
    outlook.default_revision = kube::LabelOf(*validating, "istio.io/rev");
  }
  return outlook;
}

}  // namespace meshplay::istio
