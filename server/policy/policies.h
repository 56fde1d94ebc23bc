#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"
#include "server/engine/engine.h"
#include "server/policy/spec.h"
#include "server/store/store.h"

namespace meshplay::policy {

struct PolicyOptions {
  std::chrono::milliseconds drift_debounce{5'000};  ///< From a change of an owned object to the PLAN.
  /// How long what is in force stays when something that it refers to disappears from the cluster.
  std::chrono::milliseconds reference_grace{60'000};
  std::chrono::milliseconds drift_interval{600'000};  ///< Between PLANs without such a change; up to 10% later.
  std::chrono::milliseconds start_spread{60'000};     ///< The first PLANs after a start are spread over this.
  std::chrono::milliseconds retry_base{30'000};       ///< After a failure: doubled each time, up to 10% later.
  std::chrono::milliseconds retry_cap{600'000};
  std::chrono::milliseconds refused_retry{30'000};      ///< When an operation cannot even be asked for.
  std::chrono::milliseconds resync{300'000};            ///< Everything is looked at this often, whatever happened.
  std::uint32_t max_in_flight = 64;                     ///< Changes under way of all policies.
  std::uint32_t max_plans = 4;                          ///< PLANs under way of all policies.
  std::uint32_t max_policies = 1'000;                   ///< Of a tenant.
  std::uint32_t max_environments = 1'000;               ///< Of a tenant.
  std::uint32_t kept_revisions = 200;                   ///< Of a policy, besides those that a mesh still has.
  std::function<double()> random = [] { return 0.5; };  ///< 0 to 1, for jitter.
};

/// What is to be asked of one mesh.
struct OperationWish {
  enum class Kind { kApply, kDelete, kPlan };
  Kind kind = Kind::kApply;
  std::string tenant;
  std::string principal;  ///< Who made the revision: the operation is theirs.
  std::string policy_id;  ///< The owner of the objects.
  std::string cluster_id, mesh_id;
  std::string documents, namespace_name;
  std::map<std::string, std::string> options;
  std::string reason;
};

/// What policies need of the rest of the server. The functions are called from the thread that reconciles.
struct Hands {
  /// From a wish to an operation by the manifest of the mesh's adapter: types, schemas, approval. Reads only.
  std::function<Result<engine::OperationRequest>(const OperationWish&)> prepare;
  std::function<Result<engine::Submitted>(const engine::OperationRequest&)> submit;
  std::function<Result<store::OperationRecord>(const engine::Actor&, const std::string& operation_id,
                                               const std::string& reason)>
      cancel;
};

/// What a caller may set of a policy.
struct PolicyChange {
  std::string display_name;
  std::string labels_json;
  Spec spec;
  std::string note;
};

struct EnvironmentChange {
  std::string display_name;
  std::string labels_json;
  std::vector<std::string> clusters;
  LabelSelector selector;
};

/// Wanted SMI state of many meshes: keeps each mesh that a policy selects in the state of the policy's newest revision,
/// stage by stage, by one operation a mesh, and looks for drift. All of it is rows: a server that was killed goes on
/// where it was. The rules are in docs/architecture.md, "One policy".
///
/// Events: policy.created, .changed (a new revision), .paused, .resumed, .rollout, .mesh, .deleting, .deleted;
///         environment.created, .changed, .deleted.
/// Threads: any thread may call the methods for the services; each may block for a group commit. One thread of its own
///          reconciles, from Start to Stop.
/// Ownership: keeps references to `store` and `clock`.
/// The `audit` row of a change says who asks (tenant and principal) and is written in the unit of the change.
class Policies {
 public:
  Policies(store::Store& store, const Clock& clock, PolicyOptions options = {});
  ~Policies();  ///< Stops.
  Policies(const Policies&) = delete;
  Policies& operator=(const Policies&) = delete;

  /// From here on meshes are kept in step. Call once, when the engine and the services are there.
  void Start(Hands hands);
  void Stop();  ///< Returns when the thread has ended; the rows stay. Idempotent.

  /// Errors: kInvalidArgument POLICY_ID_INVALID and those of CheckSpec; kNotFound ENVIRONMENT_UNKNOWN; kAlreadyExists
  /// POLICY_EXISTS, IDEMPOTENCY_KEY_REUSED; kResourceExhausted POLICY_LIMIT. With a key that was used for the same
  /// content (`fingerprint`) the policy of then is returned, with true.
  Result<std::pair<store::PolicyRecord, bool>> Create(const store::AuditRecord& audit, const std::string& id,
                                                      const PolicyChange& change, bool paused, const std::string& key,
                                                      const std::string& fingerprint);
  /// Errors: kNotFound POLICY_UNKNOWN, ENVIRONMENT_UNKNOWN; kFailedPrecondition POLICY_DELETING; kAborted ETAG_STALE
  /// when `version` is not the row's; those of CheckSpec.
  Result<store::PolicyRecord> Update(const store::AuditRecord& audit, const std::string& id, std::uint64_t version,
                                     const PolicyChange& change);
  /// Takes the objects away, then the policy; with `orphan` only the policy, at once. Asking twice is not an
  /// error: meshes that failed are tried again at once.
  /// Errors: kNotFound POLICY_UNKNOWN; kAborted ETAG_STALE.
  Result<store::PolicyRecord> Delete(const store::AuditRecord& audit, const std::string& id, std::uint64_t version,
                                     bool orphan);
  /// Errors of these three: kNotFound POLICY_UNKNOWN; kFailedPrecondition POLICY_DELETING, ROLLOUT_NOT_RUNNING.
  Result<store::PolicyRecord> Pause(const store::AuditRecord& audit, const std::string& id, const std::string& reason);
  Result<store::PolicyRecord> Resume(const store::AuditRecord& audit, const std::string& id);
  Result<store::PolicyRecord> Abort(const store::AuditRecord& audit, const std::string& id, const std::string& reason);
  /// A new revision with the content of an earlier one. Errors: kNotFound POLICY_UNKNOWN, POLICY_REVISION_UNKNOWN,
  /// ENVIRONMENT_UNKNOWN; kFailedPrecondition POLICY_DELETING; kAborted ETAG_STALE when `version` is given and not the
  /// row's.
  Result<store::PolicyRecord> Rollback(const store::AuditRecord& audit, const std::string& id,
                                       std::optional<std::uint64_t> version, std::uint32_t revision,
                                       const std::string& note);

  /// Errors: kInvalidArgument ENVIRONMENT_ID_INVALID, SELECTOR_INVALID; kAlreadyExists ENVIRONMENT_EXISTS;
  /// kResourceExhausted ENVIRONMENT_LIMIT; kNotFound ENVIRONMENT_UNKNOWN; kAborted ETAG_STALE; kFailedPrecondition
  /// ENVIRONMENT_IN_USE (metadata policies).
  Result<store::EnvironmentRecord> CreateEnvironment(const store::AuditRecord& audit, const std::string& id,
                                                     const EnvironmentChange& change);
  Result<store::EnvironmentRecord> UpdateEnvironment(const store::AuditRecord& audit, const std::string& id,
                                                     std::uint64_t version, const EnvironmentChange& change);
  Status DeleteEnvironment(const store::AuditRecord& audit, const std::string& id, std::uint64_t version);

  /// For /metrics, since the start: operations asked for, drift found, repairs, and so on by name.
  std::vector<std::pair<std::string, std::uint64_t>> Counters() const;

  /// One round of what the thread does, for tests with a clock moved by hand and no thread: takes the new events,
  /// reconciles what they or the time touch.
  void TickForTest(const Hands& hands);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether the failure of a mesh is of something that the policy no longer wants there. Pure.
bool FailedForAnotherWish(const store::PolicyRecord& policy, const store::PolicyMeshRecord& mesh, bool wanted);

/// The row of a mesh as it is true for the policy of now, which the thread may not have looked at yet: what is in force
/// of an earlier revision is no state of this one. Pure.
store::PolicyMeshRecord AsOf(const store::PolicyRecord& policy, store::PolicyMeshRecord mesh);

/// The worst state of a policy's meshes, as Policy.state shows it.
std::string WorstState(const std::map<std::string, std::uint32_t>& counts);

/// Errors: kNotFound POLICY_UNKNOWN, POLICY_REVISION_UNKNOWN, ENVIRONMENT_UNKNOWN.
Result<store::PolicyRecord> GetPolicyRow(store::Reader& reader, const std::string& tenant, const std::string& id);
Result<store::PolicyRevisionRecord> GetRevisionRow(store::Reader& reader, const std::string& policy_uid,
                                                   std::uint32_t number);
Result<store::EnvironmentRecord> GetEnvironmentRow(store::Reader& reader, const std::string& tenant,
                                                   const std::string& id);

}  // namespace meshplay::policy
