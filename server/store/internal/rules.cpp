#include "server/store/internal/rules.h"

#include <exception>

#include "libs/base/ids.h"
#include "libs/base/log.h"
#include "server/store/operation_states.h"

namespace meshplay::store::internal {
namespace {

void AppendField(std::string& to, std::string_view field) {
  to += std::to_string(field.size());
  to += ':';
  to += field;
}

template <class Work, class Argument>
Status Guarded(const Work& work, Argument& argument) {
  try {
    return work(argument);
  } catch (const std::exception& e) {
    LogError("a unit of work threw", {{log_key::kError, e.what()}});
  } catch (...) {
    LogError("a unit of work threw");
  }
  return Internal("INTERNAL_BUG", "A unit of work ended with an exception.");
}

}  // namespace

Status CheckLimit(std::uint32_t limit) {
  if (limit == 0 || limit > kMaxLimit) {
    return InvalidArgument("LIMIT_INVALID", "The limit must be 1 to " + std::to_string(kMaxLimit) + ".");
  }
  return {};
}

Status CheckUpdate(const OperationRecord& stored, const OperationRecord& change) {
  if (stored.version != change.version) {
    return Aborted("VERSION_STALE", "The operation changed in the meantime.")
        .WithMetadata("version", std::to_string(stored.version));
  }
  if (!IsTransition(stored.state, change.state)) {
    return Internal("TRANSITION_UNKNOWN", "No operation goes from " + std::string(OperationStateName(stored.state)) +
                                              " to " + std::string(OperationStateName(change.state)) + ".");
  }
  return {};
}

bool TakesLock(TaskKind kind) {
  return kind == TaskKind::kApply || kind == TaskKind::kInspect;
}

Status CheckConformance(const std::vector<ConformanceCaseRecord>& cases) {
  if (cases.size() > kMaxConformanceCases) {
    return InvalidArgument("CONFORMANCE_TOO_LARGE", "A conformance run has too many cases.");
  }
  for (const ConformanceCaseRecord& one : cases) {
    if (one.evidence_json.size() > kMaxCaseEvidenceBytes) {
      return InvalidArgument("CONFORMANCE_TOO_LARGE", "The evidence of a conformance case is too large.")
          .WithMetadata("case", one.id);
    }
  }
  return {};
}

bool IsActive(OperationState state) {
  return state == OperationState::kDispatching || state == OperationState::kRunning ||
         state == OperationState::kCancelling || state == OperationState::kInspecting;
}

std::string AuditHash(std::string_view previous_hash_hex, const AuditRecord& row) {
  std::string text;
  AppendField(text, previous_hash_hex);
  AppendField(text, std::to_string(row.seq));
  AppendField(text, row.tenant);
  AppendField(text, row.principal);
  AppendField(text, row.action);
  AppendField(text, row.object);
  AppendField(text, row.decision);
  AppendField(text, row.request_id);
  AppendField(text, row.detail_json);
  AppendField(text, std::to_string(row.time_unix_ms));
  return Sha256Hex(text);
}

Error RowUnknown(std::string_view what) {
  return NotFound("ROW_UNKNOWN", "The " + std::string(what) + " is not in the store.");
}

Error RowExists(std::string_view what) {
  return Error(ErrorCode::kAlreadyExists, "ROW_EXISTS", "The " + std::string(what) + " is already in the store.");
}

Error TargetLocked(const std::string& holder) {
  return Aborted("TARGET_LOCKED", "Another operation holds the target.").WithMetadata("holder", holder);
}

Error StoreStopped() {
  return Unavailable("STORE_STOPPED", "The store takes no more writes.");
}

Status RunGuarded(const std::function<Status(Transaction&)>& work, Transaction& unit) {
  return Guarded(work, unit);
}
Status RunGuarded(const std::function<Status(Reader&)>& work, Reader& reader) {
  return Guarded(work, reader);
}

}  // namespace meshplay::store::internal
