#pragma once

#include <optional>
#include <string>

#include "meshplay/v1/operations.pb.h"
#include "server/services/internal/core.h"

namespace meshplay::services {

/// An operation as callers see it: with the phase of its current attempt and the conditions that hold it up.
Result<v1::Operation> ShowOperation(store::Reader& reader, const store::OperationRecord& record);
Result<v1::Operation> ShowOperation(const Core& core, const store::OperationRecord& record);

/// Errors: kInvalidArgument REQUEST_ID_INVALID. An empty key is fine.
Status CheckIdempotencyKey(const std::string& key);

/// The operation that an earlier call with this key made: found before anything is resolved, so that a repeat gets its
/// answer even when the world has changed since. Errors: kAlreadyExists IDEMPOTENCY_KEY_REUSED.
Result<std::optional<store::OperationRecord>> FindEarlier(const Core& core, const CallContext& context,
                                                          const std::string& key, const std::string& fingerprint);

/// Asks the engine, then waits as long as asked (30 s at most, ends early when the caller is gone).
Result<v1::Operation> Submit(const Core& core, const CallContext& context, engine::OperationRequest request,
                             std::chrono::milliseconds wait);
Result<v1::Operation> AnswerEarlier(const Core& core, const CallContext& context, const store::OperationRecord& earlier,
                                    std::chrono::milliseconds wait);

/// A DETECT operation for one mesh type of one cluster; `mesh` narrows it to one mesh.
/// Errors: kFailedPrecondition ADAPTER_NOT_CONNECTED; those of Submit.
Result<v1::Operation> Probe(const Core& core, const CallContext& context, const store::ClusterRecord& cluster,
                            const std::string& mesh_type, const std::optional<store::MeshRecord>& mesh,
                            const std::string& key, const std::string& fingerprint);

Result<store::ClusterRecord> GetClusterRow(store::Reader& reader, const std::string& tenant, const std::string& id);
Result<store::MeshRecord> GetMeshRow(store::Reader& reader, const std::string& tenant, const std::string& id);
Result<store::OperationRecord> GetOperationRow(store::Reader& reader, const std::string& tenant, const std::string& id);

}  // namespace meshplay::services
