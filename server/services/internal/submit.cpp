#include "server/services/internal/submit.h"

#include <algorithm>

#include "server/services/convert_common.h"
#include "server/services/convert_operation.h"
#include "server/store/operation_states.h"

namespace meshplay::services {
namespace {

constexpr std::size_t kMaximumKey = 128;
constexpr std::chrono::milliseconds kMaximumWait{30'000};
constexpr std::chrono::milliseconds kWaitSlice{500};  // How soon a caller that went away frees its worker.

void AddCondition(v1::Operation& out, const char* type, std::string reason, std::string message, UnixMs since) {
  v1::Condition& condition = *out.add_conditions();
  condition.set_type(type);
  condition.set_status("True");
  condition.set_reason(std::move(reason));
  condition.set_message(std::move(message));
  if (since != 0) *condition.mutable_last_transition_time() = ToTimestamp(since);
}

Status AddConditions(store::Reader& reader, const store::OperationRecord& record, v1::Operation& out) {
  for (const std::string& scope : {"target/" + record.target_id, "type/" + record.type}) {
    MP_TRY(const std::optional<store::HoldRecord> hold, reader.FindHold(scope));
    if (hold) AddCondition(out, "Held", hold->reason, hold->message, hold->since_unix_ms);
  }
  MP_TRY(const std::optional<store::TargetRecord> target, reader.FindTarget(record.tenant, record.target_id));
  if (!target) return {};
  if (!target->quarantined_by.empty()) {
    AddCondition(out, "TargetQuarantined", "OutcomeUnknown",
                 "Waits until operation " + target->quarantined_by + " is resolved.", 0);
  } else if (!target->locked_by.empty() && target->locked_by != record.id) {
    AddCondition(out, "TargetLocked", "OtherOperation", "Waits for operation " + target->locked_by + ".", 0);
  }
  return {};
}

Result<v1::Operation> Await(const Core& core, const CallContext& context, store::OperationRecord record,
                            std::chrono::milliseconds wait, bool replayed) {
  auto left = std::min(wait, kMaximumWait);
  while (left.count() > 0 && !store::IsFinal(record.state)) {
    if ((context.cancelled && context.cancelled()) || core.stopping) break;
    const auto slice = std::min(left, kWaitSlice);
    MP_TRY(record, core.deps.engine.Await(context.caller.tenant, record.id, slice));
    left -= slice;
  }
  MP_TRY(v1::Operation shown, ShowOperation(core, record));
  shown.set_replayed(replayed);
  return shown;
}

}  // namespace

Result<v1::Operation> ShowOperation(store::Reader& reader, const store::OperationRecord& record) {
  std::optional<store::AttemptRecord> attempt;
  if (record.last_attempt > 0 && !store::IsFinal(record.state)) {
    MP_TRY(attempt, reader.FindAttempt(record.id, record.last_attempt));
  }
  v1::Operation shown = ToOperation(record, attempt);
  const bool waits = record.state == store::OperationState::kQueued || record.state == store::OperationState::kBackoff;
  if (waits) MP_CHECK(AddConditions(reader, record, shown));
  return shown;
}

Result<v1::Operation> ShowOperation(const Core& core, const store::OperationRecord& record) {
  return ReadFrom<v1::Operation>(core, [&record](store::Reader& reader) { return ShowOperation(reader, record); });
}

Status CheckIdempotencyKey(const std::string& key) {
  const bool printable = std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (key.size() <= kMaximumKey && printable) return {};
  return InvalidArgument("REQUEST_ID_INVALID", "the idempotency key is not valid")
      .WithViolation("/request_id", "must be 1 to 128 printable ASCII characters");
}

Result<std::optional<store::OperationRecord>> FindEarlier(const Core& core, const CallContext& context,
                                                          const std::string& key, const std::string& fingerprint) {
  using Found = std::optional<store::OperationRecord>;
  if (key.empty()) return Found();
  const UnixMs now = core.deps.clock.NowUnixMs();
  return ReadFrom<Found>(core, [&](store::Reader& reader) -> Result<Found> {
    MP_TRY(const std::optional<store::IdempotencyRecord> row,
           reader.FindIdempotency(context.caller.tenant, context.caller.principal, key));
    if (!row || row->expires_unix_ms <= now) return Found();
    if (row->fingerprint != fingerprint) {
      return Error(ErrorCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED",
                   "the idempotency key was used for another request")
          .WithRemediation("Use a fresh key for each new request.");
    }
    return reader.FindOperation(context.caller.tenant, row->operation_id);
  });
}

Result<v1::Operation> Submit(const Core& core, const CallContext& context, engine::OperationRequest request,
                             std::chrono::milliseconds wait) {
  request.tenant = context.caller.tenant;
  request.principal = context.caller.principal;
  request.origin = context.origin;
  request.request_id = context.request_id;
  MP_TRY(engine::Submitted submitted, core.deps.engine.Submit(request));
  return Await(core, context, std::move(submitted.operation), wait, submitted.replayed);
}

Result<v1::Operation> AnswerEarlier(const Core& core, const CallContext& context, const store::OperationRecord& earlier,
                                    std::chrono::milliseconds wait) {
  return Await(core, context, earlier, wait, true);
}

Result<v1::Operation> Probe(const Core& core, const CallContext& context, const store::ClusterRecord& cluster,
                            const std::string& mesh_type, const std::optional<store::MeshRecord>& mesh,
                            const std::string& key, const std::string& fingerprint) {
  using Claims = std::vector<store::ClaimRecord>;
  MP_TRY(const Claims claims, ReadFrom<Claims>(core, [&](store::Reader& reader) {
           return reader.ListClaims(context.caller.tenant, "", cluster.uid, mesh_type);
         }));
  if (std::none_of(claims.begin(), claims.end(), [](const store::ClaimRecord& claim) { return claim.live; })) {
    return FailedPrecondition("ADAPTER_NOT_CONNECTED", "no connected adapter of this mesh type serves the cluster")
        .WithMetadata("mesh_type", mesh_type)
        .WithMetadata("cluster", cluster.id)
        .WithRemediation("Start or reconnect the adapter; GET /v1/adapters shows its state.");
  }
  engine::OperationRequest request;
  request.kind = store::TaskKind::kDetect;
  request.type = mesh_type + ".detect";
  request.cluster_id = cluster.id;
  request.cluster_uid = cluster.uid;
  request.mesh_type = mesh_type;
  if (mesh) {
    request.mesh_id = mesh->id;
    request.mesh_key = mesh->mesh_key;
    request.control_plane_namespace = mesh->control_plane_namespace;
    request.revision = mesh->revision;
  }
  request.parameters_json = "{}";
  request.options_json = "{}";
  request.traits.title = "Look for meshes";
  request.traits.idempotency = store::Idempotency::kNatural;
  request.traits.cancellation = store::Cancellation::kBetweenSteps;
  request.traits.lock = store::LockMode::kShared;
  request.idempotency_key = key;
  request.fingerprint = fingerprint;
  return Submit(core, context, std::move(request), std::chrono::milliseconds(0));
}

Result<store::ClusterRecord> GetClusterRow(store::Reader& reader, const std::string& tenant, const std::string& id) {
  MP_TRY(std::optional<store::ClusterRecord> found, reader.FindCluster(tenant, id));
  if (!found) return NotFound("CLUSTER_UNKNOWN", "there is no such cluster");
  return std::move(*found);
}

Result<store::MeshRecord> GetMeshRow(store::Reader& reader, const std::string& tenant, const std::string& id) {
  MP_TRY(std::optional<store::MeshRecord> found, reader.FindMesh(tenant, id));
  if (!found) return NotFound("MESH_UNKNOWN", "there is no such mesh");
  return std::move(*found);
}

Result<store::OperationRecord> GetOperationRow(store::Reader& reader, const std::string& tenant,
                                               const std::string& id) {
  MP_TRY(std::optional<store::OperationRecord> found, reader.FindOperation(tenant, id));
  if (!found) return NotFound("OPERATION_UNKNOWN", "there is no such operation");
  return std::move(*found);
}

}  // namespace meshplay::services
