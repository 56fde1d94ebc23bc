#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/result.h"
#include "server/engine/questions.h"
#include "server/engine/task.h"
#include "server/store/records.h"

namespace meshplay::store {
class Store;
}

namespace meshplay::engine {

struct EngineOptions {
  std::uint32_t max_running = 256;                         ///< All operations together.
  std::uint32_t max_running_per_cluster = 4;               ///< 1..64
  std::uint32_t max_queued = 10'000;                       ///< More is kResourceExhausted QUEUE_FULL.
  std::chrono::milliseconds offer_timeout{10'000};         ///< An offer without a reply goes back to the queue.
  std::chrono::milliseconds lease_ttl{30'000};             ///< What Welcome tells the adapters.
  std::chrono::milliseconds default_step_timeout{10'000};  ///< Bound of one mutating call of an adapter.
  std::chrono::milliseconds default_deadline{3'600'000};   ///< Of one operation, from its creation.
  std::chrono::milliseconds default_queue_deadline{3'600'000};
  std::uint32_t default_max_attempts = 5;
  std::chrono::milliseconds backoff_base{2'000};
  std::chrono::milliseconds backoff_cap{300'000};
  std::chrono::milliseconds idempotency_retention{72 * 3'600'000LL};
};

/// What a caller asks for, already authorised and valid against the manifest's schema by the service.
struct OperationRequest {
  std::string tenant;
  std::string principal;
  store::TaskKind kind = store::TaskKind::kApply;
  std::string type;  ///< "istio.install"; for kPlan the type that is planned.
  std::string cluster_id;
  std::string cluster_uid;
  std::string mesh_type;
  std::string mesh_id;   ///< Empty for install and detect.
  std::string mesh_key;  ///< As the adapter named it; empty when mesh_id is.
  std::string namespace_name;
  std::string control_plane_namespace;
  std::string revision;
  std::string parameters_json;    ///< Canonical, defaults filled in, at most 1 MiB.
  std::string options_json;       ///< ApplyOptions with proto field names.
  store::OperationTraits traits;  ///< From the manifest, kept with the operation.
  std::string plan_digest;
  std::string reason;
  std::string origin;           ///< "rest", "grpc", "policy", ...
  std::string idempotency_key;  ///< May be empty: then every call is a new operation.
  std::string fingerprint;      ///< SHA-256 of the canonical request; compared when the key repeats.
  std::uint32_t priority = 1;   ///< 0 (first) .. 2
  UnixMs not_before_unix_ms = 0;
  std::optional<std::chrono::milliseconds> deadline;
  bool needs_approval = false;
  std::string request_id;
};

struct Submitted {
  store::OperationRecord operation;
  bool replayed = false;  ///< The key was known with the same content: this is the first operation.
};

enum class Resolution { kApplied, kNotApplied, kCleaned };
enum class Approval { kApprove, kReject };

/// Who asks, for audit rows and events.
struct Actor {
  std::string tenant;
  std::string principal;
  std::string request_id;
};

/// Runs operations so that a crash at any instruction loses nothing that was acknowledged.
///
/// Durability: a call that returns a value has committed to disk; one that returns an error wrote nothing.
/// Threads:    any thread may call any method; each may block for a group commit (typically 3 ms, at most 5 s), so call
///             from a worker pool, never from an I/O thread or a gRPC reaction.
/// Ownership:  keeps references to `store` and `clock`; both must outlive the engine.
/// Order:      changes to one target are visible in the order in which the store committed them.
/// Audit:      Submit, Cancel, Retry, Resolve, Approve and ReleaseTarget write their audit row in the unit of the
/// change. Lifetime:   no call may run any more when the engine is destroyed. A failed Handle call sent no answer: the
/// hub must
///             end the session, so that the adapter resumes from what the store has.
/// The states, transitions and guards are the constant table in server/engine/transitions.h.
class Engine {
 public:
  Engine(store::Store& store, const Clock& clock, EngineOptions options);
  ~Engine();  ///< Stops dispatching and joins the scheduler thread. Operations stay in the store.
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Reads what the last process left and gives every active attempt lease + step timeout to come back. Call once,
  /// before any door opens; then starts the scheduler thread.
  Status Start();
  /// No further dispatch; returns when the scheduler thread has ended. Idempotent.
  void Stop();

  // For the services.

  /// Queues an operation (or stores it AWAITING_APPROVAL). Errors: kInvalidArgument PARAMETERS_TOO_LARGE;
  /// kFailedPrecondition TARGET_QUARANTINED; kAlreadyExists IDEMPOTENCY_KEY_REUSED; kResourceExhausted QUEUE_FULL,
  /// STORAGE_FULL.
  Result<Submitted> Submit(const OperationRequest& request);

  /// Asks for cancellation; the outcome arrives as an event. Asking twice is not an error.
  /// Errors: kNotFound OPERATION_UNKNOWN; kFailedPrecondition OPERATION_FINISHED.
  Result<store::OperationRecord> Cancel(const Actor& actor, const std::string& operation_id, const std::string& reason);

  /// A new operation with the parameters, target and idempotency key of a finished one.
  /// Errors: kNotFound OPERATION_UNKNOWN; kFailedPrecondition OPERATION_NOT_FINISHED, TARGET_QUARANTINED.
  Result<store::OperationRecord> Retry(const Actor& actor, const std::string& operation_id, const std::string& reason);

  /// Ends the quarantine that an INDETERMINATE operation holds.
  /// Errors: kNotFound OPERATION_UNKNOWN; kFailedPrecondition OPERATION_NOT_INDETERMINATE.
  Result<store::OperationRecord> Resolve(const Actor& actor, const std::string& operation_id, Resolution resolution,
                                         const std::string& note);

  /// Errors: kNotFound OPERATION_UNKNOWN; kFailedPrecondition OPERATION_NOT_AWAITING_APPROVAL.
  Result<store::OperationRecord> Approve(const Actor& actor, const std::string& operation_id, Approval approval);

  /// Ends a hold. Errors: kNotFound TARGET_UNKNOWN.
  Status ReleaseTarget(const Actor& actor, const std::string& target_id);

  /// Blocks until the operation is final or `timeout` passed, and returns its row either way.
  Result<store::OperationRecord> Await(const std::string& tenant, const std::string& operation_id,
                                       std::chrono::milliseconds timeout);

  /// Asks one connected adapter and waits for its answer; see Questions::Ask.
  Result<TaskResult> Ask(const Question& question);

  // For the hub. `session_id` must come from SessionOpened; a call for a session that is not open is
  // kFailedPrecondition SESSION_UNKNOWN.

  /// A session said Hello. Returns exactly one directive for each snapshot, plus ASSUME_LOST for attempts that the
  /// store held as running here. `link` is used until SessionClosed.
  Result<std::vector<TaskDirective>> SessionOpened(const SessionHello& hello, std::shared_ptr<AdapterLink> link);
  void SessionClosed(const std::string& session_id);
  /// Renews the lease of the session's attempts. In memory only. `received` is when the frame arrived.
  Status Heartbeat(const std::string& session_id, BootTime received);
  Status HandleOfferReply(const std::string& session_id, const OfferReply& reply);
  /// Commits, then sends TaskAck or a directive through the session's link.
  Status HandleUpdate(const std::string& session_id, const TaskUpdate& update);
  Status HandleResult(const std::string& session_id, const TaskResult& result);
  Status HandleCancelReply(const std::string& session_id, const std::string& operation_id, std::uint32_t attempt,
                           bool stopping);
  /// The adapter says goodbye and names offers that it never started.
  Status HandleGoodbye(const std::string& session_id, const std::vector<std::string>& unstarted_operation_ids);
  /// True while this session holds the attempt under this fence: the guard of ResolveSecrets and StoreSecret.
  bool HoldsAttempt(const std::string& session_id, const std::string& operation_id, std::uint32_t attempt,
                    std::uint64_t fence) const;
  /// Puts an orphan on record: an attempt that an adapter reports and the store does not know (restored database).
  Status ReportOrphan(const std::string& session_id, const TaskSnapshot& task);

  /// Numbers for /metrics: running, queued, and so on by state name.
  std::vector<std::pair<std::string, std::uint64_t>> Counts() const;

 private:
  class Scheduler;
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace meshplay::engine
