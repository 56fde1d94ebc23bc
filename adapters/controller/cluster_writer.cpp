#include "adapters/controller/internal/cluster_writer.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "adapters/common/ownership.h"
#include "libs/base/json.h"
#include "libs/base/log.h"

namespace meshplay::controller {
namespace {

using nlohmann::json;

constexpr double kWritesPerSecond = 50, kWritesAtOnce = 100;
constexpr double kEventsPerSecond = 2, kEventsAtOnce = 50;
constexpr std::size_t kMostStatuses = 200, kMostFailures = 5;

void Sleep(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
}

/// Somebody was faster; what he did is seen in a moment.
bool IsRace(const Error& error) {
  return error.reason() == "OBJECT_CONFLICT" || error.reason() == "OBJECT_NOT_FOUND" ||
         error.reason() == "OBJECT_EXISTS";
}

}  // namespace

ClusterWriter::ClusterWriter(kube::Client& client, WriteGate& gate, const Clock& clock, std::string mesh_type,
                             std::string name_space)
    : client_(client),
      gate_(gate),
      clock_(clock),
      mesh_type_(std::move(mesh_type)),
      name_space_(std::move(name_space)),
      writes_(clock, kWritesPerSecond, kWritesAtOnce),
      events_(clock, kEventsPerSecond, kEventsAtOnce) {}

Result<State> ClusterWriter::LoadState(const kube::Call& call) {
  MP_TRY(const auto found, client_.Find(StateRef(name_space_), call));
  state_version_ = found ? kube::ResourceVersionOf(*found) : "";
  saved_ = found ? kube::TextAt(*found, "/data/state") : "";
  return ReadState(saved_);
}

Status ClusterWriter::SaveState(std::uint64_t epoch, const State& state, const std::stop_token& stop) {
  std::string text = PrintState(state);
  if (text == saved_ && !state_version_.empty()) return {};
  if (state.objects.empty() && state.sources.empty() && state_version_.empty()) return {};
  if (text.size() > kMaxStateBytes) {
    return Error(ErrorCode::kResourceExhausted, "SMI_CONTROLLER_STATE_TOO_LARGE",
                 "the controller's records of this cluster do not fit into a ConfigMap")
        .WithRemediation("Enable the controller for fewer namespaces (parameter namespaces).");
  }
  json object = {{"apiVersion", "v1"},
                 {"kind", "ConfigMap"},
                 {"metadata", {{"name", kStateName}, {"namespace", name_space_}}},
                 {"data", {{"state", text}}}};
  common::SetOwnership(object, kOwner, mesh_type_);
  object["metadata"]["labels"][kControllerLabel] = kStateValue;
  if (!state_version_.empty()) object["metadata"]["resourceVersion"] = state_version_;
  return gate_.Write(epoch, [&](std::chrono::milliseconds time) -> Status {
    const kube::WriteOptions options{.field_manager = kFieldManager};
    const kube::Call call{.stop = stop, .timeout = time};
    const auto written =
        state_version_.empty() ? client_.Create(object, options, call) : client_.Update(object, options, call);
    if (!written) return written.error();
    state_version_ = kube::ResourceVersionOf(written->object);
    saved_ = std::move(text);
    return {};
  });
}

bool ClusterWriter::AwaitTurn(const std::stop_token& stop) {
  while (!writes_.Take()) {
    Sleep(std::chrono::milliseconds(20), stop);
    if (stop.stop_requested()) return false;
  }
  return !stop.stop_requested();
}

ClusterWriter::StepsOutcome ClusterWriter::DoSteps(std::uint64_t epoch, const std::vector<Step>& steps,
                                                   const BeforeStep& before, const std::stop_token& stop) {
  StepsOutcome outcome;
  for (std::size_t next = 0; next < steps.size(); ++next) {
    const Step& step = steps[next];
    const auto waits = [&outcome](const std::string& source) { return outcome.failed.count(source) != 0; };
    if (std::any_of(step.sources.begin(), step.sources.end(), waits)) continue;
    if (before) before(steps, next);
    if (!AwaitTurn(stop)) {
      outcome.paused = true;
      return outcome;
    }
    const Status done = gate_.Write(epoch, [&](std::chrono::milliseconds time) { return Do(step, time, stop); });
    if (done) {
      ++outcome.done;
      continue;
    }
    if (done.error().reason() == "SMI_CONTROLLER_PAUSED" || stop.stop_requested()) {
      outcome.paused = true;
      return outcome;
    }
    const Error error = Error(done.error()).Doing(step.ref.ToString());
    if (IsRace(error)) {
      outcome.again = true;
    } else {
      LogWarning("the SMI controller could not write",
                 {{log_key::kReason, error.reason()}, {log_key::kError, error.message()}});
    }
    for (const std::string& source : step.sources) outcome.failed.emplace(source, error);
  }
  return outcome;
}

Status ClusterWriter::Do(const Step& step, std::chrono::milliseconds time, const std::stop_token& stop) {
  const kube::Call call{.stop = stop, .timeout = time};
  if (step.kind == StepKind::kApply) return ApplyObject(step, call);
  if (step.kind == StepKind::kDelete) {
    kube::DeleteOptions options;
    options.uid = step.uid;
    const auto end = client_.Delete(step.ref, options, call);
    written_.erase(step.ref);
    if (!end && end.error().reason() == "KIND_UNKNOWN") return {};
    return end ? Status() : Status(end.error());
  }
  // The resource version makes the patch fail when the list was changed in between.
  const json patch = {{"metadata", {{"finalizers", step.object}, {"resourceVersion", step.resource_version}}}};
  const auto patched = client_.MergePatch(step.ref, patch, {.field_manager = kFieldManager}, call);
  return patched ? Status() : Status(patched.error());
}

Status ClusterWriter::ApplyObject(const Step& step, const kube::Call& call) {
  kube::ApplyOptions options;
  options.field_manager = kFieldManager;
  // The object carries our owner's label: whatever others have put into it is undone.
  options.force = step.exists;
  MP_TRY(kube::WriteOutcome applied, client_.Apply(step.object, options, call));
  json stored = std::move(applied.object);
  if (step.exists && HasForeignSpec(stored, kFieldManager)) {
    json whole = stored;
    whole["spec"] = step.object.value("spec", json::object());
    MP_TRY(kube::WriteOutcome replaced, client_.Update(whole, {.field_manager = kFieldManager}, call));
    stored = std::move(replaced.object);
  }
  const auto known = written_.find(step.ref);
  const Written* before = known == written_.end() ? nullptr : &known->second;
  written_[step.ref] = AfterWrite(before, step.object, stored, clock_.NowUnixMs());
  return {};
}

Result<bool> ClusterWriter::TellVerdicts(std::uint64_t epoch, const std::vector<Verdict>& verdicts,
                                         const std::function<bool(const kube::Gvk&)>& has_status, bool events,
                                         const std::stop_token& stop) {
  std::map<std::string, std::string> told;
  std::size_t written = 0;
  bool all = true;
  std::vector<Error> failures;
  for (const Verdict& verdict : verdicts) {
    const bool subresource = has_status(verdict.ref.gvk) && without_status_.count(verdict.ref.gvk) == 0;
    const json status = StatusOf(verdict, mesh_type_, clock_.NowUnixMs());
    const std::string uid = kube::UidOf(*verdict.object), text = AnnotationOf(status);
    const json before = subresource
                            ? kube::ValueAt(*verdict.object, "/status")
                            : ParseJson(kube::AnnotationOf(*verdict.object, kStatusAnnotation)).value_or(json());
    const bool same =
        subresource ? before == status : kube::AnnotationOf(*verdict.object, kStatusAnnotation) == AnnotationOf(status);
    const auto known = told_.find(uid);
    // The watch may not have brought back yet what was written a moment ago.
    const bool just_told = known != told_.end() && known->second == text;
    if (same || just_told) {
      told[uid] = text;
      continue;
    }
    if (written == kMostStatuses || !AwaitTurn(stop)) {
      all = false;
      continue;
    }
    const Status done = gate_.Write(epoch, [&](std::chrono::milliseconds time) {
      return TellOne(verdict, subresource, status, {.stop = stop, .timeout = time});
    });
    if (!done) {
      all = false;
      if (done.error().reason() == "SMI_CONTROLLER_PAUSED") break;
      if (!IsRace(done.error())) failures.push_back(Error(done.error()).Doing("status of " + verdict.ref.ToString()));
      if (failures.size() == kMostFailures) break;
      continue;
    }
    ++written;
    told[uid] = text;
    if (!events) continue;
    const auto event = EventFor(*verdict.object, before, status, clock_.NowUnixMs());
    if (event && events_.Take()) TellEvent(epoch, *event, stop);
  }
  if (all) {
    told_ = std::move(told);
  } else {
    for (auto& [uid, text] : told) told_[uid] = std::move(text);
  }
  if (!failures.empty()) return failures.front();
  return all;
}

Status ClusterWriter::TellOne(const Verdict& verdict, bool has_status, const json& status, const kube::Call& call) {
  const kube::WriteOptions options{.field_manager = kFieldManager};
  if (!has_status) {
    const json patch = {{"metadata", {{"annotations", {{kStatusAnnotation, AnnotationOf(status)}}}}}};
    const auto patched = client_.MergePatch(verdict.ref, patch, options, call);
    return patched ? Status() : Status(patched.error());
  }
  const auto patched = client_.MergePatchStatus(verdict.ref, {{"status", status}}, options, call);
  if (!patched) return patched.error();
  if (kube::TextAt(patched->object, "/status/level").empty()) without_status_.insert(verdict.ref.gvk);
  return {};
}

Result<bool> ClusterWriter::TakeBack(std::uint64_t epoch, const std::vector<Release>& releases,
                                     const std::stop_token& stop) {
  std::size_t written = 0;
  for (const Release& release : releases) {
    const bool said = !release.status_patch.is_null() || !kube::AnnotationOf(release.before, kStatusAnnotation).empty();
    if (!said) continue;
    if (written++ == kMostStatuses || !AwaitTurn(stop)) return false;
    const Status done = gate_.Write(
        epoch, [&](std::chrono::milliseconds time) { return UntellOne(release, {.stop = stop, .timeout = time}); });
    told_.erase(kube::UidOf(release.before));
    if (done || IsRace(done.error())) continue;
    if (done.error().reason() == "SMI_CONTROLLER_PAUSED") return false;
    return Error(done.error()).Doing("status of " + release.ref.ToString());
  }
  return true;
}

Status ClusterWriter::UntellOne(const Release& release, const kube::Call& call) {
  const kube::WriteOptions options{.field_manager = kFieldManager};
  if (!release.status_patch.is_null()) {
    const auto patched = client_.MergePatchStatus(release.ref, release.status_patch, options, call);
    if (!patched) return patched.error();
  }
  if (kube::AnnotationOf(release.before, kStatusAnnotation).empty()) return {};
  const json patch = {{"metadata", {{"annotations", {{kStatusAnnotation, nullptr}}}}}};
  const auto patched = client_.MergePatch(release.ref, patch, options, call);
  return patched ? Status() : Status(patched.error());
}

/// The name says what happened to what, so a second time is a count on the first.
void ClusterWriter::TellEvent(std::uint64_t epoch, const json& event, const std::stop_token& stop) {
  const Status done = gate_.Write(epoch, [&](std::chrono::milliseconds time) -> Status {
    const kube::Call call{.stop = stop, .timeout = time};
    const kube::WriteOptions options{.field_manager = kFieldManager};
    const auto created = client_.Create(event, options, call);
    if (created) return {};
    if (created.error().reason() != "OBJECT_EXISTS") return created.error();
    const kube::ObjectRef ref = kube::RefOf(event);
    MP_TRY(const json known, client_.Get(ref, call));
    const json patch = {{"count", kube::NumberAt(known, "/count") + 1}, {"lastTimestamp", event["lastTimestamp"]}};
    const auto counted = client_.MergePatch(ref, patch, options, call);
    return counted ? Status() : Status(counted.error());
  });
  if (!done) LogDebug("an event could not be written", {{log_key::kReason, done.error().reason()}});
}

}  // namespace meshplay::controller
