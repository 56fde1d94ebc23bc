#include <nlohmann/json.hpp>

#include "adapters/common/ownership.h"
#include "adapters/common/set_operation.h"
#include "adapters/istio/operations/operations.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"

namespace meshplay::istio {
namespace {

using common::Attempt;
using nlohmann::json;

constexpr char kSchema[] = R"({
  "type": "object", "additionalProperties": false, "required": ["mode"],
  "properties": {
    "mode": {"type": "string", "enum": ["STRICT", "PERMISSIVE", "DISABLE", "UNSET"], "title": "Mode",
             "description": "UNSET removes what was set by this operation."},
    "scope": {"type": "string", "enum": ["mesh", "namespace", "workload"], "default": "mesh", "title": "Scope"},
    "namespace": {"type": "string", "format": "dns-label", "title": "Namespace",
                  "description": "Required for the scopes namespace and workload."},
    "selector": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}, "title": "Pod labels",
                 "description": "Required for the scope workload: the labels of its pods."}
  }
})";

Error Missing(const char* pointer, const char* what) {
  return InvalidArgument("PARAMETERS_INVALID", what).WithViolation(pointer, what);
}

class MtlsSet final : public common::SetOperation {
 public:
  pb::OperationDescriptor descriptor() const override {
    auto out =
        Describe("istio.mtls.set", pb::OPERATION_CATEGORY_CONFIGURE, "Set mutual TLS",
                 "Sets the mutual TLS mode of the mesh, a namespace or a workload by a PeerAuthentication.", kSchema);
    AddAliases(out, {{"strict-mtls-policy-operation", R"({"mode":"STRICT"})"},
                     {"mutual-mtls-policy-operation", R"({"mode":"PERMISSIVE"})"},
                     {"disable-mtls-policy-operation", R"({"mode":"DISABLE"})"}});
    return out;
  }

 protected:
  Result<common::SetJob> Prepare(Attempt& attempt) const override {
    MP_TRY(const ControlPlane plane, TargetPlane(attempt));
    const std::string scope = attempt.Text("scope", "mesh");
    const std::string mode = attempt.Text("mode");
    const json selector = attempt.parameters().value("selector", json::object());
    std::string name_space = attempt.Text("namespace");
    if (scope != "mesh" && name_space.empty()) return Missing("/namespace", "this scope needs a namespace");
    if (scope == "workload" && selector.empty()) return Missing("/selector", "the scope workload needs pod labels");
    // Istio reads a PeerAuthentication without selector in the root namespace as the mesh's own.
    if (scope == "mesh") name_space = plane.name_space;

    json object = {{"apiVersion", "security.istio.io/v1"},
                   {"kind", "PeerAuthentication"},
                   {"metadata", {{"name", "default"}, {"namespace", name_space}}},
                   {"spec", {{"mtls", {{"mode", mode}}}}}};
    std::string owner = "mtls-" + scope + "-" + name_space;
    if (scope == "workload") {
      const std::string part = Sha256Hex(CanonicalJson(selector)).substr(0, 8);
      object["metadata"]["name"] = "meshplay-" + part;
      object["spec"]["selector"]["matchLabels"] = selector;
      owner += "-" + part;
    }
    common::SetJob job;
    job.name = {"mtls", common::LabelValue(owner), attempt.mesh_type(), name_space, attempt.field_manager()};
    job.wish.prune = true;
    if (mode != "UNSET") job.wish.objects.push_back(std::move(object));
    job.disruption.set_interrupts_traffic(mode == "STRICT");
    if (mode == "STRICT") {
      job.disruption.set_explanation("Workloads without a sidecar can no longer call those in this scope.");
    }
    job.output = {{"mode", mode}, {"scope", scope}, {"namespace", name_space}};
    return job;
  }
};

}  // namespace

std::unique_ptr<common::Operation> MakeMtlsSet() {
  return std::make_unique<MtlsSet>();
}

}  // namespace meshplay::istio
