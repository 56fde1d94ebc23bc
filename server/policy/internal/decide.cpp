#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "server/policy/internal/pass.h"
#include "server/policy/internal/rows.h"
#include "server/store/operation_states.h"

namespace meshplay::policy::internal {
namespace {

using store::OperationState;

int RankOf(const std::string& level) {
  return level == "FULL" ? 3 : level == "PARTIAL" ? 2 : level == "NONE" ? 1 : 0;
}

bool PassesGate(const Pass& pass, const MeshWork& mesh) {
  const store::PolicyMeshRecord& row = mesh.row;
  return row.applied_revision == pass.policy.revision && row.failures == 0 && !row.drifted && !mesh.Changing() &&
         RankOf(row.level) >= RankOf(pass.spec.min_level);
}

bool Reaches(const store::ClaimRecord& claim) {
  const nlohmann::json conditions = nlohmann::json::parse(claim.conditions_json, nullptr, false);
  if (!conditions.is_array()) return true;
  return std::none_of(conditions.begin(), conditions.end(), [](const nlohmann::json& condition) {
    return condition.is_object() && condition.value("type", nlohmann::json()) == "Reachable" &&
           condition.value("status", nlohmann::json()) == "False";
  });
}

class Chooser {
 public:
  Chooser(Pass& pass, Slots& slots) : pass_(pass), slots_(slots) {
    for (const MeshWork& mesh : pass.meshes) {
      if (!mesh.Changing()) continue;
      ++changing_;
      ++changing_in_stage_[mesh.row.stage];
    }
  }

  void Choose(MeshWork& mesh) {
    if (mesh.drop) return;
    store::PolicyMeshRecord& row = mesh.row;
    // Its row names its operations: asked for only once the row is there, a server that dies in between finds them
    // again.
    if (mesh.is_new) return pass_.LookAgain(pass_.now);
    if (mesh.InFlight()) {
      const bool outdated = mesh.wanted
                                ? row.operation_kind == "DELETE" || row.operation_revision != pass_.policy.revision
                                : row.operation_kind != "DELETE";
      mesh.cancel = outdated && mesh.operation && HasNotBegun(*mesh.operation);
      return;
    }
    ForgetFailureOfAnotherWish(mesh);
    if (!mesh.wanted) return Remove(mesh);
    const bool current = row.applied_revision == pass_.policy.revision && row.failures == 0;
    if (current && row.reapply_unix_ms != 0) return FollowReferences(mesh);
    const bool repair = row.drifted && pass_.spec.on_drift == OnDrift::kRepair;
    if (row.applied_revision != pass_.policy.revision || row.failures > 0 || repair) return Apply(mesh);
    LookForDrift(mesh);
  }

 private:
  void ForgetFailureOfAnotherWish(MeshWork& mesh) {
    store::PolicyMeshRecord& row = mesh.row;
    if (row.failures == 0 || !FailedForAnotherWish(pass_.policy, row, mesh.wanted)) return;
    // A removal that failed may have taken some of it away.
    if (mesh.wanted && row.operation_kind == "DELETE") row.applied_revision = 0;
    row.failures = 0;
    row.retry_unix_ms = 0;
  }

  void Remove(MeshWork& mesh) {
    if (pass_.policy.paused && !pass_.policy.deleting) return mesh.Wait("Paused", "The policy is paused.");
    Change(mesh, Action::kDelete);
  }

  void Apply(MeshWork& mesh) {
    if (pass_.policy.paused) return mesh.Wait("Paused", "The policy is paused.");
    if (pass_.policy.rollout_state == kAborted) {
      return mesh.Wait("RolloutAborted", "The roll-out was aborted before this mesh.");
    }
    if (mesh.row.stage > pass_.policy.rollout_stage) {
      return mesh.Wait("StageWaits", "Stage " + std::to_string(mesh.row.stage) + " is not open yet.");
    }
    Change(mesh, Action::kApply);
  }

  /// Something that the documents refer to came or went: no drift, so it is followed whatever the policy says of drift.
  void FollowReferences(MeshWork& mesh) {
    store::PolicyMeshRecord& row = mesh.row;
    // A clock that was set back must not make the grace longer.
    row.reapply_unix_ms = std::min(row.reapply_unix_ms, pass_.After(pass_.options->reference_grace));
    if (row.reapply_unix_ms <= pass_.now) {
      if (pass_.policy.paused) return mesh.Wait("Paused", "The policy is paused.");
      return Change(mesh, Action::kApply);
    }
    pass_.LookAgain(row.reapply_unix_ms);
    LookForDrift(mesh);
  }

  void Change(MeshWork& mesh, Action action) {
    const store::PolicyMeshRecord& row = mesh.row;
    if (row.failures > 0) {
      if (row.retry_unix_ms == 0) return;
      if (row.retry_unix_ms > pass_.now) return pass_.LookAgain(row.retry_unix_ms);
    }
    if (!CheckReachable(mesh)) return;
    const bool last = row.stage >= pass_.spec.stages.size();
    const std::uint32_t own = last ? 0 : pass_.spec.stages[row.stage].max_parallel;
    const bool full = changing_ >= pass_.spec.max_parallel || (own != 0 && changing_in_stage_[row.stage] >= own);
    if (full) return mesh.Wait("OthersFirst", "As many meshes as allowed are being changed.");
    if (slots_.changes == 0) {
      slots_.starved = true;
      return mesh.Wait("OthersFirst", "As many changes as the server allows are under way.");
    }
    --slots_.changes;
    ++changing_;
    ++changing_in_stage_[row.stage];
    mesh.action = action;
  }

  void LookForDrift(MeshWork& mesh) {
    const UnixMs due = mesh.row.drift_due_unix_ms;
    if (due == 0) return;
    if (due > pass_.now) return pass_.LookAgain(due);
    if (!CheckReachable(mesh)) return;
    if (slots_.plans == 0) {
      slots_.starved = true;
      return;
    }
    --slots_.plans;
    mesh.action = Action::kPlan;
  }

  bool CheckReachable(MeshWork& mesh) {
    const std::string reason = Unreachable(*pass_.world, mesh.row.cluster_uid, mesh.row.mesh_type);
    if (reason.empty()) return true;
    mesh.Wait(reason, reason == "ClusterUnreachable" ? "No adapter reaches the cluster."
                                                     : "No adapter of the mesh type is connected for the cluster.");
    return false;
  }

  Pass& pass_;
  Slots& slots_;
  std::uint32_t changing_ = 0;
  std::map<std::uint32_t, std::uint32_t> changing_in_stage_;
};

MeshWork NewMesh(const Pass& pass, const store::MeshRecord& mesh) {
  MeshWork work;
  work.is_new = true;
  work.row.policy_uid = pass.policy.uid;
  work.row.mesh_id = mesh.id;
  work.row.tenant = mesh.tenant;
  work.row.mesh_type = mesh.mesh_type;
  work.row.cluster_id = mesh.cluster_id;
  work.row.cluster_uid = mesh.cluster_uid;
  work.row.created_unix_ms = pass.now;
  work.before = work.row;
  return work;
}

}  // namespace

bool HasNotBegun(const store::OperationRecord& operation) {
  return !operation.cancel_requested &&
         (operation.state == OperationState::kAwaitingApproval || operation.state == OperationState::kQueued ||
          (operation.state == OperationState::kBackoff && operation.side_effects == store::SideEffects::kNone));
}

std::string Unreachable(const World& world, const std::string& cluster_uid, const std::string& mesh_type) {
  const auto claims = world.claims.find({cluster_uid, mesh_type});
  if (claims == world.claims.end()) return "AdapterNotConnected";
  bool live = false;
  for (const store::ClaimRecord& claim : claims->second) {
    if (!claim.live) continue;
    live = true;
    if (Reaches(claim)) return {};
  }
  return live ? "ClusterUnreachable" : "AdapterNotConnected";
}

void Select(Pass& pass) {
  std::set<std::string> known;
  std::set<std::pair<std::string, std::string>> kept;  // (cluster, mesh type) whose objects stay
  for (MeshWork& mesh : pass.meshes) {
    known.insert(mesh.row.mesh_id);
    const auto found = pass.world->meshes.find(mesh.row.mesh_id);
    mesh.wanted = !pass.policy.deleting && found != pass.world->meshes.end() &&
                  Matches(pass.spec.target, found->second, *pass.world);
    if (mesh.wanted) kept.emplace(mesh.row.cluster_uid, mesh.row.mesh_type);
  }
  if (!pass.policy.deleting) {
    for (const auto& [id, mesh] : pass.world->meshes) {
      if (known.count(id) != 0 || !Matches(pass.spec.target, mesh, *pass.world)) continue;
      MeshWork work = NewMesh(pass, mesh);
      work.wanted = true;
      kept.emplace(mesh.cluster_uid, mesh.mesh_type);
      pass.meshes.push_back(std::move(work));
    }
  }
  for (MeshWork& mesh : pass.meshes) {
    const auto found = pass.world->meshes.find(mesh.row.mesh_id);
    const bool gone = found == pass.world->meshes.end();
    if (!gone) mesh.row.stage = StageOf(pass.spec, found->second, *pass.world);
    // Two meshes of one type on a cluster share the objects of an owner: they stay while one is wanted.
    const bool shared = kept.count({mesh.row.cluster_uid, mesh.row.mesh_type}) != 0;
    mesh.drop = !mesh.wanted && !mesh.InFlight() && (gone || shared || !mesh.row.may_have_objects);
  }
}

bool MoveRollout(Pass& pass) {
  store::PolicyRecord& policy = pass.policy;
  if (policy.rollout_state != kRolling || policy.deleting) return false;
  std::uint32_t waiting = 0;
  std::uint32_t open = 0;
  std::set<std::uint32_t> later;
  for (const MeshWork& mesh : pass.meshes) {
    if (!mesh.wanted) continue;
    if (mesh.row.stage > policy.rollout_stage) {
      later.insert(mesh.row.stage);
      continue;
    }
    ++open;
    waiting += PassesGate(pass, mesh) ? 0 : 1;
  }
  if (waiting > 0) {
    policy.rollout_settled_unix_ms = 0;
    policy.rollout_message = std::to_string(waiting) + " of the meshes so far do not pass the gate yet.";
    return false;
  }
  if (policy.rollout_settled_unix_ms == 0) policy.rollout_settled_unix_ms = pass.now;
  const UnixMs opens = policy.rollout_settled_unix_ms + pass.spec.settle.count();
  policy.rollout_message.clear();
  const bool nobody_yet = open == 0 && !later.empty();  // nothing to wait for
  if (opens > pass.now && !nobody_yet) {
    pass.LookAgain(opens);
    return false;
  }
  policy.rollout_settled_unix_ms = 0;
  policy.rollout_stage = later.empty() ? StageCount(pass.spec) - 1 : *later.begin();
  if (later.empty()) policy.rollout_state = kDone;
  return true;
}

void Decide(Pass& pass, Slots& slots) {
  Chooser chooser(pass, slots);
  for (MeshWork& mesh : pass.meshes) chooser.Choose(mesh);
}

void Judge(const Pass& pass, MeshWork& mesh) {
  store::PolicyMeshRecord& row = mesh.row;
  const auto set = [&row](const char* state, std::string reason = {}, std::string message = {}) {
    row.state = state;
    row.reason = std::move(reason);
    row.message = std::move(message);
  };
  const bool approval = mesh.operation && mesh.operation->state == OperationState::kAwaitingApproval;
  const std::string going = approval ? "AwaitingApproval" : "InProgress";
  const std::string text = approval ? "The operation waits for its approval." : "The operation is under way.";
  if (row.failures > 0 && !mesh.Changing()) {
    row.state = "FAILED";  // reason and message are those of the failure
  } else if (!mesh.wanted) {
    mesh.Changing() ? set("REMOVING", going, text) : set("REMOVING", mesh.wait_reason, mesh.wait_message);
  } else if (row.applied_revision != pass.policy.revision) {
    mesh.Changing() ? set("PENDING", going, text) : set("PENDING", mesh.wait_reason, mesh.wait_message);
  } else if (row.drifted && row.reapply_unix_ms > pass.now) {
    set("DRIFTED", "ReferenceLost",
        "Something that the policy refers to is gone. What was in force stays for a while, then it is applied again.");
  } else if (row.drifted) {
    const std::string doing = row.reapply_unix_ms != 0 ? "FollowingReferences" : "Repairing";
    mesh.Changing() ? set("DRIFTED", approval ? going : doing, text)
                    : set("DRIFTED", mesh.wait_reason, mesh.wait_message);
  } else if (row.level.empty()) {
    set("PENDING", "Verifying", "What is applied is being looked at.");
  } else {
    set(row.level.c_str(), mesh.wait_reason, mesh.wait_message);
  }
  if (row.state != mesh.before.state || mesh.is_new) row.since_unix_ms = pass.now;
}

bool TellsNews(const MeshWork& mesh) {
  const store::PolicyMeshRecord& a = mesh.row;
  const store::PolicyMeshRecord& b = mesh.before;
  if (mesh.is_new) return false;  // the next look, at once, tells what becomes of it
  return mesh.drop || a.state != b.state || a.reason != b.reason || a.applied_revision != b.applied_revision ||
         a.last_operation_id != b.last_operation_id || a.stage != b.stage;
}

}  // namespace meshplay::policy::internal
