#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "libs/base/result.h"
#include "server/store/store.h"

/// What both backends must decide alike.
namespace meshplay::store::internal {

inline constexpr std::uint32_t kMaxLimit = 10'000;
inline constexpr std::string_view kEpochKey = "server_epoch";  ///< Meta row with the epoch of EventHorizon.

Status CheckLimit(std::uint32_t limit);  ///< Errors: kInvalidArgument LIMIT_INVALID outside 1..kMaxLimit.

/// The checks of UpdateOperation against the stored row.
Status CheckUpdate(const OperationRecord& stored, const OperationRecord& change);

/// APPLY and INSPECT lock their target, other kinds only read.
bool TakesLock(TaskKind kind);
/// Errors: kInvalidArgument CONFORMANCE_TOO_LARGE.
Status CheckConformance(const std::vector<ConformanceCaseRecord>& cases);
bool IsActive(OperationState state);  ///< What ListActiveOperations lists.

/// SHA-256 (hex) over the previous row's hash and every field of this one but `hash_hex`.
std::string AuditHash(std::string_view previous_hash_hex, const AuditRecord& row);

Error RowUnknown(std::string_view what);
Error RowExists(std::string_view what);
Error TargetLocked(const std::string& holder);
Error StoreStopped();

/// Runs the caller's function; an exception counts as kInternal INTERNAL_BUG.
Status RunGuarded(const std::function<Status(Transaction&)>& work, Transaction& unit);
Status RunGuarded(const std::function<Status(Reader&)>& work, Reader& reader);

}  // namespace meshplay::store::internal
