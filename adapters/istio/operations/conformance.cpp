#include "adapters/conformance/operation.h"

#include <nlohmann/json.hpp>

#include "adapters/istio/emitter/emit.h"
#include "adapters/istio/internal/metrics.h"
#include "adapters/istio/internal/smi_facts.h"
#include "adapters/istio/operations/operations.h"
#include "libs/smi/parse.h"

namespace meshplay::istio {
namespace {

using nlohmann::json;

bool HasProxy(const json& pod) {
  for (const char* list : {"/spec/containers", "/spec/initContainers"}) {
    for (const json& container : kube::ValueAt(pod, list)) {
      if (kube::TextAt(container, "/name") == "istio-proxy") return true;
    }
  }
  return false;
}

Result<conformance::MeshUnderTest> FindMesh(common::Attempt& attempt) {
  MP_TRY(const ControlPlane plane, TargetPlane(attempt));
  conformance::MeshUnderTest mesh;
  mesh.key = plane.key();
  mesh.version = plane.version;
  mesh.namespace_labels =
      plane.revision == "default" ? json{{"istio-injection", "enabled"}} : json{{"istio.io/rev", plane.revision}};
  mesh.translated_kinds = {"TrafficTarget", "HTTPRouteGroup", "TCPRoute", "TrafficSplit"};
  mesh.why_not_in_mesh = [](const json& pod) {
    return HasProxy(pod) ? std::string() : std::string("its pod has no container istio-proxy");
  };
  mesh.translate = [&attempt, plane](const std::vector<json>& documents, const std::set<std::string>& namespaces,
                                     const std::string& owner) -> Result<Emission> {
    MP_TRY(const smi::ClusterFacts facts, ReadSmiFacts(attempt.kube(), plane, namespaces, attempt.call()));
    EmitOptions options;
    options.owner = owner;
    options.mode = BaselineMode::kStrict;
    return EmitSmi(smi::ParseDocuments(documents), facts, options);
  };
  mesh.metrics = [&attempt, key = plane.key()](const std::string& name_space, const std::string& resource,
                                               std::chrono::seconds window) -> Result<json> {
    metrics::MetricsCall question;
    question.path = "/namespaces/" + name_space + "/" + resource;
    question.window = std::to_string(window.count()) + "s";
    MP_TRY(const metrics::MetricsAnswer answer, AskTrafficMetrics(attempt.kube(), key, question, attempt.call()));
    return json(answer.body);
  };
  return mesh;
}

}  // namespace

std::unique_ptr<common::Operation> MakeConformance(const IstioOptions& options) {
  return conformance::MakeConformance(FindMesh, conformance::ThisHolder(options.work_directory));
}

}  // namespace meshplay::istio
