#include "adapters/istio/control_planes.h"

#include <algorithm>
#include <map>

#include "adapters/kube/readiness.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;

constexpr char kDefaultRevision[] = "default";

bool IsVersion(const std::string& text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9' && text.find('.') != std::string::npos;
}

std::string BaseName(const std::string& image) {
  const std::string bare = image.substr(0, image.find('@'));
  const std::size_t slash = bare.rfind('/');
  const std::string last = slash == std::string::npos ? bare : bare.substr(slash + 1);
  return last.substr(0, last.find(':'));
}

/// The image of the container that makes a Deployment an istiod; empty when none does.
std::string PilotImage(const json& deployment) {
  std::string image;
  const json& containers = kube::ValueAt(deployment, "/spec/template/spec/containers");
  for (const json& container : containers.is_array() ? containers : json::array()) {
    const std::string candidate = kube::TextAt(container, "/image");
    if (kube::TextAt(container, "/name") == "discovery" || BaseName(candidate) == "pilot") image = candidate;
  }
  return image;
}

ControlPlane ReadPlane(const json& deployment, const std::string& image) {
  ControlPlane plane;
  plane.name_space = kube::NamespaceOf(deployment);
  plane.deployment = kube::NameOf(deployment);
  plane.revision = kube::LabelOf(deployment, "istio.io/rev");
  if (plane.revision.empty()) plane.revision = kDefaultRevision;
  plane.version = VersionOfImage(image);
  const std::string label = kube::LabelOf(deployment, "app.kubernetes.io/version");
  if (IsVersion(label)) plane.version = label;
  plane.managed = !kube::LabelOf(deployment, "meshplay.dev/owner").empty();
  plane.stand_in = !kube::LabelOf(deployment, "meshplay.dev/stand-in").empty();
  plane.object = deployment;
  return plane;
}

}  // namespace

std::string VersionOfImage(const std::string& image) {
  const std::string bare = image.substr(0, image.find('@'));
  const std::size_t slash = bare.rfind('/');
  const std::size_t colon = bare.find(':', slash == std::string::npos ? 0 : slash);
  if (colon == std::string::npos) return {};
  std::string tag = bare.substr(colon + 1);
  if (!IsVersion(tag)) return {};
  for (const char* variant : {"-distroless", "-debug"}) {
    const std::size_t at = tag.find(variant);
    if (at != std::string::npos) tag.resize(at);
  }
  return tag;
}

std::string RevisionOfNamespace(const json& name_space) {
  const std::string injection = kube::LabelOf(name_space, "istio-injection");
  if (injection == "enabled") return kDefaultRevision;
  if (!injection.empty()) return {};
  return kube::LabelOf(name_space, "istio.io/rev");
}

std::vector<ControlPlane> FindControlPlanes(const ClusterObjects& objects) {
  std::vector<ControlPlane> planes;
  for (const json& deployment : objects.deployments) {
    const std::string image = PilotImage(deployment);
    if (!image.empty()) planes.push_back(ReadPlane(deployment, image));
  }
  std::sort(planes.begin(), planes.end(), [](const auto& a, const auto& b) { return a.key() < b.key(); });

  std::map<std::string, std::string> tags;  // tag -> revision
  for (const json& webhook : objects.mutating_webhooks) {
    const std::string tag = kube::LabelOf(webhook, "istio.io/tag");
    if (!tag.empty()) tags[tag] = kube::LabelOf(webhook, "istio.io/rev");
  }
  for (ControlPlane& plane : planes) {
    for (const auto& [tag, revision] : tags) {
      if (revision == plane.revision) plane.tags.push_back(tag);
    }
    for (const json& name_space : objects.namespaces) {
      std::string revision = RevisionOfNamespace(name_space);
      const auto tag = tags.find(revision);
      if (tag != tags.end()) revision = tag->second;
      if (!revision.empty() && revision == plane.revision) {
        plane.injected_namespaces.push_back(kube::NameOf(name_space));
      }
    }
    std::sort(plane.injected_namespaces.begin(), plane.injected_namespaces.end());
  }
  return planes;
}

Result<ClusterObjects> ReadClusterObjects(kube::Client& client, const kube::Call& call) {
  ClusterObjects objects;
  MP_TRY(auto deployments, client.List({"apps", "v1", "Deployment"}, {"", "app=istiod", ""}, call));
  MP_TRY(auto namespaces, client.List({"", "v1", "Namespace"}, {}, call));
  MP_TRY(auto webhooks, client.List({"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"}, {}, call));
  objects.deployments = std::move(deployments.items);
  objects.namespaces = std::move(namespaces.items);
  objects.mutating_webhooks = std::move(webhooks.items);
  return objects;
}

pb::MeshFacts ToFacts(const ControlPlane& plane) {
  pb::MeshFacts facts;
  facts.set_mesh_key(plane.key());
  facts.set_mesh_type("istio");
  facts.set_version(plane.version);
  facts.set_revision(plane.revision);
  facts.set_mode("sidecar");
  facts.set_control_plane_namespace(plane.name_space);
  facts.set_managed(plane.managed);
  for (const std::string& name : plane.injected_namespaces) facts.add_member_namespaces(name);
  return facts;
}

pb::DetectedMesh ToDetected(const ControlPlane& plane) {
  pb::DetectedMesh mesh;
  mesh.set_mesh_key(plane.key());
  mesh.set_mesh_type("istio");
  mesh.set_version(plane.version);
  mesh.set_control_plane_namespace(plane.name_space);
  mesh.set_revision(plane.revision);
  mesh.set_managed(plane.managed);
  for (const std::string& name : plane.injected_namespaces) mesh.add_injected_namespaces(name);
  const kube::HealthVerdict verdict = kube::JudgeHealth(plane.object);
  pb::Condition& ready = *mesh.add_conditions();
  ready.set_type("Ready");
  ready.set_status(verdict.health == kube::Health::kHealthy ? pb::CONDITION_STATUS_TRUE : pb::CONDITION_STATUS_FALSE);
  ready.set_reason(verdict.health == kube::Health::kHealthy ? "DeploymentAvailable" : "DeploymentNotAvailable");
  ready.set_message(verdict.message);
  if (plane.stand_in) {
    pb::Condition& stand_in = *mesh.add_conditions();
    stand_in.set_type("StandIn");
    stand_in.set_status(pb::CONDITION_STATUS_TRUE);
    stand_in.set_reason("StandInCharts");
    stand_in.set_message("installed from stand-in charts: no mesh runs here");
  }
  return mesh;
}

}  // namespace meshplay::istio
