#pragma once

#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/controller/controller.h"
#include "adapters/controller/internal/pace.h"
#include "adapters/controller/release.h"

namespace meshplay::controller {

/// Carries out what a reconciliation wants, each write through the gate and at a bounded pace. Threads: one.
class ClusterWriter {
 public:
  ClusterWriter(kube::Client& client, WriteGate& gate, const Clock& clock, std::string mesh_type,
                std::string name_space);

  /// Reads what an earlier process left. Errors: those of the client.
  Result<State> LoadState(const kube::Call& call);
  /// Compare-and-swap. Errors: kAborted OBJECT_CONFLICT (somebody else writes it: load again), SMI_CONTROLLER_PAUSED;
  /// kResourceExhausted SMI_CONTROLLER_STATE_TOO_LARGE.
  Status SaveState(std::uint64_t epoch, const State& state, const std::stop_token& stop);

  struct StepsOutcome {
    std::map<std::string, Error> failed;  ///< By source.
    std::size_t done = 0;
    bool paused = false;  ///< The gate closed: the rest was not tried.
    bool again = false;   ///< Somebody changed an object in between: look again soon.
  };
  /// `before` is called ahead of each write that is tried; empty: nothing is.
  StepsOutcome DoSteps(std::uint64_t epoch, const std::vector<Step>& steps, const BeforeStep& before,
                       const std::stop_token& stop);

  /// Writes statuses (or annotations) that differ from what is stored, and their events. At most 200 in one call; true
  /// when all were written. Errors: the first of the client's, after the others were tried; the fifth ends it.
  Result<bool> TellVerdicts(std::uint64_t epoch, const std::vector<Verdict>& verdicts,
                            const std::function<bool(const kube::Gvk&)>& has_status, bool events,
                            const std::stop_token& stop);

  /// Takes statuses (or annotations) away; finalizers are steps. At most 200 in one call; true when that was all.
  /// Errors: the first of the client's.
  Result<bool> TakeBack(std::uint64_t epoch, const std::vector<Release>& releases, const std::stop_token& stop);

  const WrittenObjects& written() const { return written_; }
  void Forget() { written_.clear(); }

 private:
  Status Do(const Step& step, std::chrono::milliseconds time, const std::stop_token& stop);
  Status ApplyObject(const Step& step, const kube::Call& call);
  Status UntellOne(const Release& release, const kube::Call& call);
  Status TellOne(const Verdict& verdict, bool has_status, const nlohmann::json& status, const kube::Call& call);
  void TellEvent(std::uint64_t epoch, const nlohmann::json& event, const std::stop_token& stop);
  bool AwaitTurn(const std::stop_token& stop);

  kube::Client& client_;
  WriteGate& gate_;
  const Clock& clock_;
  const std::string mesh_type_;
  const std::string name_space_;
  Pace writes_, events_;
  WrittenObjects written_;
  std::map<std::string, std::string> told_;  ///< Uid of an SMI object to the status that this process wrote last.
  std::set<kube::Gvk> without_status_;       ///< The server drops our status of these.
  std::string state_version_, saved_;
};

}  // namespace meshplay::controller
