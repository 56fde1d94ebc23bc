#include "server/policy/policies.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "libs/base/ids.h"
#include "libs/base/log.h"
#include "server/policy/internal/changes.h"
#include "server/policy/internal/reconciler.h"
#include "server/policy/internal/rows.h"

namespace meshplay::policy {
namespace {

constexpr std::chrono::milliseconds kPause{20};       ///< Between rounds, so that a burst of events is one round.
constexpr std::chrono::milliseconds kLongest{1'000};  ///< Without an event.

}  // namespace

struct Policies::State {
  State(store::Store& given_store, const Clock& given_clock, PolicyOptions given_options)
      : store(given_store), clock(given_clock), options(std::move(given_options)), reconciler(store, clock, options) {}

  void Run(const Hands& hands) {
    while (!Paused(kPause)) {
      if (!begun) begun = reconciler.Begin().has_value();
      if (!begun) {
        if (Paused(kLongest)) return;
        continue;
      }
      const UnixMs next = reconciler.Round(hands);
      const std::chrono::milliseconds wait(std::clamp<UnixMs>(next - clock.NowUnixMs(), 0, kLongest.count()));
      const auto end = std::chrono::steady_clock::now() + wait;
      // In slices, so that a stop does not wait long.
      while (!stopping && std::chrono::steady_clock::now() < end) {
        if (store.WaitForEvents(reconciler.seen(), std::chrono::milliseconds(50))) break;
        if (Paused(std::chrono::milliseconds(5))) return;
      }
    }
  }
  bool Paused(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex);
    return wake.wait_for(lock, time, [this] { return stopping.load(); });
  }

  store::Store& store;
  const Clock& clock;
  const PolicyOptions options;
  internal::Reconciler reconciler;
  bool begun = false;
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<bool> stopping{false};
  std::thread thread;
};

Policies::Policies(store::Store& store, const Clock& clock, PolicyOptions options)
    : state_(std::make_unique<State>(store, clock, std::move(options))) {}

Policies::~Policies() {
  Stop();
}

void Policies::Start(Hands hands) {
  state_->thread = std::thread([state = state_.get(), hands = std::move(hands)] { state->Run(hands); });
}

void Policies::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

void Policies::TickForTest(const Hands& hands) {
  if (!state_->begun) state_->begun = state_->reconciler.Begin().has_value();
  const UnixMs now = state_->clock.NowUnixMs();
  for (int round = 0; round < 100 && state_->reconciler.Round(hands) <= now; ++round) {
  }
}

std::vector<std::pair<std::string, std::uint64_t>> Policies::Counters() const {
  return state_->reconciler.Counters();
}

Result<std::pair<store::PolicyRecord, bool>> Policies::Create(const store::AuditRecord& audit, const std::string& id,
                                                              const PolicyChange& change, bool paused,
                                                              const std::string& key, const std::string& fingerprint) {
  MP_CHECK(internal::CheckPolicyId(id));
  MP_CHECK(CheckSpec(change.spec));
  std::pair<store::PolicyRecord, bool> made;
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  MP_CHECK(state_->store.Write([&](store::Transaction& unit) -> Status {
    MP_TRY(made, internal::CreatePolicy(unit, context, id, change, paused, key, fingerprint));
    return {};
  }));
  return made;
}

namespace {

/// Runs a change of one policy in a unit and returns the row as it is then.
template <class Work>
Result<store::PolicyRecord> ChangePolicy(store::Store& store, Work work) {
  store::PolicyRecord policy;
  MP_CHECK(store.Write([&](store::Transaction& unit) -> Status {
    MP_TRY(policy, work(unit));
    return {};
  }));
  return policy;
}

}  // namespace

Result<store::PolicyRecord> Policies::Update(const store::AuditRecord& audit, const std::string& id,
                                             std::uint64_t version, const PolicyChange& change) {
  MP_CHECK(CheckSpec(change.spec));
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  return ChangePolicy(state_->store, [&](store::Transaction& unit) {
    return internal::UpdatePolicy(unit, context, id, version, change);
  });
}

Result<store::PolicyRecord> Policies::Delete(const store::AuditRecord& audit, const std::string& id,
                                             std::uint64_t version, bool orphan) {
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  const std::lock_guard rows(state_->reconciler.rows_mutex());  // it changes rows of meshes
  return ChangePolicy(state_->store, [&](store::Transaction& unit) {
    return internal::DeletePolicy(unit, context, id, version, orphan);
  });
}

Result<store::PolicyRecord> Policies::Pause(const store::AuditRecord& audit, const std::string& id,
                                            const std::string& reason) {
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  return ChangePolicy(state_->store,
                      [&](store::Transaction& unit) { return internal::PausePolicy(unit, context, id, reason); });
}

Result<store::PolicyRecord> Policies::Resume(const store::AuditRecord& audit, const std::string& id) {
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  const std::lock_guard rows(state_->reconciler.rows_mutex());  // it changes rows of meshes
  return ChangePolicy(state_->store,
                      [&](store::Transaction& unit) { return internal::ResumePolicy(unit, context, id); });
}

Result<store::PolicyRecord> Policies::Abort(const store::AuditRecord& audit, const std::string& id,
                                            const std::string& reason) {
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  return ChangePolicy(state_->store,
                      [&](store::Transaction& unit) { return internal::AbortRollout(unit, context, id, reason); });
}

Result<store::PolicyRecord> Policies::Rollback(const store::AuditRecord& audit, const std::string& id,
                                               std::optional<std::uint64_t> version, std::uint32_t revision,
                                               const std::string& note) {
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  return ChangePolicy(state_->store, [&](store::Transaction& unit) {
    return internal::RollbackPolicy(unit, context, id, version, revision, note);
  });
}

Result<store::EnvironmentRecord> Policies::CreateEnvironment(const store::AuditRecord& audit, const std::string& id,
                                                             const EnvironmentChange& change) {
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  store::EnvironmentRecord made;
  MP_CHECK(state_->store.Write([&](store::Transaction& unit) -> Status {
    MP_TRY(made, internal::CreateEnvironment(unit, context, id, change));
    return {};
  }));
  return made;
}

Result<store::EnvironmentRecord> Policies::UpdateEnvironment(const store::AuditRecord& audit, const std::string& id,
                                                             std::uint64_t version, const EnvironmentChange& change) {
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  store::EnvironmentRecord made;
  MP_CHECK(state_->store.Write([&](store::Transaction& unit) -> Status {
    MP_TRY(made, internal::UpdateEnvironment(unit, context, id, version, change));
    return {};
  }));
  return made;
}

Status Policies::DeleteEnvironment(const store::AuditRecord& audit, const std::string& id, std::uint64_t version) {
  const internal::ChangeContext context{audit, state_->options, state_->clock.NowUnixMs()};
  return state_->store.Write(
      [&](store::Transaction& unit) { return internal::DeleteEnvironment(unit, context, id, version); });
}

bool FailedForAnotherWish(const store::PolicyRecord& policy, const store::PolicyMeshRecord& mesh, bool wanted) {
  const bool removed = mesh.operation_kind == "DELETE";
  return wanted ? removed || mesh.operation_revision != policy.revision : !removed;
}

store::PolicyMeshRecord AsOf(const store::PolicyRecord& policy, store::PolicyMeshRecord mesh) {
  const auto set = [&mesh](const char* state) {
    mesh.state = state;
    mesh.reason.clear();
    mesh.message.clear();
  };
  const bool failed = mesh.state == "FAILED";
  const bool waits = mesh.state == "PENDING" || mesh.state == "REMOVING";
  if (policy.deleting) {
    const bool told = mesh.state == "REMOVING" || (failed && !FailedForAnotherWish(policy, mesh, false));
    if (!told) set("REMOVING");
  } else if (failed) {
    // A removal that failed may be of a mesh that is no longer selected.
    if (mesh.operation_kind != "DELETE" && FailedForAnotherWish(policy, mesh, true)) set("PENDING");
  } else if (!waits && mesh.applied_revision != policy.revision) {
    set("PENDING");
  } else if (mesh.reason == "RolloutAborted" && policy.rollout_state != internal::kAborted) {
    set("PENDING");
  }
  return mesh;
}

std::string WorstState(const std::map<std::string, std::uint32_t>& counts) {
  for (const char* state : {"FAILED", "DRIFTED", "PENDING", "REMOVING", "NONE", "PARTIAL", "FULL"}) {
    const auto found = counts.find(state);
    if (found != counts.end() && found->second > 0) return state;
  }
  return "EMPTY";
}

Result<store::PolicyRecord> GetPolicyRow(store::Reader& reader, const std::string& tenant, const std::string& id) {
  MP_TRY(std::optional<store::PolicyRecord> found, reader.FindPolicy(tenant, id));
  if (!found) return NotFound("POLICY_UNKNOWN", "there is no such policy");
  return std::move(*found);
}

Result<store::PolicyRevisionRecord> GetRevisionRow(store::Reader& reader, const std::string& policy_uid,
                                                   std::uint32_t number) {
  MP_TRY(std::optional<store::PolicyRevisionRecord> found, reader.FindPolicyRevision(policy_uid, number));
  if (!found) {
    return NotFound("POLICY_REVISION_UNKNOWN", "the policy has no such revision, or it is no longer kept")
        .WithMetadata("revision", std::to_string(number));
  }
  return std::move(*found);
}

Result<store::EnvironmentRecord> GetEnvironmentRow(store::Reader& reader, const std::string& tenant,
                                                   const std::string& id) {
  MP_TRY(std::optional<store::EnvironmentRecord> found, reader.FindEnvironment(tenant, id));
  if (!found) return NotFound("ENVIRONMENT_UNKNOWN", "there is no such environment");
  return std::move(*found);
}

}  // namespace meshplay::policy
