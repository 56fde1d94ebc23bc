#include "adapters/conformance/kube_site.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "adapters/common/ownership.h"
#include "adapters/common/readiness.h"
#include "adapters/conformance/objects.h"
#include "adapters/conformance/verdict.h"

namespace meshplay::conformance {
namespace {

using nlohmann::json;

constexpr char kFieldManager[] = "meshplay-smi";

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

KubeSite::KubeSite(common::Attempt& attempt, const MeshUnderTest& mesh, SiteOptions options)
    : attempt_(attempt),
      mesh_(mesh),
      options_(std::move(options)),
      home_(ScratchName(options_.scratch, "home")),
      other_(ScratchName(options_.scratch, "other")),
      owner_(common::LabelValue("conformance-" + options_.scratch.run_id)) {}

std::string KubeSite::Url(const std::string& service, Space space, int port, const std::string& path,
                          const std::string& scheme) const {
  return scheme + "://" + service + "." + NamespaceOf(space) + ".svc." + mesh_.cluster_domain + ":" +
         std::to_string(port) + (scheme == "udp" ? "" : path);
}

Status KubeSite::Prepare() {
  for (const std::string& name : {home_, other_}) {
    made_.push_back(name);
    MP_CHECK(
        attempt_.Apply(ScratchNamespace(options_.scratch, name, mesh_.namespace_labels, mesh_.namespace_annotations),
                       attempt_.field_manager()));
  }
  AppOptions apps{home_, other_, options_.image, options_.pull_policy, mesh_.pod_labels, mesh_.pod_annotations};
  std::vector<kube::ObjectRef> workloads;
  for (json& object : AppObjects(apps)) {
    common::SetOwnership(object, owner_, attempt_.mesh_type());
    MP_CHECK(attempt_.Apply(object, attempt_.field_manager()));
    if (kube::GvkOf(object).kind == "Deployment") workloads.push_back(kube::RefOf(object));
  }
  common::WaitOptions wait;
  wait.timeout =
      std::min(options_.ready_timeout,
               std::chrono::duration_cast<std::chrono::milliseconds>(options_.end - std::chrono::steady_clock::now()));
  wait.stop = attempt_.task().stop();
  return common::WaitUntilHealthy(attempt_.kube(), workloads, wait);
}

Result<std::string> KubeSite::WhyNotInMesh() {
  for (const std::string& name : {home_, other_}) {
    MP_TRY(const kube::ObjectList pods,
           attempt_.kube().List({"", "v1", "Pod"}, {name, kAppLabel, ""}, attempt_.call()));
    for (const json& pod : pods.items) {
      if (kube::IsBeingDeleted(pod) || !mesh_.why_not_in_mesh) continue;
      const std::string why = mesh_.why_not_in_mesh(pod);
      if (!why.empty()) return kube::LabelOf(pod, kAppLabel) + ": " + why;
    }
  }
  return std::string();
}

Result<KindFacts> KubeSite::FindKind(const std::string& group, const std::string& kind) {
  KindFacts facts;
  facts.translated = mesh_.translated_kinds.count(kind) != 0;
  const kube::ObjectRef ref{{"apiextensions.k8s.io", "v1", "CustomResourceDefinition"}, "", Lower(kind) + "s." + group};
  MP_TRY(const auto definition, attempt_.kube().Find(ref, attempt_.call()));
  if (!definition) return facts;
  for (const json& version : kube::ValueAt(*definition, "/spec/versions")) {
    if (version.is_object() && version.value("served", false)) facts.versions.push_back(version.value("name", ""));
  }
  for (const json& name : kube::ValueAt(*definition, "/spec/names/shortNames")) {
    if (name.is_string()) facts.short_names.push_back(name.get<std::string>());
  }
  facts.served = !facts.versions.empty() && kube::TextAt(*definition, "/spec/names/kind") == kind;
  return facts;
}

/// Only what goes away with the scratch namespaces may be made.
Status KubeSite::CheckInside(const json& object) const {
  const kube::ObjectRef ref = kube::RefOf(object);
  if (ref.name_space == home_ || ref.name_space == other_) return {};
  return FailedPrecondition("OBJECT_OUTSIDE_SCRATCH",
                            "the translation wants " + ref.ToString() + ", which is outside the scratch namespaces");
}

Result<InForce> KubeSite::SetSmi(const std::vector<json>& documents) {
  InForce force;
  std::vector<kube::ObjectRef> wanted;
  if (!documents.empty()) {
    MP_TRY(translate::Emission emission, mesh_.translate(documents, {home_, other_}, owner_));
    for (const json& object : emission.objects) MP_CHECK(CheckInside(object));
    for (const json& object : emission.objects) {
      const kube::ObjectRef ref = kube::RefOf(object);
      wanted.push_back(ref);
      if (std::find(in_force_.begin(), in_force_.end(), ref) == in_force_.end()) in_force_.push_back(ref);
      MP_CHECK(attempt_.Apply(object, kFieldManager));
    }
    force.objects = std::move(emission.objects);
    force.reports = std::move(emission.reports);
  }
  const std::vector<kube::ObjectRef> before = in_force_;
  for (auto ref = before.rbegin(); ref != before.rend(); ++ref) {
    if (std::find(wanted.begin(), wanted.end(), *ref) == wanted.end()) MP_CHECK(attempt_.Delete(*ref));
  }
  in_force_ = std::move(wanted);
  return force;
}

Result<json> KubeSite::TrafficMetrics(const std::string& resource, std::chrono::seconds window) {
  if (mesh_.metrics) return mesh_.metrics(home_, resource, window);
  return Error(ErrorCode::kUnimplemented, "METRICS_NOT_AVAILABLE",
               "the adapter has no source of TrafficMetrics for this mesh");
}

void KubeSite::Pause(std::chrono::milliseconds length) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, attempt_.task().stop(), length, [] { return false; });
}

std::string KubeSite::WhyStop() const {
  if (attempt_.task().stop().stop_requested()) {
    const common::pb::TaskResult stopped = attempt_.task().Stopped(common::pb::SIDE_EFFECTS_NONE);
    const std::string& why = stopped.error().reason();
    return why == "DEADLINE_EXCEEDED" ? reason::kOutOfTime : why;
  }
  return std::chrono::steady_clock::now() >= options_.end ? reason::kOutOfTime : std::string();
}

}  // namespace meshplay::conformance
