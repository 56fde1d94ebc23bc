#include "adapters/common/preflight.h"

#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "adapters/common/convert.h"

namespace meshplay::common {
namespace {

using nlohmann::json;

struct Marker {
  std::string_view mesh_type;
  std::string_view title;
  std::string_view webhook;  ///< A webhook configuration whose name starts so belongs to it.
};

constexpr std::array<Marker, 8> kMarkers = {
    {{"istio", "Istio", "istio-sidecar-injector"},
     {"linkerd", "Linkerd", "linkerd-proxy-injector"},
     {"consul", "Consul", "consul-connect-injector"},
     {"kuma", "Kuma", "kuma-admission-mutating"},
     {"osm", "Open Service Mesh", "osm-webhook"},
     {"nginx-service-mesh", "NGINX Service Mesh", "sidecar-injector-webhook-cfg"},
     {"app-mesh", "AWS App Mesh", "appmesh-controller"},
     {"nsm", "Network Service Mesh", "nsm-mutating-webhook"}}};

/// The minor number of "v1.37.2"; -1 when it is none.
int MinorOf(const std::string& git_version) {
  const std::size_t dot = git_version.find('.');
  return dot == std::string::npos ? -1 : std::atoi(git_version.c_str() + dot + 1);
}

const kube::Gvk& WebhookKind(bool mutating) {
  static const kube::Gvk kMutating{"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"};
  static const kube::Gvk kValidating{"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"};
  return mutating ? kMutating : kValidating;
}

std::string Words(const kube::AccessQuestion& question) {
  std::string text = question.verb + " " + question.resource;
  if (!question.group.empty()) text += "." + question.group;
  if (!question.name_space.empty()) text += " in " + question.name_space;
  return text;
}

}  // namespace

void Preflight::Warn(std::string code, std::string summary, std::string detail) {
  diagnostics.push_back(MakeDiagnostic(pb::SEVERITY_WARNING, std::move(code), std::move(summary), std::move(detail)));
}

void Preflight::Block(Error error) {
  diagnostics.push_back(MakeDiagnostic(pb::SEVERITY_ERROR, error.reason(), error.message(), error.remediation()));
  if (!blocker) blocker = std::move(error);
}

void CheckKubernetes(Preflight& preflight, const std::string& git_version, int min_minor, int max_minor) {
  const int minor = MinorOf(git_version);
  if (minor < 0) return;
  const std::string least = "1." + std::to_string(min_minor);
  if (minor < min_minor) {
    preflight.Block(FailedPrecondition("PREREQUISITE_MISSING",
                                       "the cluster runs Kubernetes " + git_version + "; this needs at least " + least)
                        .WithRemediation("Upgrade the cluster, or choose an older version of the mesh."));
  } else if (minor > max_minor) {
    preflight.Warn("KUBERNETES_UNTESTED",
                   "Kubernetes " + git_version + " is newer than what this version was tested with",
                   "Tested up to 1." + std::to_string(max_minor) + ".");
  }
}

Status CheckOtherMeshes(Preflight& preflight, kube::Client& client, std::string_view own_mesh_type,
                        const kube::Call& call) {
  for (const bool mutating : {true, false}) {
    MP_TRY(const kube::ObjectList webhooks, client.List(WebhookKind(mutating), {}, call));
    for (const json& object : webhooks.items) {
      for (const Marker& marker : kMarkers) {
        if (marker.mesh_type == own_mesh_type || !kube::NameOf(object).starts_with(marker.webhook)) continue;
        preflight.Warn("OTHER_MESH", std::string(marker.title) + " is on this cluster too",
                       "Its webhook configuration " + kube::NameOf(object) +
                           " was found. Keep the namespaces of the two meshes apart.");
      }
    }
  }
  return {};
}

Status CheckPermissions(Preflight& preflight, kube::Client& client, const std::vector<kube::AccessQuestion>& needed,
                        const kube::Call& call) {
  MP_TRY(const std::vector<kube::AccessAnswer> answers, client.CanI(needed, call));
  std::string missing;
  for (const kube::AccessAnswer& answer : answers) {
    if (!answer.allowed) missing += (missing.empty() ? "" : "; ") + Words(answer.question);
  }
  if (missing.empty()) return {};
  preflight.Block(Error(ErrorCode::kPermissionDenied, "TARGET_FORBIDDEN",
                        "the adapter's identity on the cluster may not: " + missing)
                      .WithRemediation("Grant these permissions to the identity of the kubeconfig context.")
                      .WithMetadata("missing", missing));
  return {};
}

Status CheckCrdOwnership(Preflight& preflight, kube::Client& client, std::string_view group_suffix,
                         const std::string& release, const std::string& name_space, const kube::Call& call) {
  MP_TRY(const kube::ObjectList crds,
         client.List({"apiextensions.k8s.io", "v1", "CustomResourceDefinition"}, {}, call));
  std::string foreign, stray;
  for (const json& crd : crds.items) {
    if (!kube::TextAt(crd, "/spec/group").ends_with(group_suffix)) continue;
    const std::string owner = kube::AnnotationOf(crd, "meta.helm.sh/release-name");
    const std::string owner_space = kube::AnnotationOf(crd, "meta.helm.sh/release-namespace");
    if (owner == release && owner_space == name_space) continue;
    (owner.empty() ? stray : foreign) +=
        " " + kube::NameOf(crd) + (owner.empty() ? "" : " (" + owner_space + "/" + owner + ")");
  }
  if (!foreign.empty()) {
    preflight.Block(Aborted("RELEASE_OWNERSHIP", "custom resources belong to another helm release:" + foreign)
                        .WithRemediation("Uninstall that release, or move the definitions to " + name_space + "/" +
                                         release + " by their meta.helm.sh annotations."));
  }
  if (!stray.empty()) {
    preflight.Block(Aborted("RELEASE_OWNERSHIP", "custom resources exist that no helm release owns:" + stray)
                        .WithRemediation("Delete them if nothing uses them, or label and annotate them for " +
                                         name_space + "/" + release + " as helm asks."));
  }
  return {};
}

Status CheckDeadWebhooks(Preflight& preflight, kube::Client& client, const kube::Call& call) {
  for (const bool mutating : {true, false}) {
    MP_TRY(const kube::ObjectList found, client.List(WebhookKind(mutating), {}, call));
    for (const json& object : found.items) {
      const json& webhooks = kube::ValueAt(object, "/webhooks");
      for (const json& webhook : webhooks.is_array() ? webhooks : json::array()) {
        const std::string service = kube::TextAt(webhook, "/clientConfig/service/name");
        const std::string name_space = kube::TextAt(webhook, "/clientConfig/service/namespace");
        if (service.empty() || kube::TextAt(webhook, "/failurePolicy") != "Fail") continue;
        MP_TRY(const auto alive, client.Find({{"", "v1", "Service"}, name_space, service}, call));
        if (alive) continue;
        preflight.Warn("DEAD_WEBHOOK",
                       "the webhook " + kube::NameOf(object) + " refuses what it covers: its Service is gone",
                       "Service " + name_space + "/" + service + " does not exist and failurePolicy is Fail.");
        break;
      }
    }
  }
  return {};
}

}  // namespace meshplay::common
