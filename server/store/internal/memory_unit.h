#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/store/internal/memory_tables.h"
#include "server/store/store.h"

namespace meshplay::store::internal {

/// Reads and writes of one unit of work over the tables. The caller holds the lock of the tables.
class MemoryUnit final : public Transaction {
 public:
  explicit MemoryUnit(MemoryTables& tables) : t_(tables) {}

  // memory_read.cpp
  Result<std::optional<OperationRecord>> FindOperation(const std::string& tenant, const std::string& id) override;
  Result<std::vector<OperationRecord>> ListOperations(const OperationQuery& query) override;
  Result<std::vector<OperationRecord>> ListActiveOperations() override;
  Result<std::vector<OperationRecord>> ListDispatchable(UnixMs now, std::uint32_t limit) override;
  Result<std::vector<OperationRecord>> ListTimedOut(UnixMs now, std::uint32_t limit) override;
  Result<std::optional<UnixMs>> NextTimer(UnixMs now) override;
  Result<std::vector<std::pair<OperationState, std::uint64_t>>> CountOperations() override;
  Result<std::optional<AttemptRecord>> FindAttempt(const std::string& operation_id, std::uint32_t number) override;
  Result<std::vector<AttemptRecord>> ListAttempts(const std::string& operation_id) override;
  Result<std::vector<StepRecord>> ListSteps(const std::string& operation_id, std::uint32_t attempt) override;
  Result<std::vector<std::pair<std::uint32_t, ObjectOutcomeRecord>>> ListOutcomes(const std::string& operation_id,
                                                                                  std::uint32_t offset,
                                                                                  std::uint32_t limit) override;
  Result<std::vector<DiagnosticRecord>> ListDiagnostics(const std::string& operation_id, std::uint32_t offset,
                                                        std::uint32_t limit) override;
  Result<std::optional<PlanRecord>> FindPlanOfOperation(const std::string& operation_id) override;
  Result<std::optional<PlanRecord>> FindPlan(const std::string& digest) override;
  Result<std::optional<IdempotencyRecord>> FindIdempotency(const std::string& tenant, const std::string& principal,
                                                           const std::string& key) override;
  Result<std::optional<TargetRecord>> FindTarget(const std::string& tenant, const std::string& id) override;
  Result<std::vector<TargetRecord>> ListTargets(const std::string& tenant, const std::string& cluster_id,
                                                const std::string& after_id, std::uint32_t limit) override;
  Result<std::optional<HoldRecord>> FindHold(const std::string& scope) override;
  Result<std::vector<HoldRecord>> ListHolds() override;
  Result<std::vector<EventRecord>> ListEvents(const EventQuery& query) override;
  Result<EventHorizon> Horizon() override;
  Result<std::vector<AuditRecord>> ListAudit(const AuditQuery& query) override;
  Result<std::optional<AdapterRecord>> FindAdapter(const std::string& tenant, const std::string& id) override;
  Result<std::vector<AdapterRecord>> ListAdapters(const std::string& tenant, const std::string& mesh_type,
                                                  const std::string& after_id, std::uint32_t limit) override;
  Result<std::optional<ClusterRecord>> FindCluster(const std::string& tenant, const std::string& id) override;
  Result<std::optional<ClusterRecord>> FindClusterByUid(const std::string& tenant, const std::string& uid) override;
  Result<std::vector<ClusterRecord>> ListClusters(const std::string& tenant, const std::string& after_id,
                                                  std::uint32_t limit) override;
  Result<std::vector<ClaimRecord>> ListClaims(const std::string& tenant, const std::string& adapter_id,
                                              const std::string& cluster_uid, const std::string& mesh_type) override;
  Result<std::optional<MeshRecord>> FindMesh(const std::string& tenant, const std::string& id) override;
  Result<std::vector<MeshRecord>> ListMeshes(const std::string& tenant, const std::string& cluster_id,
                                             const std::string& mesh_type, const std::string& after_id,
                                             std::uint32_t limit) override;
  Result<std::vector<MeshHistoryRecord>> ListMeshHistory(const std::string& mesh_id, std::uint64_t before_seq,
                                                         std::uint32_t limit) override;
  Result<std::optional<ObjectRecord>> FindObject(const std::string& tenant, const std::string& id) override;
  Result<std::vector<ObjectRecord>> ListObjects(const ObjectQuery& query) override;
  Result<std::optional<BookmarkRecord>> FindBookmark(const std::string& adapter_id, const std::string& cluster_uid,
                                                     const std::string& kinds_key) override;
  Result<std::optional<EnrollmentTokenRecord>> FindEnrollmentToken(const std::string& id) override;
  Result<std::vector<EnrollmentTokenRecord>> ListEnrollmentTokens(const std::string& tenant,
                                                                  const std::string& after_id,
                                                                  std::uint32_t limit) override;
  Result<std::optional<ApiTokenRecord>> FindApiToken(const std::string& id) override;
  Result<std::vector<ApiTokenRecord>> ListApiTokens(const std::string& tenant, const std::string& after_id,
                                                    std::uint32_t limit) override;
  Result<std::optional<SecretRecord>> FindSecret(const std::string& tenant, const std::string& name) override;
  Result<std::vector<SecretRecord>> ListSecrets(const std::string& tenant, const std::string& after_name,
                                                std::uint32_t limit) override;
  Result<std::optional<std::string>> FindMeta(const std::string& key) override;

  // memory_policy.cpp
  Result<std::optional<PolicyRecord>> FindPolicy(const std::string& tenant, const std::string& id) override;
  Result<std::vector<PolicyRecord>> ListPolicies(const std::string& tenant, const std::string& after_id,
                                                 std::uint32_t limit) override;
  Result<std::optional<PolicyRevisionRecord>> FindPolicyRevision(const std::string& policy_uid,
                                                                 std::uint32_t number) override;
  Result<std::vector<PolicyRevisionRecord>> ListPolicyRevisions(const std::string& policy_uid, std::uint32_t before,
                                                                std::uint32_t limit) override;
  Result<std::optional<PolicyMeshRecord>> FindPolicyMesh(const std::string& policy_uid,
                                                         const std::string& mesh_id) override;
  Result<std::vector<PolicyMeshRecord>> ListPolicyMeshes(const std::string& policy_uid,
                                                         const std::string& after_mesh_id,
                                                         std::uint32_t limit) override;
  Result<std::optional<PolicyReportRecord>> FindPolicyReport(const std::string& policy_uid,
                                                             const std::string& mesh_id) override;
  Result<std::optional<EnvironmentRecord>> FindEnvironment(const std::string& tenant, const std::string& id) override;
  Result<std::vector<EnvironmentRecord>> ListEnvironments(const std::string& tenant, const std::string& after_id,
                                                          std::uint32_t limit) override;
  Status PutPolicy(const PolicyRecord& policy) override;
  Status DeletePolicy(const std::string& uid) override;
  Status AddPolicyRevision(const PolicyRevisionRecord& revision) override;
  Status DeletePolicyRevision(const std::string& policy_uid, std::uint32_t number) override;
  Status PutPolicyMesh(const PolicyMeshRecord& mesh) override;
  Status PutPolicyReport(const PolicyReportRecord& report) override;
  Status DeletePolicyMesh(const std::string& policy_uid, const std::string& mesh_id) override;
  Status PutEnvironment(const EnvironmentRecord& environment) override;
  Status DeleteEnvironment(const std::string& tenant, const std::string& id) override;

  // memory_conformance.cpp
  Result<std::optional<ConformanceRunRecord>> FindConformanceRun(const std::string& operation_id) override;
  Result<std::vector<ConformanceCaseRecord>> ListConformanceCases(const std::string& operation_id) override;
  Result<std::optional<ConformanceCaseRecord>> FindConformanceCase(const std::string& operation_id,
                                                                   const std::string& case_id) override;
  Status PutConformance(const ConformanceRunRecord& run, const std::vector<ConformanceCaseRecord>& cases) override;

  // memory_write.cpp
  Status InsertOperation(const OperationRecord& operation) override;
  Status UpdateOperation(OperationRecord& operation) override;
  Status PutAttempt(const AttemptRecord& attempt) override;
  Status PutSteps(const std::string& operation_id, std::uint32_t attempt,
                  const std::vector<StepRecord>& steps) override;
  Status AddOutcomes(const std::string& operation_id, std::uint32_t attempt,
                     const std::vector<ObjectOutcomeRecord>& outcomes) override;
  Status AddDiagnostics(const std::string& operation_id, std::uint32_t attempt,
                        const std::vector<DiagnosticRecord>& diagnostics) override;
  Status PutPlan(const PlanRecord& plan) override;
  Status PutIdempotency(const IdempotencyRecord& record) override;
  Status PutTarget(const TargetRecord& target) override;
  Status Lock(const std::string& target_id, const std::string& operation_id) override;
  Status Unlock(const std::string& target_id, const std::string& operation_id) override;
  Status PutHold(const HoldRecord& hold) override;
  Status DeleteHold(const std::string& scope) override;
  Result<std::uint64_t> AddEvent(const EventRecord& event) override;
  Status AddAudit(const AuditRecord& audit) override;
  Status PutAdapter(const AdapterRecord& adapter) override;
  Status PutCluster(const ClusterRecord& cluster) override;
  Status DeleteCluster(const std::string& tenant, const std::string& id) override;
  Status PutClaim(const ClaimRecord& claim) override;
  Status DeleteClaim(const std::string& adapter_id, const std::string& cluster_uid) override;
  Status PutMesh(const MeshRecord& mesh) override;
  Status DeleteMesh(const std::string& id) override;
  Status AddMeshHistory(const MeshHistoryRecord& record) override;
  Status PutObject(const ObjectRecord& object) override;
  Status DeleteObject(const std::string& id) override;
  Result<std::vector<ObjectRecord>> SweepObjects(const std::string& adapter_id, const std::string& cluster_uid,
                                                 const std::vector<std::pair<std::string, std::string>>& kinds,
                                                 std::uint64_t keep_epoch, const std::string& body_with) override;
  Status MarkObjectsStale(const std::string& adapter_id, const std::string& cluster_uid, bool stale) override;
  Status PutBookmark(const BookmarkRecord& bookmark) override;
  Status DeleteBookmarks(const std::string& adapter_id) override;
  Status PutEnrollmentToken(const EnrollmentTokenRecord& token) override;
  Status DeleteEnrollmentToken(const std::string& id) override;
  Status PutApiToken(const ApiTokenRecord& token) override;
  Status DeleteApiToken(const std::string& id) override;
  Status PutSecret(const SecretRecord& secret) override;
  Status DeleteSecret(const std::string& tenant, const std::string& name) override;
  Status PutMeta(const std::string& key, const std::string& value) override;
  Result<std::uint64_t> DeleteExpired(UnixMs events_before, UnixMs operations_before, UnixMs audit_before, UnixMs now,
                                      std::uint32_t limit) override;

 private:
  Status RequireOperation(const std::string& id) const;
  /// The other operation whose lock excludes `operation_id` from the target, or nullptr. `whole_cluster` asks for the
  /// lock of (cluster, *) whatever the target's own mesh type is.
  const std::string* Blocker(const TargetRecord& target, bool whole_cluster, const std::string& operation_id) const;
  TargetRecord WithLock(TargetRecord target) const;

  MemoryTables& t_;
};

}  // namespace meshplay::store::internal
