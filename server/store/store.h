#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "server/store/records.h"
#include "server/store/records_conformance.h"
#include "server/store/records_inventory.h"
#include "server/store/records_policy.h"

namespace meshplay::store {

/// Rows come in the order named at each method. `limit` is 1 to 10,000 everywhere, else kInvalidArgument LIMIT_INVALID.
/// An empty filter field matches everything.
struct OperationQuery {
  std::string tenant{};
  std::vector<OperationState> states{};  ///< Empty: any. The other empty fields likewise.
  std::string type{};
  std::string cluster_id{};
  std::string mesh_id{};
  std::string target_id{};
  std::string principal{};
  TaskKind kind = TaskKind::kUnspecified;
  std::string before_id{};  ///< Only operations with a smaller id (older ones).
  std::uint32_t limit = 50;
};

struct ObjectQuery {
  std::string tenant{};
  std::string cluster_id{};
  std::string mesh_id{};
  std::string kind{};
  std::string namespace_name{};
  std::string name_contains{};
  std::string facts_kind{};
  std::string after_id{};
  std::uint32_t limit = 50;
};

struct EventQuery {
  std::string tenant{};  ///< Empty: every tenant.
  std::uint64_t after_seq = 0;
  std::string subject{};  ///< Exact, or a prefix when it ends in "/".
  std::string kind{};     ///< Exact, or a prefix when it ends in ".".
  std::uint32_t limit = 500;
};

struct AuditQuery {
  std::string tenant{};
  std::string principal{};
  std::string action{};
  std::uint64_t after_seq = 0;
  std::uint32_t limit = 50;
};

struct EventHorizon {
  std::uint64_t oldest = 0;  ///< seq of the oldest kept event; 0 when there is none.
  std::uint64_t newest = 0;  ///< seq of the newest committed event.
  std::uint64_t epoch = 0;   ///< +1 at each initialisation or restore of the database.
};

struct IdempotencyRecord {
  std::string tenant;
  std::string principal;
  std::string key;
  std::string fingerprint;
  std::string operation_id;
  UnixMs expires_unix_ms = 0;
};

struct PlanRecord {
  std::string digest;
  std::string operation_id;
  std::string body_json;
};

/// Consistent reads. A Reader is valid only inside the function that received it.
/// Errors of all methods: kUnavailable STORE_BUSY, kInternal STORE_FAILED, kDataLoss STORE_CORRUPT.
class Reader {
 public:
  virtual ~Reader() = default;

  // Operations. An empty tenant in a look-up by id means "whatever the tenant" (for the engine).
  virtual Result<std::optional<OperationRecord>> FindOperation(const std::string& tenant, const std::string& id) = 0;
  virtual Result<std::vector<OperationRecord>> ListOperations(const OperationQuery& query) = 0;  ///< Newest first.
  virtual Result<std::vector<OperationRecord>>
  ListActiveOperations() = 0;  ///< Not final and not AWAITING_APPROVAL, QUEUED or BACKOFF; by id.
  /// QUEUED, due at `now` and not past a deadline, whose target is neither quarantined nor held nor locked by another
  /// operation (kinds that take no lock ignore the lock and the quarantine), whose type is not held; by priority, then
  /// id.
  virtual Result<std::vector<OperationRecord>> ListDispatchable(UnixMs now, std::uint32_t limit) = 0;
  /// BACKOFF that is due, QUEUED past its queue deadline, any non-final operation past its deadline; by id.
  virtual Result<std::vector<OperationRecord>> ListTimedOut(UnixMs now, std::uint32_t limit) = 0;
  /// The next moment after `now` at which ListTimedOut or ListDispatchable could change by time alone.
  virtual Result<std::optional<UnixMs>> NextTimer(UnixMs now) = 0;
  virtual Result<std::vector<std::pair<OperationState, std::uint64_t>>> CountOperations() = 0;
  virtual Result<std::optional<AttemptRecord>> FindAttempt(const std::string& operation_id, std::uint32_t number) = 0;
  virtual Result<std::vector<AttemptRecord>> ListAttempts(const std::string& operation_id) = 0;  ///< By number.
  virtual Result<std::vector<StepRecord>> ListSteps(const std::string& operation_id, std::uint32_t attempt) = 0;
  /// Pairs of attempt and outcome in the order of arrival, those after the first `offset`.
  virtual Result<std::vector<std::pair<std::uint32_t, ObjectOutcomeRecord>>> ListOutcomes(
      const std::string& operation_id, std::uint32_t offset, std::uint32_t limit) = 0;
  virtual Result<std::vector<DiagnosticRecord>> ListDiagnostics(const std::string& operation_id, std::uint32_t offset,
                                                                std::uint32_t limit) = 0;
  virtual Result<std::optional<PlanRecord>> FindPlanOfOperation(const std::string& operation_id) = 0;
  virtual Result<std::optional<PlanRecord>> FindPlan(const std::string& digest) = 0;  ///< The newest with it.
  virtual Result<std::optional<IdempotencyRecord>> FindIdempotency(const std::string& tenant,
                                                                   const std::string& principal,
                                                                   const std::string& key) = 0;

  // Targets and holds.
  virtual Result<std::optional<TargetRecord>> FindTarget(const std::string& tenant, const std::string& id) = 0;
  virtual Result<std::vector<TargetRecord>> ListTargets(const std::string& tenant, const std::string& cluster_id,
                                                        const std::string& after_id,
                                                        std::uint32_t limit) = 0;  ///< By id.
  virtual Result<std::optional<HoldRecord>> FindHold(const std::string& scope) = 0;
  virtual Result<std::vector<HoldRecord>> ListHolds() = 0;

  // Events and audit, by seq. The horizon is stable: no event with a seq at or below `newest` can still appear.
  virtual Result<std::vector<EventRecord>> ListEvents(const EventQuery& query) = 0;
  virtual Result<EventHorizon> Horizon() = 0;
  virtual Result<std::vector<AuditRecord>> ListAudit(const AuditQuery& query) = 0;

  // Adapters, clusters, meshes, objects; lists by id unless said.
  virtual Result<std::optional<AdapterRecord>> FindAdapter(const std::string& tenant, const std::string& id) = 0;
  virtual Result<std::vector<AdapterRecord>> ListAdapters(const std::string& tenant, const std::string& mesh_type,
                                                          const std::string& after_id, std::uint32_t limit) = 0;
  virtual Result<std::optional<ClusterRecord>> FindCluster(const std::string& tenant, const std::string& id) = 0;
  virtual Result<std::optional<ClusterRecord>> FindClusterByUid(const std::string& tenant, const std::string& uid) = 0;
  virtual Result<std::vector<ClusterRecord>> ListClusters(const std::string& tenant, const std::string& after_id,
                                                          std::uint32_t limit) = 0;
  /// Every claim that matches the non-empty arguments, oldest first.
  virtual Result<std::vector<ClaimRecord>> ListClaims(const std::string& tenant, const std::string& adapter_id,
                                                      const std::string& cluster_uid, const std::string& mesh_type) = 0;
  virtual Result<std::optional<MeshRecord>> FindMesh(const std::string& tenant, const std::string& id) = 0;
  virtual Result<std::vector<MeshRecord>> ListMeshes(const std::string& tenant, const std::string& cluster_id,
                                                     const std::string& mesh_type, const std::string& after_id,
                                                     std::uint32_t limit) = 0;
  virtual Result<std::vector<MeshHistoryRecord>> ListMeshHistory(const std::string& mesh_id, std::uint64_t before_seq,
                                                                 std::uint32_t limit) = 0;  ///< Newest first.
  virtual Result<std::optional<ObjectRecord>> FindObject(const std::string& tenant, const std::string& id) = 0;
  virtual Result<std::vector<ObjectRecord>> ListObjects(const ObjectQuery& query) = 0;  ///< Bodies left empty.
  virtual Result<std::optional<BookmarkRecord>> FindBookmark(const std::string& adapter_id,
                                                             const std::string& cluster_uid,
                                                             const std::string& kinds_key) = 0;

  // Policies and named groups of clusters; lists by id unless said.
  virtual Result<std::optional<PolicyRecord>> FindPolicy(const std::string& tenant, const std::string& id) = 0;
  virtual Result<std::vector<PolicyRecord>> ListPolicies(const std::string& tenant, const std::string& after_id,
                                                         std::uint32_t limit) = 0;
  virtual Result<std::optional<PolicyRevisionRecord>> FindPolicyRevision(const std::string& policy_uid,
                                                                         std::uint32_t number) = 0;
  /// Newest first, those below `before` when it is not 0; `documents` left empty.
  virtual Result<std::vector<PolicyRevisionRecord>> ListPolicyRevisions(const std::string& policy_uid,
                                                                        std::uint32_t before, std::uint32_t limit) = 0;
  virtual Result<std::optional<PolicyMeshRecord>> FindPolicyMesh(const std::string& policy_uid,
                                                                 const std::string& mesh_id) = 0;
  virtual Result<std::vector<PolicyMeshRecord>> ListPolicyMeshes(const std::string& policy_uid,
                                                                 const std::string& after_mesh_id,
                                                                 std::uint32_t limit) = 0;  ///< By mesh id.
  virtual Result<std::optional<PolicyReportRecord>> FindPolicyReport(const std::string& policy_uid,
                                                                     const std::string& mesh_id) = 0;
  virtual Result<std::optional<EnvironmentRecord>> FindEnvironment(const std::string& tenant,
                                                                   const std::string& id) = 0;
  virtual Result<std::vector<EnvironmentRecord>> ListEnvironments(const std::string& tenant,
                                                                  const std::string& after_id, std::uint32_t limit) = 0;

  // Conformance runs.
  virtual Result<std::optional<ConformanceRunRecord>> FindConformanceRun(const std::string& operation_id) = 0;
  /// By position; `evidence_json` left empty.
  virtual Result<std::vector<ConformanceCaseRecord>> ListConformanceCases(const std::string& operation_id) = 0;
  virtual Result<std::optional<ConformanceCaseRecord>> FindConformanceCase(const std::string& operation_id,
                                                                           const std::string& case_id) = 0;

  // Ways in, and small facts.
  virtual Result<std::optional<EnrollmentTokenRecord>> FindEnrollmentToken(const std::string& id) = 0;
  virtual Result<std::vector<EnrollmentTokenRecord>> ListEnrollmentTokens(const std::string& tenant,
                                                                          const std::string& after_id,
                                                                          std::uint32_t limit) = 0;
  virtual Result<std::optional<ApiTokenRecord>> FindApiToken(const std::string& id) = 0;
  virtual Result<std::vector<ApiTokenRecord>> ListApiTokens(const std::string& tenant, const std::string& after_id,
                                                            std::uint32_t limit) = 0;
  virtual Result<std::optional<SecretRecord>> FindSecret(const std::string& tenant,
                                                         const std::string& name) = 0;  ///< Newest version.
  virtual Result<std::vector<SecretRecord>> ListSecrets(
      const std::string& tenant, const std::string& after_name,
      std::uint32_t limit) = 0;  ///< Newest versions, `sealed` left empty.
  virtual Result<std::optional<std::string>> FindMeta(const std::string& key) = 0;
};

/// One unit of work on the writer. Reads see what it wrote itself. Puts insert or replace by primary key, except where
/// a method says otherwise. A mistake of the caller (a missing row, a stale version) is an Error and rolls back the
/// whole unit.
class Transaction : public Reader {
 public:
  /// Insert with version 1. Errors: kAlreadyExists ROW_EXISTS.
  virtual Status InsertOperation(const OperationRecord& operation) = 0;
  /// Replaces the row whose version is `operation.version` and raises the version by one; refuses a state change that
  /// `IsTransition` (server/store/operation_states.h) does not know. Errors: kAborted VERSION_STALE; kInternal
  /// TRANSITION_UNKNOWN.
  virtual Status UpdateOperation(OperationRecord& operation) = 0;
  virtual Status PutAttempt(const AttemptRecord& attempt) = 0;
  virtual Status PutSteps(const std::string& operation_id, std::uint32_t attempt,
                          const std::vector<StepRecord>& steps) = 0;  ///< By (operation, attempt, index).
  virtual Status AddOutcomes(const std::string& operation_id, std::uint32_t attempt,
                             const std::vector<ObjectOutcomeRecord>& outcomes) = 0;
  virtual Status AddDiagnostics(const std::string& operation_id, std::uint32_t attempt,
                                const std::vector<DiagnosticRecord>& diagnostics) = 0;
  virtual Status PutPlan(const PlanRecord& plan) = 0;  ///< By operation: two plans may have one digest.
  virtual Status PutIdempotency(const IdempotencyRecord& record) = 0;

  virtual Status PutTarget(const TargetRecord& target) = 0;  ///< `locked_by` is ignored; see Lock.
  /// Takes the lock of the target for the operation; an equal holder is fine. The wildcard target of a cluster and its
  /// mesh targets exclude each other. Errors: kAborted TARGET_LOCKED with metadata `holder`.
  virtual Status Lock(const std::string& target_id, const std::string& operation_id) = 0;
  virtual Status Unlock(const std::string& target_id,
                        const std::string& operation_id) = 0;  ///< Not holding it is fine.
  virtual Status PutHold(const HoldRecord& hold) = 0;
  virtual Status DeleteHold(const std::string& scope) = 0;

  /// Appends with the next seq, which it returns. Visible to others after the commit.
  virtual Result<std::uint64_t> AddEvent(const EventRecord& event) = 0;
  virtual Status AddAudit(const AuditRecord& audit) = 0;  ///< seq and hash are computed here.

  virtual Status PutAdapter(const AdapterRecord& adapter) = 0;
  virtual Status PutCluster(const ClusterRecord& cluster) = 0;
  virtual Status DeleteCluster(const std::string& tenant,
                               const std::string& id) = 0;  ///< With its objects, meshes and targets.
  virtual Status PutClaim(const ClaimRecord& claim) = 0;
  virtual Status DeleteClaim(const std::string& adapter_id, const std::string& cluster_uid) = 0;
  virtual Status PutMesh(const MeshRecord& mesh) = 0;
  virtual Status DeleteMesh(const std::string& id) = 0;  ///< Its history stays.
  virtual Status AddMeshHistory(const MeshHistoryRecord& record) = 0;
  virtual Status PutObject(const ObjectRecord& object) = 0;
  virtual Status DeleteObject(const std::string& id) = 0;
  /// Deletes the rows of one stream that another epoch marked, and returns them. Bodies are left empty, but for those
  /// that hold `body_with`; empty: none.
  virtual Result<std::vector<ObjectRecord>> SweepObjects(
      const std::string& adapter_id, const std::string& cluster_uid,
      const std::vector<std::pair<std::string, std::string>>& kinds, std::uint64_t keep_epoch,
      const std::string& body_with) = 0;  ///< kinds: (api_version, kind)
  /// An empty adapter or cluster stands for all of them.
  virtual Status MarkObjectsStale(const std::string& adapter_id, const std::string& cluster_uid, bool stale) = 0;
  virtual Status PutBookmark(const BookmarkRecord& bookmark) = 0;
  virtual Status DeleteBookmarks(const std::string& adapter_id) = 0;

  /// By uid. Errors: kAlreadyExists ROW_EXISTS when another policy of the tenant has the id.
  virtual Status PutPolicy(const PolicyRecord& policy) = 0;
  virtual Status DeletePolicy(const std::string& uid) = 0;  ///< With its revisions, meshes and reports.
  /// Insert. Errors: kAlreadyExists ROW_EXISTS; kNotFound ROW_UNKNOWN without its policy, as for the next two.
  virtual Status AddPolicyRevision(const PolicyRevisionRecord& revision) = 0;
  virtual Status DeletePolicyRevision(const std::string& policy_uid, std::uint32_t number) = 0;
  virtual Status PutPolicyMesh(const PolicyMeshRecord& mesh) = 0;
  virtual Status PutPolicyReport(const PolicyReportRecord& report) = 0;
  virtual Status DeletePolicyMesh(const std::string& policy_uid, const std::string& mesh_id) = 0;  ///< With its report.
  virtual Status PutEnvironment(const EnvironmentRecord& environment) = 0;
  virtual Status DeleteEnvironment(const std::string& tenant, const std::string& id) = 0;

  /// The report of a run with all its cases; an earlier one of the operation goes. Errors: kNotFound ROW_UNKNOWN
  /// without the operation; kInvalidArgument CONFORMANCE_TOO_LARGE above the bounds of records_conformance.h.
  virtual Status PutConformance(const ConformanceRunRecord& run, const std::vector<ConformanceCaseRecord>& cases) = 0;

  virtual Status PutEnrollmentToken(const EnrollmentTokenRecord& token) = 0;
  virtual Status DeleteEnrollmentToken(const std::string& id) = 0;
  virtual Status PutApiToken(const ApiTokenRecord& token) = 0;
  virtual Status DeleteApiToken(const std::string& id) = 0;
  virtual Status PutSecret(const SecretRecord& secret) = 0;
  virtual Status DeleteSecret(const std::string& tenant, const std::string& name) = 0;  ///< All versions.
  virtual Status PutMeta(const std::string& key, const std::string& value) = 0;

  /// Retention, in steps: deletes at most `limit` rows each of old events (never the newest), finished operations,
  /// audit rows and expired idempotency keys. Returns how many went.
  virtual Result<std::uint64_t> DeleteExpired(UnixMs events_before, UnixMs operations_before, UnixMs audit_before,
                                              UnixMs now, std::uint32_t limit) = 0;
};

enum class StoreHealth {
  kOk,
  kReadOnly,  ///< No room: writes fail with STORAGE_FULL, reads go on; ends by itself.
  kFailed,    ///< Input/output error, corruption or a failed fsync: nothing is acknowledged any more; the process must
              ///< end.
};

/// Where the server keeps what it must not forget.
///
/// Durability: Write returns success only after the commit is on disk. A unit whose function returns an error wrote
///             nothing.
/// Threads:    any thread; Write blocks for a group commit (typically 3 ms), so never call it from an I/O thread.
///             The function given to Write runs on the writer thread: it must not block, wait or call the store again.
/// Order:      units take effect in the order in which they commit; event seqs follow it without holes.
class Store {
 public:
  virtual ~Store() = default;

  /// Runs `work` in a transaction on the writer and commits. Units that wait together share one fsync; each is undone
  /// alone when it fails. An exception out of `work` counts as kInternal INTERNAL_BUG.
  /// Errors: those of `work`; kResourceExhausted STORAGE_FULL; kUnavailable STORE_BUSY (5 s), STORE_STOPPED;
  /// kInternal STORE_FAILED.
  virtual Status Write(const std::function<Status(Transaction&)>& work) = 0;

  /// Runs `work` on one consistent snapshot (at most 1 s).
  virtual Status Read(const std::function<Status(Reader&)>& work) = 0;

  /// seq of the newest committed event, without touching the disk.
  virtual std::uint64_t NewestEventSeq() const = 0;
  /// Blocks until an event with a seq above `seq` is committed or the time is over; true in the first case. Returns
  /// false at once after Stop().
  virtual bool WaitForEvents(std::uint64_t seq, std::chrono::milliseconds timeout) = 0;
  /// Called on the writer thread after each commit that added events, with the newest seq. Must not block.
  /// Returns an id for RemoveListener; after that returned, the listener no longer runs.
  virtual std::uint64_t AddListener(std::function<void(std::uint64_t newest_seq)> listener) = 0;
  virtual void RemoveListener(std::uint64_t id) = 0;

  virtual StoreHealth Health() const = 0;
  /// True while the whole database is being looked through after an unclean stop.
  virtual bool IsChecking() const = 0;
  /// Finishes queued writes, refuses further ones with STORE_STOPPED, wakes waiters. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace meshplay::store
