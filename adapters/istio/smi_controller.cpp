#include "adapters/istio/internal/smi_controller.h"

#include <memory>
#include <set>

#include "adapters/istio/emitter/emit.h"
#include "adapters/istio/internal/distribution.h"
#include "adapters/istio/internal/smi_facts.h"
#include "adapters/istio/operations/operations.h"
#include "libs/base/log.h"

namespace meshplay::istio {
namespace {

/// For each of the two questions to istiod: the cluster's SMI objects wait meanwhile.
constexpr std::chrono::milliseconds kControllerLimit{5'000};

Result<translate::Emission> Emit(const smi::DocumentSet& set, const smi::ClusterFacts& facts,
                                 const translate::OptionMap& wanted) {
  EmitOptions options;
  options.owner = controller::kOwner;
  options.owner_references = true;
  for (const auto& [name, value] : wanted) MP_CHECK(SetOption(options, name, value));
  return EmitSmi(set, facts, options);
}

Result<ControlPlane> PlaneOf(kube::Client& client, const std::string& mesh_key, const kube::Call& call) {
  MP_TRY(const ClusterObjects objects, ReadClusterObjects(client, call));
  for (ControlPlane& plane : FindControlPlanes(objects)) {
    if (plane.key() == mesh_key) return std::move(plane);
  }
  return FailedPrecondition("PREREQUISITE_MISSING", "there is no Istio " + mesh_key);
}

Status Complete(kube::Client& client, const std::string& mesh_key, const kube::Call& call, smi::ClusterFacts& facts) {
  MP_TRY(const ControlPlane plane, PlaneOf(client, mesh_key, call));
  return CompleteFacts(client, plane, call, facts);
}

bool IsNewBaseline(const controller::Step& step) {
  return step.kind == controller::StepKind::kApply && !step.exists && IsDenyBaseline(step.object);
}

/// The gate of one round; none without a new baseline, nor without a control plane, which `complete` tells next time.
std::shared_ptr<DistributionGate> MakeGate(kube::Client& client, const std::string& mesh_key, const kube::Call& call,
                                           const std::vector<controller::Step>& steps) {
  std::set<std::string> namespaces;
  for (const controller::Step& step : steps) {
    if (IsNewBaseline(step)) namespaces.insert(step.ref.name_space);
  }
  if (namespaces.empty()) return nullptr;
  auto plane = PlaneOf(client, mesh_key, call);
  if (!plane) return nullptr;
  DistributionSide side{client, call};
  side.not_confirmed = [](const std::string& summary) {
    LogWarning("the SMI controller denies the rest before every proxy is known to have what allows",
               {{log_key::kReason, kDistributionNotConfirmed}, {log_key::kError, summary}});
  };
  return std::make_shared<DistributionGate>(std::move(side), *std::move(plane), std::move(namespaces),
                                            kControllerLimit);
}

controller::BeforeStep Distribution(kube::Client& client, const std::string& mesh_key, const kube::Call& call) {
  return [&client, mesh_key, call, gate = std::shared_ptr<DistributionGate>(), looked = false](
             const std::vector<controller::Step>& steps, std::size_t next) mutable {
    if (!looked) gate = MakeGate(client, mesh_key, call, steps);
    looked = true;
    if (gate) gate->BeforeWrite(IsNewBaseline(steps[next]));
  };
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
  traits.distribution = Distribution;
  return traits;
}

Result<controller::MeshPlace> FindPlace(common::Attempt& attempt) {
  MP_TRY(const ControlPlane plane, TargetPlane(attempt));
  return controller::MeshPlace{plane.key(), plane.name_space};
}

}  // namespace meshplay::istio
