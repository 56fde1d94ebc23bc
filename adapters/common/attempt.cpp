#include "adapters/common/attempt.h"

#include "adapters/common/convert.h"
#include "adapters/kube/fence.h"
#include "adapters/kube/readiness.h"

namespace meshplay::common {

using nlohmann::json;

namespace {

/// One mutating call of the Kubernetes client must end within the engine's default step timeout of 10 s.
constexpr std::chrono::milliseconds kWriteTimeout{9'000};
constexpr std::chrono::milliseconds kDefaultStep{10'000};
/// helm gets SIGTERM at its timeout and SIGKILL 5 s later; the rest is for reading the release.
constexpr std::chrono::milliseconds kHelmEnding{20'000};

}  // namespace

Attempt::Attempt(sdk::TaskContext& task, std::shared_ptr<const Cluster> cluster, json parameters, std::string mesh_type)
    : task_(task), cluster_(std::move(cluster)), parameters_(std::move(parameters)), mesh_type_(std::move(mesh_type)) {}

std::string Attempt::OwnerOr(const std::string& fallback) const {
  const std::string& asked = task_.offer().options().owner_id();
  return asked.empty() ? fallback : asked;
}

std::string Attempt::Text(const char* parameter, const std::string& fallback) const {
  const auto found = parameters_.find(parameter);
  if (found == parameters_.end() || !found->is_string()) return fallback;
  const std::string text = found->get<std::string>();
  return text.empty() ? fallback : text;
}

bool Attempt::Flag(const char* parameter, bool fallback) const {
  const auto found = parameters_.find(parameter);
  return found != parameters_.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

Status Attempt::Step(const std::string& name, const std::function<Result<std::string>()>& work) {
  task_.StepRunning(name);
  auto done = work();
  if (done) {
    task_.StepDone(name, *done);
    return {};
  }
  task_.StepFailed(name, done.error().message());
  return done.error();
}

Status Attempt::BeginMutating() {
  if (mutating_) return {};
  const std::string& expected = task_.offer().target().cluster_uid();
  MP_TRY(const std::string uid, kube().ClusterUid(call()));
  if (uid != expected) {
    return FailedPrecondition("TARGET_MISMATCH", "this is not the cluster the server knows: its identity changed")
        .WithMetadata("expected_uid", expected)
        .WithMetadata("found_uid", uid);
  }
  MP_CHECK(task_.BeginMutating());
  mutating_ = task_.offer().kind() == pb::TASK_KIND_CONFORMANCE;
  // A conformance run has no fence: what it makes is its own, and nobody else changes that.
  if (mutating_) return {};
  kube::FenceClaim claim;
  claim.mesh_type = mesh_type_;
  claim.fence = task_.offer().fence();
  claim.holder = task_.offer().task_id();
  MP_CHECK(kube::RaiseFence(kube(), claim, {.stop = task_.stop(), .timeout = kWriteTimeout}));
  mutating_ = true;
  return {};
}

Status Attempt::Guard() {
  MP_CHECK(BeginMutating());
  return task_.MayMutate();
}

void Attempt::Count(const kube::ObjectRef& ref, pb::ChangeAction action, const Error* error, const json* stored) {
  effects_ = Together(effects_, error == nullptr ? pb::SIDE_EFFECTS_PARTIAL : EffectsOfFailedWrite(*error));
  pb::ObjectOutcome outcome;
  *outcome.mutable_object() = ToKey(ref);
  outcome.set_action(action);
  outcome.set_ok(error == nullptr);
  if (error != nullptr) *outcome.mutable_error() = ToProtocolError(*error, EffectsOfFailedWrite(*error));
  if (stored != nullptr) {
    outcome.set_uid(kube::UidOf(*stored));
    outcome.set_resource_version(kube::ResourceVersionOf(*stored));
    outcome.set_health(ToHealth(kube::JudgeHealth(*stored).health));
  }
  task_.Changed(outcome);
}

Result<kube::WriteOutcome> Attempt::Apply(const json& object, const std::string& manager, bool force) {
  MP_CHECK(Guard());
  kube::ApplyOptions options;
  options.field_manager = manager;
  options.force = force || force_conflicts();
  const kube::ObjectRef ref = kube::RefOf(object);
  auto outcome = kube().Apply(object, options, {.stop = task_.stop(), .timeout = kWriteTimeout});
  if (!outcome) {
    Count(ref, pb::CHANGE_ACTION_UPDATE, &outcome.error(), nullptr);
    return Error(outcome.error()).Doing("apply " + ref.ToString());
  }
  Count(ref, outcome->created ? pb::CHANGE_ACTION_CREATE : pb::CHANGE_ACTION_UPDATE, nullptr, &outcome->object);
  return outcome;
}

Result<kube::WriteOutcome> Attempt::MergePatch(const kube::ObjectRef& ref, const json& patch) {
  MP_CHECK(Guard());
  const kube::Call call{.stop = task_.stop(), .timeout = kWriteTimeout};
  return Patched(ref, kube().MergePatch(ref, patch, {.field_manager = field_manager()}, call));
}

Result<kube::WriteOutcome> Attempt::MergePatchStatus(const kube::ObjectRef& ref, const json& patch) {
  MP_CHECK(Guard());
  const kube::Call call{.stop = task_.stop(), .timeout = kWriteTimeout};
  return Patched(ref, kube().MergePatchStatus(ref, patch, {.field_manager = field_manager()}, call));
}

Result<kube::WriteOutcome> Attempt::Patched(const kube::ObjectRef& ref, Result<kube::WriteOutcome> outcome) {
  Count(ref, pb::CHANGE_ACTION_UPDATE, outcome ? nullptr : &outcome.error(), outcome ? &outcome->object : nullptr);
  if (!outcome) return Error(outcome.error()).Doing("change " + ref.ToString());
  return outcome;
}

Result<kube::DeleteEnd> Attempt::Delete(const kube::ObjectRef& ref, const std::string& uid) {
  MP_CHECK(Guard());
  kube::DeleteOptions options;
  options.uid = uid;
  const auto end = kube().Delete(ref, options, {.stop = task_.stop(), .timeout = kWriteTimeout});
  if (!end && end.error().reason() == "KIND_UNKNOWN") return kube::DeleteEnd::kAlreadyAbsent;
  if (!end) {
    Count(ref, pb::CHANGE_ACTION_DELETE, &end.error(), nullptr);
    return Error(end.error()).Doing("delete " + ref.ToString());
  }
  if (*end != kube::DeleteEnd::kAlreadyAbsent) Count(ref, pb::CHANGE_ACTION_DELETE, nullptr, nullptr);
  return end;
}

Status Attempt::DeleteAndWait(const kube::ObjectRef& ref, const std::string& uid, std::chrono::milliseconds wait) {
  MP_TRY(const kube::DeleteEnd end, Delete(ref, uid));
  if (end != kube::DeleteEnd::kWaitingForFinalizers) return {};
  kube::DeleteOptions options;
  options.uid = uid;
  const Status gone = kube().DeleteAndWait(ref, options, wait, task_.stop());
  if (!gone && gone.error().reason() != "OBJECT_CONFLICT") return Error(gone.error()).Doing("delete " + ref.ToString());
  return {};
}

Result<helm::Release> Attempt::HelmApply(helm::Helm& helm, const helm::ChartRequest& request,
                                         std::chrono::milliseconds call_timeout) {
  MP_CHECK(BeginMutating());
  while (true) {
    MP_CHECK(task_.AnnounceStep(call_timeout + kHelmEnding));
    MP_CHECK(task_.MayMutate());
    auto release = helm.Apply(request, [this] { return task_.MustYield(); });
    if (release) {
      effects_ = pb::SIDE_EFFECTS_PARTIAL;
      MP_CHECK(task_.AnnounceStep(kDefaultStep));
      return release;
    }
    effects_ = Together(effects_, EffectsOfFailedHelm(release.error()));
    const bool lease_was_away = release.error().code() == ErrorCode::kCancelled && !task_.stop().stop_requested();
    if (!lease_was_away) return Error(release.error()).Doing("helm release " + request.release.name);
  }
}

Status Attempt::HelmUninstall(helm::Helm& helm, const helm::ReleaseName& release,
                              std::chrono::milliseconds call_timeout) {
  MP_CHECK(BeginMutating());
  while (true) {
    MP_CHECK(task_.AnnounceStep(call_timeout + kHelmEnding));
    MP_CHECK(task_.MayMutate());
    const Status done = helm.Uninstall(release, [this] { return task_.MustYield(); });
    if (done) {
      effects_ = pb::SIDE_EFFECTS_PARTIAL;
      return task_.AnnounceStep(kDefaultStep);
    }
    effects_ = Together(effects_, EffectsOfFailedHelm(done.error()));
    const bool lease_was_away = done.error().code() == ErrorCode::kCancelled && !task_.stop().stop_requested();
    if (!lease_was_away) return Error(done.error()).Doing("helm uninstall " + release.name);
  }
}

pb::TaskResult Attempt::Fail(const Error& error) const {
  if (task_.stop().stop_requested()) return task_.Stopped(complete_ ? pb::SIDE_EFFECTS_COMPLETE : effects_);
  const bool applied = complete_ && error.reason() == "NOT_READY_IN_TIME";
  return sdk::Failed(ToProtocolError(error, applied ? pb::SIDE_EFFECTS_COMPLETE : effects_));
}

}  // namespace meshplay::common
