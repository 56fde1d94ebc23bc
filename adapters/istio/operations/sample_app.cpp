#include "adapters/common/sample_app.h"

#include <nlohmann/json.hpp>

#include "adapters/common/convert.h"
#include "adapters/common/ownership.h"
#include "adapters/common/set_operation.h"
#include "adapters/istio/operations/operations.h"
#include "libs/base/duration.h"

namespace meshplay::istio {
namespace {

using common::Attempt;
using nlohmann::json;

constexpr char kInstallSchema[] = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "namespace": {"type": "string", "format": "dns-label", "default": "meshplay-sample", "title": "Namespace",
                  "description": "Made when it does not exist."},
    "inject": {"type": "boolean", "default": true, "title": "In the mesh", "description": "Give the pods sidecars."},
    "image": {"type": "string", "minLength": 1, "maxLength": 300, "default": "layer5/learn-layer5:latest",
              "title": "Image", "description": "HTTP server on port 9091 with /call, /echo and /metrics."},
    "load_image": {"type": "string", "minLength": 1, "maxLength": 300, "default": "curlimages/curl:8.10.1",
                   "title": "Image of the load generator"},
    "wait": {"type": "boolean", "default": true, "title": "Wait until ready"},
    "ready_timeout": {"type": "string", "format": "duration", "default": "3m", "title": "Time to become ready"}
  }
})";

constexpr char kRemoveSchema[] = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "namespace": {"type": "string", "format": "dns-label", "default": "meshplay-sample", "title": "Namespace"}
  }
})";

constexpr char kDefaultNamespace[] = "meshplay-sample";

common::SetName NameOf(const Attempt& attempt, const std::string& name_space) {
  return {"sample", common::LabelValue("sample-" + name_space), attempt.mesh_type(), name_space,
          attempt.field_manager()};
}

class SampleAppInstall final : public common::SetOperation {
 public:
  pb::OperationDescriptor descriptor() const override {
    auto out =
        Describe("istio.sampleapp.install", pb::OPERATION_CATEGORY_SAMPLE_APP, "Install the sample application",
                 "Installs front, mid (three versions), store and a load generator into a namespace.", kInstallSchema);
    out.set_inverse_type("istio.sampleapp.remove");
    out.mutable_typical_duration()->set_seconds(30);
    AddAliases(out, {{"bookinfo", "{}"}, {"httpbin", "{}"}, {"imagehub", "{}"}, {"emojivoto", "{}"}});
    return out;
  }

 protected:
  Result<common::SetJob> Prepare(Attempt& attempt) const override {
    common::SetJob job;
    common::SampleAppOptions options;
    options.name_space = attempt.Text("namespace", kDefaultNamespace);
    options.image = attempt.Text("image");
    options.load_image = attempt.Text("load_image");
    job.name = NameOf(attempt, options.name_space);
    MP_TRY(const auto existing, attempt.kube().Find({{"", "v1", "Namespace"}, "", options.name_space}, attempt.call()));
    if (existing && kube::IsBeingDeleted(*existing)) {
      return FailedPrecondition("NAMESPACE_TERMINATING", "the namespace " + options.name_space + " is being deleted");
    }
    json labels = json::object();
    if (attempt.Flag("inject", true)) {
      MP_TRY(const ControlPlane plane, TargetPlane(attempt));
      labels =
          plane.revision == "default" ? json{{"istio-injection", "enabled"}} : json{{"istio.io/rev", plane.revision}};
      job.output["mesh_key"] = plane.key();
    }
    const bool own_namespace = !existing || common::OwnerOf(*existing) == job.name.owner;
    if (own_namespace) {
      json name_space = {{"apiVersion", "v1"},
                         {"kind", "Namespace"},
                         {"metadata", {{"name", options.name_space}, {"labels", labels}}}};
      job.wish.objects.push_back(std::move(name_space));
    } else if (!labels.empty()) {
      // Somebody else's namespace keeps its labels; the pods ask for their sidecars themselves.
      options.pod_labels = {{"sidecar.istio.io/inject", "true"}};
      if (labels.contains("istio.io/rev")) options.pod_labels["istio.io/rev"] = labels["istio.io/rev"];
    }
    for (json& object : common::SampleAppObjects(options)) job.wish.objects.push_back(std::move(object));
    job.wish.prune = true;
    job.wait_until_ready = attempt.Flag("wait", true);
    MP_TRY(job.ready_timeout, ParseDuration(attempt.Text("ready_timeout", "3m")));
    job.output["namespace"] = options.name_space;
    return job;
  }
};

class SampleAppRemove final : public common::SetOperation {
 public:
  pb::OperationDescriptor descriptor() const override {
    auto out = Describe("istio.sampleapp.remove", pb::OPERATION_CATEGORY_SAMPLE_APP, "Remove the sample application",
                        "Removes what istio.sampleapp.install made, and the namespace when it was made for it.",
                        kRemoveSchema);
    out.set_inverse_type("istio.sampleapp.install");
    return out;
  }

 protected:
  Result<common::SetJob> Prepare(Attempt& attempt) const override {
    common::SetJob job;
    const std::string name_space = attempt.Text("namespace", kDefaultNamespace);
    job.name = NameOf(attempt, name_space);
    job.wish.prune = true;
    job.namespaces_to_remove = {name_space};
    job.disruption.set_interrupts_traffic(true);
    job.output["namespace"] = name_space;
    return job;
  }
};

}  // namespace

std::unique_ptr<common::Operation> MakeSampleAppInstall() {
  return std::make_unique<SampleAppInstall>();
}
std::unique_ptr<common::Operation> MakeSampleAppRemove() {
  return std::make_unique<SampleAppRemove>();
}

}  // namespace meshplay::istio
