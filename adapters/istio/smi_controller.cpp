#include "adapters/istio/internal/smi_controller.h"

#include "adapters/istio/emitter/emit.h"
#include "adapters/istio/internal/smi_facts.h"
#include "adapters/istio/operations/operations.h"

namespace meshplay::istio {
namespace {

Result<translate::Emission> Emit(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                 const translate::OptionMap& wanted) {
  EmitOptions options;
  options.owner = controller::kOwner;
  options.owner_references = true;
  for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
  return EmitSmi(set, facts, options);
}

Status Complete(kube::Client& client, const std::string& mesh_key, const kube::Call& call, smi::ClusterFacts& facts) {
  MP_TRY(const ClusterObjects objects, ReadClusterObjects(client, call));
  const std::vector<ControlPlane> planes = FindControlPlanes(objects);
  for (const ControlPlane& plane : planes) {
    if (plane.key() == mesh_key) return CompleteFacts(client, plane, call, facts);
  }
  return FailedPrecondition("PREREQUISITE_MISSING", "there is no Istio " + mesh_key);
}

}  // namespace

controller::MeshTraits SmiTraits() {
  controller::MeshTraits traits;
  traits.mesh_type = "istio";
  traits.emitter = {"istio", Emit};
  traits.kinds = {
      {"networking.istio.io", "v1", "VirtualService"},    {"networking.istio.io", "v1alpha3", "EnvoyFilter"},
      {"security.istio.io", "v1", "AuthorizationPolicy"}, {"security.istio.io", "v1", "PeerAuthentication"},
      {"gateway.networking.k8s.io", "v1", "Gateway"},     {"gateway.networking.k8s.io", "v1", "HTTPRoute"},
      {"gateway.networking.k8s.io", "v1", "TCPRoute"},    {"gateway.networking.k8s.io", "v1alpha2", "TCPRoute"}};
  traits.complete = Complete;
  return traits;
}

Result<controller::MeshPlace> FindPlace(common::Attempt& attempt) {
  MP_TRY(const ControlPlane plane, TargetPlane(attempt));
  return controller::MeshPlace{plane.key(), plane.name_space};
}

}  // namespace meshplay::istio
