#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/sdk/adapter.h"

namespace meshplay::test {

/// A task without a server: the barrier always opens, everything reported is kept for the test to look at.
class ScriptedTask final : public sdk::TaskContext {
 public:
  explicit ScriptedTask(sdk::pb::TaskOffer offer) : offer_(std::move(offer)) {}

  /// Called at each MayMutate with its number from 1; for trouble at an exact place.
  std::function<void(int)> before_mutation;
  std::function<void(const std::string& step)> on_step_running;

  void RequestStop() { stop_.request_stop(); }

  const sdk::pb::TaskOffer& offer() const override { return offer_; }
  std::stop_token stop() const override { return stop_.get_token(); }
  Status BeginMutating() override {
    ++barriers;
    return MayMutate();
  }
  Status MayMutate() override {
    if (before_mutation) before_mutation(++mutations);
    if (stop_.stop_requested()) return Error(ErrorCode::kCancelled, "CANCELLED", "cancelled");
    return {};
  }
  bool MustYield() const override { return stop_.stop_requested() || yield; }
  sdk::pb::TaskResult Stopped(sdk::pb::SideEffects side_effects) const override {
    sdk::pb::TaskResult result;
    result.set_outcome(sdk::pb::OUTCOME_CANCELLED);
    *result.mutable_error() = sdk::MakeError("CANCELLED", sdk::pb::ERROR_CLASS_CANCELLED, side_effects, "cancelled");
    return result;
  }
  Status AnnounceStep(std::chrono::milliseconds step_timeout) override {
    announced.push_back(step_timeout);
    return {};
  }
  std::chrono::milliseconds lease_left() const override { return std::chrono::seconds(30); }
  void SetPhase(sdk::pb::TaskPhase) override {}
  void Progress(std::uint32_t, std::uint32_t, const std::string& text) override {
    const std::lock_guard lock(mutex_);
    progress.push_back(text);
  }
  void PlanSteps(const std::vector<StepPlan>& plan) override {
    for (const StepPlan& step : plan) steps.push_back({step.name, "PENDING"});
  }
  void StepRunning(const std::string& name, const std::string& = {}) override {
    Set(name, "RUNNING");
    if (on_step_running) on_step_running(name);
  }
  void StepDone(const std::string& name, const std::string& = {}) override { Set(name, "DONE"); }
  void StepSkipped(const std::string& name, const std::string&) override { Set(name, "SKIPPED"); }
  void StepFailed(const std::string& name, const std::string& text) override { Set(name, "FAILED: " + text); }
  void Changed(const sdk::pb::ObjectOutcome& outcome) override { changes.push_back(outcome); }
  void Diagnose(const sdk::pb::Diagnostic& diagnostic) override { diagnostics.push_back(diagnostic); }
  Status SaveCheckpoint(const std::string&) override { return {}; }
  Result<std::map<std::string, Secret>> ResolveSecret(const std::string&) override {
    return FailedPrecondition("SECRET_UNAVAILABLE", "none here");
  }
  Result<sdk::pb::SecretRef> StoreSecret(const std::string&, const std::map<std::string, Secret>&) override {
    return sdk::pb::SecretRef();
  }

  struct StepState {
    std::string name, state;
  };
  std::string StateOf(const std::string& name) const {
    for (const StepState& step : steps) {
      if (step.name == name) return step.state;
    }
    return "no such step";
  }
  bool HasDiagnostic(const std::string& code) const {
    for (const auto& diagnostic : diagnostics) {
      if (diagnostic.code() == code) return true;
    }
    return false;
  }

  std::vector<StepState> steps;
  std::vector<sdk::pb::ObjectOutcome> changes;
  std::vector<sdk::pb::Diagnostic> diagnostics;
  std::vector<std::string> progress;
  std::vector<std::chrono::milliseconds> announced;
  int barriers = 0;
  int mutations = 0;
  bool yield = false;

 private:
  void Set(const std::string& name, const std::string& state) {
    for (StepState& step : steps) {
      if (step.name == name) step.state = state;
    }
  }
  const sdk::pb::TaskOffer offer_;
  std::stop_source stop_;
  std::mutex mutex_;
};

}  // namespace meshplay::test
