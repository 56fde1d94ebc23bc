#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"

/// The rows that the server keeps. Plain values; every backend stores and returns them unchanged.
/// Enum numbers reach disk: add at the end, never renumber.
namespace meshplay::store {

enum class TaskKind {
  kUnspecified = 0,
  kDetect = 1,
  kPlan = 2,
  kApply = 3,
  kInspect = 4,
  kConformance = 5,
  kQuery = 6
};

enum class OperationState {
  kUnspecified = 0,
  kAwaitingApproval = 1,
  kQueued = 2,
  kDispatching = 3,
  kRunning = 4,
  kCancelling = 5,
  kBackoff = 6,
  kInspecting = 7,
  kSucceeded = 8,
  kFailed = 9,
  kCancelled = 10,
  kExpired = 11,
  kIndeterminate = 12,
};

enum class AttemptPhase {
  kUnspecified = 0,
  kAccepted = 1,
  kReading = 2,
  kMutating = 3,
  kVerifying = 4,
  kRollingBack = 5,
  kFinished = 6,
};

enum class SideEffects { kUnspecified = 0, kNone = 1, kPartial = 2, kComplete = 3, kUnknown = 4 };
enum class Idempotency { kUnspecified = 0, kNatural = 1, kKeyed = 2, kNone = 3 };
enum class Cancellation { kUnspecified = 0, kNever = 1, kBetweenSteps = 2, kWithRollback = 3 };
enum class LockMode { kUnspecified = 0, kExclusive = 1, kShared = 2 };

/// What the manifest says of an operation type, kept with each operation so that a later manifest changes nothing.
struct OperationTraits {
  Idempotency idempotency = Idempotency::kUnspecified;
  Cancellation cancellation = Cancellation::kUnspecified;
  LockMode lock = LockMode::kUnspecified;
  std::string title;
  std::string inverse_type;
  std::chrono::milliseconds max_duration{0};  ///< 0: the engine's default deadline.
  std::vector<std::string> required_secrets;
  std::vector<std::string> sensitive_pointers;
  bool cluster_wide = false;  ///< Locks (cluster, *), which excludes every mesh of the cluster.
  bool operator==(const OperationTraits&) const = default;
};

struct OperationRecord {
  std::string id;
  std::string tenant;
  TaskKind kind = TaskKind::kUnspecified;
  std::string type;
  std::string target_id;
  std::string cluster_id;
  std::string cluster_uid;
  std::string mesh_type;
  std::string mesh_id;
  std::string mesh_key;
  std::string namespace_name;
  std::string control_plane_namespace;
  std::string revision;
  std::string parameters_json;
  std::string options_json;
  OperationTraits traits;
  std::string principal;
  std::string reason;
  std::string origin;
  std::string retry_of;
  std::string idempotency_key;  ///< What the adapter sees: the operation id, or the one it is a retry of.
  std::string adapter_id;       ///< Of the current or last attempt.
  OperationState state = OperationState::kUnspecified;
  std::uint64_t version = 0;  ///< Optimistic lock and ETag; 1 after the insert.
  std::uint32_t priority = 1;
  UnixMs not_before_unix_ms = 0;
  UnixMs queue_deadline_unix_ms = 0;
  UnixMs deadline_unix_ms = 0;
  std::uint32_t attempts = 0;      ///< Counted ones: INSPECT, BUSY, DRAINING and THROTTLED do not count.
  std::uint32_t last_attempt = 0;  ///< Number of the newest attempt row, counted or not.
  std::uint32_t max_attempts = 0;
  bool cancel_requested = false;
  std::string plan_digest;
  SideEffects side_effects = SideEffects::kUnspecified;
  std::uint32_t progress_done = 0;
  std::uint32_t progress_total = 0;
  std::string progress_text;
  std::string result_json;  ///< Object with output, plan_digest, detection, smi and so on; empty until there is one.
  std::string error_json;   ///< Public form of the error (server/engine/task_error.h); empty when there is none.
  std::string request_id;
  UnixMs created_unix_ms = 0;
  UnixMs updated_unix_ms = 0;
  bool operator==(const OperationRecord&) const = default;
};

struct AttemptRecord {
  std::string operation_id;
  std::uint32_t number = 0;
  TaskKind kind = TaskKind::kUnspecified;  ///< kInspect for an inspection.
  std::uint64_t fence = 0;
  std::string adapter_id;
  std::string instance_id;
  std::string session_id;
  AttemptPhase phase = AttemptPhase::kUnspecified;
  std::uint64_t last_seq = 0;
  std::string checkpoint;  ///< Opaque and sensitive: never shown.
  std::chrono::milliseconds step_timeout{0};
  UnixMs started_unix_ms = 0;
  UnixMs ended_unix_ms = 0;  ///< 0 while it runs.
  std::string outcome;       ///< "", "SUCCEEDED", "FAILED", "CANCELLED", "LOST", "REJECTED", ...
  std::string late_result_json;
  bool operator==(const AttemptRecord&) const = default;
};

struct StepRecord {
  std::uint32_t index = 0;
  std::string name;
  std::string title;
  std::string state;  ///< PENDING, RUNNING, DONE, SKIPPED, FAILED
  std::string text;
  UnixMs started_unix_ms = 0;
  UnixMs ended_unix_ms = 0;
  bool operator==(const StepRecord&) const = default;
};

struct ObjectOutcomeRecord {
  std::string api_version;
  std::string kind;
  std::string namespace_name;
  std::string name;
  std::string action;  ///< NOOP, CREATE, UPDATE, REPLACE, DELETE, ADOPT
  bool ok = false;
  std::string error_json;
  std::string uid;
  std::string health;
  bool operator==(const ObjectOutcomeRecord&) const = default;
};

struct DiagnosticRecord {
  std::string severity;  ///< INFO, WARNING, ERROR
  std::string code;
  std::string summary;
  std::string detail;
  std::string pointer;
  std::string object_json;
  std::string mesh_feature;
  bool operator==(const DiagnosticRecord&) const = default;
};

struct EventRecord {
  std::uint64_t seq = 0;  ///< Given by the store: gapless in commit order.
  std::string tenant;
  std::string subject;  ///< "operation/<id>", "adapter/<id>", "cluster/<id>", "mesh/<id>", ...
  std::string kind;     ///< "operation.queued", "operation.step", ...
  std::string body_json;
  UnixMs time_unix_ms = 0;
  bool operator==(const EventRecord&) const = default;
};

/// Target = lock = fence scope: (cluster, mesh type), or (cluster, "*").
struct TargetRecord {
  std::string id;  ///< DeriveUuid({"target", cluster_uid, mesh_type})
  std::string tenant;
  std::string cluster_id;
  std::string cluster_uid;
  std::string mesh_type;
  std::string adapter_id;  ///< The adapter that serves it; empty when none claims it.
  std::uint64_t fence = 0;
  std::string quarantined_by;  ///< Operation id, or empty.
  std::string locked_by;       ///< Operation id, or empty (kept by the store from locks).
  std::uint64_t version = 0;
  UnixMs created_unix_ms = 0;
  UnixMs updated_unix_ms = 0;
  bool operator==(const TargetRecord&) const = default;
};

struct HoldRecord {
  std::string scope;  ///< "target/<id>" or "type/<operation type>"
  std::string reason;
  std::string message;
  UnixMs since_unix_ms = 0;
  bool operator==(const HoldRecord&) const = default;
};

struct AuditRecord {
  std::uint64_t seq = 0;
  std::string tenant;
  std::string principal;
  std::string action;  ///< API method, "adapter.enroll", ...
  std::string object;
  std::string decision;  ///< "allowed" or "denied"
  std::string request_id;
  std::string detail_json;
  UnixMs time_unix_ms = 0;
  std::string hash_hex;  ///< SHA-256 over the previous hash and this row; the store computes it.
  bool operator==(const AuditRecord&) const = default;
};

}  // namespace meshplay::store
