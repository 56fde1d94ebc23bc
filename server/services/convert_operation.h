#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "meshplay/v1/operations.pb.h"
#include "server/inventory/inventory.h"
#include "server/store/records.h"

/// Operations: from rows and manifests to messages, and apply options both ways. Pure. Threads: any.
namespace meshplay::services {

/// `attempt` is the current attempt, for the phase; nullopt when there is none or the operation is final.
v1::Operation ToOperation(const store::OperationRecord& record, const std::optional<store::AttemptRecord>& attempt);
v1::OperationState ToState(store::OperationState state);
v1::OperationKind ToKind(store::TaskKind kind);

v1::OperationAttempt ToAttempt(const store::AttemptRecord& record, const std::vector<store::StepRecord>& steps);
v1::OperationChange ToChange(std::uint32_t attempt, const store::ObjectOutcomeRecord& record);

/// `clusters`: where a connected adapter offers it.
v1::OperationType ToOperationType(const inventory::OperationType& type, const std::vector<std::string>& clusters);
store::OperationTraits ToTraits(const inventory::OperationType& type);

/// Canonical JSON of meshplay.adapter.v1.ApplyOptions with proto field names, plan digest included.
std::string ToOptionsJson(const v1::ApplyOptions& options, const std::string& plan_digest);
v1::ApplyOptions ToApplyOptions(const std::string& options_json);

}  // namespace meshplay::services
