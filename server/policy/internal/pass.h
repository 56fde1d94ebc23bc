#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "server/policy/policies.h"
#include "server/policy/selection.h"
#include "server/policy/spec.h"
#include "server/store/store.h"

/// One look at one policy: what is, what is to be done, and the rows that follow. Filled in steps, all on one thread.
namespace meshplay::policy::internal {

enum class Action { kNone, kApply, kDelete, kPlan };

/// One mesh of the policy.
struct MeshWork {
  store::PolicyMeshRecord row;
  store::PolicyMeshRecord before;  ///< As stored; equal to `row` but for what this look changes.
  bool is_new = false;
  bool wanted = false;                              ///< The policy selects the mesh and is not being deleted.
  bool drop = false;                                ///< The row goes: nothing of the policy is there.
  bool cancel = false;                              ///< The operation under way is no longer wanted and has not begun.
  std::optional<store::OperationRecord> operation;  ///< The one under way.
  std::optional<store::PolicyReportRecord> report;  ///< To be written.
  Action action = Action::kNone;
  std::string wait_reason;  ///< Why nothing is done although something is to be.
  std::string wait_message;

  bool InFlight() const { return !row.operation_id.empty(); }
  bool Changing() const { return InFlight() && row.operation_kind != "PLAN"; }
  void Wait(std::string reason, std::string message) {
    wait_reason = std::move(reason);
    wait_message = std::move(message);
  }
};

/// What all policies together may still start.
struct Slots {
  std::uint32_t changes = 0;
  std::uint32_t plans = 0;
  bool starved = false;  ///< Somebody got none: to be looked at again when an operation ends.
};

struct Pass {
  store::PolicyRecord policy;
  store::PolicyRecord before;
  store::PolicyRevisionRecord revision;
  Spec spec;
  std::vector<MeshWork> meshes;
  const World* world = nullptr;
  const PolicyOptions* options = nullptr;
  UnixMs now = 0;
  UnixMs next = 0;  ///< When to look again; 0: when something happens.

  void LookAgain(UnixMs at) {
    if (next == 0 || at < next) next = at;
  }
  UnixMs After(std::chrono::milliseconds wait) const { return now + wait.count(); }
  /// Up to a tenth later, so that what began together does not stay together.
  UnixMs AfterWithJitter(std::chrono::milliseconds wait) const {
    return After(wait) + static_cast<UnixMs>(static_cast<double>(wait.count()) * 0.1 * options->random());
  }
};

/// Reads what the operations under way have become. `reader` is the snapshot that the pass was read from.
/// Returns the names of what happened, for the counters: "drift", "failure".
Result<std::vector<std::string>> AbsorbOperations(Pass& pass, store::Reader& reader);

/// Meshes that match get a row, rows whose mesh is gone or has nothing of the policy go, stages are given.
void Select(Pass& pass);

/// Opens the next stage when the open ones have passed the gate for long enough. True when the stage or state changed.
bool MoveRollout(Pass& pass);

/// Picks what to do for each mesh, within the slots.
void Decide(Pass& pass, Slots& slots);

/// A change that has not begun can be called back without a trace. Pure.
bool HasNotBegun(const store::OperationRecord& operation);

/// Why nobody can be asked about a mesh now: AdapterNotConnected, ClusterUnreachable; empty when somebody can.
std::string Unreachable(const World& world, const std::string& cluster_uid, const std::string& mesh_type);

/// State, reason and message of a mesh after all that.
void Judge(const Pass& pass, MeshWork& mesh);

/// {"policy", "mesh", "cluster", "state", ...} of a mesh's event.
bool TellsNews(const MeshWork& mesh);

}  // namespace meshplay::policy::internal
