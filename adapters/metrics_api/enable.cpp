#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "adapters/common/ownership.h"
#include "adapters/common/readiness.h"
#include "adapters/metrics_api/discovery.h"
#include "adapters/metrics_api/operations.h"
#include "libs/base/duration.h"
#include "libs/base/json.h"

namespace meshplay::metrics_api {
namespace {

namespace pb = common::pb;
using common::Attempt;
using common::PlannedObject;
using nlohmann::json;

constexpr char kSchema[] = R"({
  "type": "object", "additionalProperties": false,
  "properties": {
    "address": {"type": "string", "maxLength": 260, "default": "", "title": "Address of the adapter",
                "description": "HOST:PORT at which the cluster's API server reaches the adapter when it runs outside of the cluster. Empty: the address it listens on."},
    "selector": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}, "title": "The adapter's pods",
                 "description": "Labels of the adapter's pods when it runs in the cluster; instead of the address."},
    "namespace": {"type": "string", "maxLength": 63, "default": "", "title": "Namespace of the Service",
                  "description": "That of the adapter's pods when a selector is given. Empty: the control plane's."},
    "versions": {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": true,
                 "items": {"type": "string", "enum": ["v1alpha1", "v1alpha2"]}, "default": ["v1alpha1"],
                 "title": "Versions", "description": "v1alpha2 adds the side of an edge; one APIService each."},
    "timeout": {"type": "string", "format": "duration", "default": "60s", "title": "How long the API server may take to reach the adapter"}
  }
})";

constexpr std::chrono::minutes kMostTimeout{10};

struct Job {
  MeshPlace place;
  Settings settings;
  std::vector<PlannedObject> applies, deletes;
  std::chrono::milliseconds timeout{0};
};

std::vector<sdk::TaskContext::StepPlan> Steps() {
  return {{"barrier", "Take the cluster for this attempt"},
          {"apply", "Write the Service and the APIServices"},
          {"available", "Wait until the API server reaches the adapter"},
          {"undo", "Take everything back"}};
}

Error BadParameter(const char* pointer, const std::string& what) {
  return InvalidArgument("PARAMETERS_INVALID", what).WithViolation(pointer, what);
}

Status ReadAddress(const std::string& text, Settings& settings) {
  const std::string url = "https://" + text;
  const auto parsed = boost::urls::parse_uri(url);
  const bool plain = parsed && parsed->has_port() && parsed->port_number() != 0 && !parsed->has_userinfo() &&
                     parsed->encoded_path().empty() && !parsed->has_query() && !parsed->has_fragment();
  if (!plain) return BadParameter("/address", "the address is not HOST:PORT");
  settings.host = parsed->host_address();
  settings.port = parsed->port_number();
  return {};
}

/// A wildcard or loopback address tells nobody else where the adapter is.
bool NamesAPlace(const std::string& host) {
  return host != "0.0.0.0" && host != "::" && host != "::1" && !host.starts_with("127.");
}

Status ReadReach(Attempt& attempt, const std::string& listening_on, Settings& settings) {
  const std::string address = attempt.Text("address");
  const json selector = attempt.parameters().value("selector", json::object());
  for (const auto& [key, value] : selector.items()) settings.selector[key] = value.get<std::string>();
  if (!address.empty() && !settings.selector.empty()) {
    return BadParameter("/selector", "the adapter is either at an address or in pods, not both");
  }
  if (!address.empty()) return ReadAddress(address, settings);
  MP_CHECK(ReadAddress(listening_on, settings));
  if (!settings.selector.empty()) {
    settings.host.clear();
    return {};
  }
  if (NamesAPlace(settings.host)) return {};
  return BadParameter("/address", "the adapter listens on " + listening_on +
                                      ", which does not say how the API server reaches it: give address or selector");
}

Status RefuseOthers(Attempt& attempt, const std::string& mesh_key) {
  const auto taken = [](const std::string& what, const std::string& remedy) {
    return Error(ErrorCode::kAlreadyExists, "METRICS_API_TAKEN", what).WithRemediation(remedy);
  };
  const kube::Gvk gvk{"apiregistration.k8s.io", "v1", "APIService"};
  MP_TRY(const kube::ObjectList services, attempt.kube().List(gvk, {}, attempt.call()));
  for (const json& service : services.items) {
    if (kube::TextAt(service, "/spec/group") != kGroup) continue;
    const bool ours = common::OwnerOf(service) == kOwner && common::IsOurs(service, attempt.mesh_type());
    if (ours) continue;
    return taken("the APIService " + kube::NameOf(service) + " belongs to somebody else",
                 "Remove it (kubectl delete apiservice " + kube::NameOf(service) +
                     ", or uninstall what serves it), or leave the group to it.");
  }
  const kube::Selection own{"", OwnSelector(attempt.mesh_type()), ""};
  MP_TRY(const kube::ObjectList maps, attempt.kube().List({"", "v1", "ConfigMap"}, own, attempt.call()));
  for (const json& map : maps.items) {
    const auto settings = ReadSettings(map);
    if (!settings || settings->mesh_key == mesh_key) continue;
    return taken("the API answers for the mesh " + settings->mesh_key + " of this cluster",
                 "Run smi.metricsApi.disable for that mesh first.");
  }
  return {};
}

class Enable final : public common::Operation {
 public:
  explicit Enable(std::shared_ptr<MetricsApiHost> host) : host_(std::move(host)) {}

  pb::OperationDescriptor descriptor() const override {
    auto out =
        common::Describe("smi.metricsApi.enable", pb::OPERATION_CATEGORY_CONFIGURE, "Serve SMI metrics in the cluster",
                         "The cluster's API server serves metrics.smi-spec.io from this adapter (an aggregated "
                         "API), so kubectl and other clients of SMI metrics work. Needs an adapter that listens "
                         "(--metrics-api-listen) and the mesh's Prometheus.",
                         kSchema);
    out.set_inverse_type("smi.metricsApi.disable");
    return out;
  }

  Result<pb::TaskResult> Apply(Attempt& attempt) const override {
    attempt.task().SetPhase(pb::TASK_PHASE_READING);
    MP_TRY(const Job job, Prepare(attempt));
    attempt.task().PlanSteps(Steps());
    MP_CHECK(common::FirstProblem(job.applies));
    MP_CHECK(attempt.Step("barrier", [&] { return TakeCluster(attempt); }));
    const Status written = attempt.Step("apply", [&] { return Write(attempt, job); });
    if (!written) return TakeBack(attempt, written.error());
    attempt.task().SetPhase(pb::TASK_PHASE_VERIFYING);
    const Status available = attempt.Step("available", [&] { return Await(attempt, job); });
    if (!available) return TakeBack(attempt, Unreached(available.error()));
    attempt.Skip("undo", "not needed");
    attempt.MarkComplete();
    pb::TaskResult result = sdk::Succeeded();
    result.set_output_json(DumpJson(OutputOf(job)));
    return result;
  }

  Result<pb::Plan> Plan(Attempt& attempt) const override {
    MP_TRY(const Job job, Prepare(attempt));
    pb::Plan plan;
    plan.set_exactness(pb::PLAN_SUPPORT_BEST_EFFORT);
    common::AddChanges(plan, job.applies);
    common::AddChanges(plan, job.deletes);
    common::AddSteps(plan, Steps());
    plan.set_digest(common::DigestOf(plan, attempt.task().offer().operation_type(), attempt.parameters()));
    return plan;
  }

  Result<pb::Inspection> Inspect(Attempt& attempt) const override {
    MP_TRY(const Job job, Prepare(attempt));
    return common::InspectionOf(job.applies, job.deletes);
  }

 private:
  Result<Job> Prepare(Attempt& attempt) const {
    Job job;
    MP_TRY(job.place, host_->mesh().find(attempt));
    if (!host_->listening()) {
      return FailedPrecondition("PREREQUISITE_MISSING", "the adapter listens nowhere for the API server")
          .WithRemediation("Start the adapter with --metrics-api-listen IP:PORT.");
    }
    MP_CHECK(host_->mesh().has_telemetry(attempt.kube(), job.place.mesh_key, attempt.call()));
    MP_CHECK(RefuseOthers(attempt, job.place.mesh_key));
    Settings& settings = job.settings;
    settings.mesh_key = job.place.mesh_key;
    settings.name_space = attempt.Text("namespace", job.place.name_space);
    MP_CHECK(ReadReach(attempt, host_->address(), settings));
    const json versions = attempt.parameters().value("versions", json::array({"v1alpha1"}));
    for (const json& name : versions) {
      if (const auto version = VersionNamed(name.get<std::string>())) settings.versions.push_back(*version);
    }
    MP_TRY(job.timeout, ParseDuration(attempt.Text("timeout", "60s")));
    if (job.timeout <= std::chrono::milliseconds(0) || job.timeout > kMostTimeout) {
      return BadParameter("/timeout", "more than nothing, at most 10 minutes");
    }
    MP_TRY(const std::string authority, host_->AuthorityFor(settings.ServerName()));
    const auto objects = Objects(settings, job.place.name_space, attempt.mesh_type(), authority);
    const common::PlanRules rules{kFieldManager, attempt.force_conflicts(), kOwner, false, {}};
    MP_TRY(job.applies, common::PlanObjects(attempt.kube(), objects, rules, attempt.call()));
    // What an earlier call with other parameters has made and this one has not.
    MP_TRY(const auto own, OwnObjects(attempt));
    for (const PlannedObject& one : own) {
      const auto same = [&](const PlannedObject& wanted) { return wanted.ref == one.ref; };
      if (std::none_of(job.applies.begin(), job.applies.end(), same)) job.deletes.push_back(one);
    }
    return job;
  }

  static bool IsApiService(const PlannedObject& one) { return one.ref.gvk.kind == "APIService"; }

  /// What is changed begins anew: the condition of an APIService would go on saying for a while that the old way leads
  /// to the adapter.
  static Result<std::string> Write(Attempt& attempt, const Job& job) {
    const auto updated = [](const PlannedObject& one) { return one.action == pb::CHANGE_ACTION_UPDATE; };
    const bool anew = std::any_of(job.applies.begin(), job.applies.end(), updated);
    std::vector<PlannedObject> replaced;
    for (const PlannedObject& one : job.applies) {
      if (anew && IsApiService(one) && !one.uid.empty()) replaced.push_back(one);
    }
    MP_CHECK(RemoveObjects(attempt, replaced));
    std::size_t written = 0;
    for (const PlannedObject& one : job.applies) {
      if (one.action == pb::CHANGE_ACTION_NOOP && !(anew && IsApiService(one))) continue;
      MP_CHECK(attempt.Apply(one.desired, kFieldManager));
      ++written;
    }
    MP_TRY(const std::string removed, RemoveObjects(attempt, job.deletes));
    return std::to_string(written) + " written, " + removed;
  }

  static Result<std::string> Await(Attempt& attempt, const Job& job) {
    std::vector<kube::ObjectRef> services;
    for (const metrics::Version version : job.settings.versions) services.push_back(ApiServiceRef(version));
    common::WaitOptions options;
    options.timeout = job.timeout;
    options.stop = attempt.task().stop();
    options.progress = [&attempt](std::size_t ready, std::size_t total, const std::string& text) {
      attempt.task().Progress(static_cast<std::uint32_t>(ready), static_cast<std::uint32_t>(total), text);
    };
    MP_CHECK(common::WaitUntilHealthy(attempt.kube(), services, options));
    attempt.kube().DropDiscovery();
    return std::string("the API server reaches the adapter");
  }

  static Error Unreached(const Error& why) {
    if (why.reason() != "NOT_READY_IN_TIME") return why;
    return FailedPrecondition(
               "METRICS_API_UNREACHABLE",
               "the API server does not reach the adapter, and everything was taken back: " + why.message())
        .WithRemediation(
            "Check that the address (or the selector and its Service) leads from the API server's machine to the "
            "adapter's --metrics-api-listen, then enable it again.");
  }

  /// An APIService that nobody answers keeps every namespace of the cluster from being deleted: none is left behind.
  static Error TakeBack(Attempt& attempt, const Error& why) {
    if (attempt.task().stop().stop_requested()) return why;
    attempt.task().SetPhase(pb::TASK_PHASE_ROLLING_BACK);
    const Status undone = attempt.Step("undo", [&]() -> Result<std::string> {
      MP_TRY(const auto objects, OwnObjects(attempt));
      return RemoveObjects(attempt, objects);
    });
    return undone ? why : Error(undone.error()).Doing("take back what could not be enabled");
  }

  static json OutputOf(const Job& job) {
    json names = json::array();
    for (const metrics::Version version : job.settings.versions) names.push_back(ApiServiceRef(version).name);
    return {{"mesh_key", job.place.mesh_key},
            {"api_services", std::move(names)},
            {"service", job.settings.name_space + "/" + kServiceName},
            {"port", job.settings.port}};
  }

  const std::shared_ptr<MetricsApiHost> host_;
};

}  // namespace

std::unique_ptr<common::Operation> MakeEnable(std::shared_ptr<MetricsApiHost> host) {
  return std::make_unique<Enable>(std::move(host));
}

}  // namespace meshplay::metrics_api
