#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/result.h"
#include "server/store/records.h"

/// What the engine and an adapter session say to each other, free of any wire format. The hub converts
/// (hub/convert_task.h); the words are those of the adapter protocol.
namespace meshplay::engine {

using store::AttemptPhase;
using store::DiagnosticRecord;
using store::ObjectOutcomeRecord;
using store::SideEffects;
using store::StepRecord;
using store::TaskKind;

/// Drives retry; unknown counts as kUnknownOutcome.
enum class ErrorClass {
  kUnspecified = 0,
  kTransient = 1,
  kThrottled = 2,
  kConflict = 3,
  kPrecondition = 4,
  kInvalid = 5,
  kAuth = 6,
  kCancelled = 7,
  kUnknownOutcome = 8,
  kBug = 9,
};

struct TaskError {
  std::string reason;
  ErrorClass error_class = ErrorClass::kUnspecified;
  SideEffects side_effects = SideEffects::kUnspecified;
  std::string message;
  std::string probable_cause;
  std::string remediation;
  std::map<std::string, std::string> metadata;
  std::vector<Violation> violations;
  std::optional<std::chrono::milliseconds> retry_after;
};

/// One attempt put on the wire. Committed before it is handed to an AdapterLink.
struct TaskOffer {
  std::string operation_id;
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;  ///< 0 for kinds that take no lock.
  TaskKind kind = TaskKind::kUnspecified;
  std::string operation_type;
  std::string idempotency_key;
  std::string cluster_id;
  std::string cluster_uid;
  std::string mesh_type;
  std::string mesh_key;
  std::string namespace_name;
  std::string control_plane_namespace;
  std::string revision;
  std::string parameters_json;
  std::string options_json;  ///< ApplyOptions as JSON with proto field names.
  std::vector<std::string> secret_names;
  std::chrono::milliseconds time_budget{0};
  std::chrono::milliseconds progress_interval{10'000};
  std::string checkpoint;
  std::string principal;
  std::string tenant;
  std::string reason;
};

enum class Directive { kUnspecified = 0, kContinue = 1, kCancel = 2, kAbandon = 3, kForget = 4, kAssumeLost = 5 };

struct TaskDirective {
  std::string operation_id;
  std::uint32_t attempt = 0;
  Directive directive = Directive::kUnspecified;
  std::uint64_t resend_from_seq = 0;
};

struct TaskAck {
  std::string operation_id;
  std::uint32_t attempt = 0;
  std::uint64_t acked_seq = 0;
  bool finished = false;
};

struct CancelRequest {
  std::string operation_id;
  std::uint32_t attempt = 0;
  std::string reason;
  std::chrono::milliseconds grace{30'000};
};

/// The way to one live adapter session. Implemented by the hub.
/// Threads: any thread may call any method; none blocks (frames are queued, the session is closed on overflow).
/// A frame that does not arrive is not an error: every fact is resumed from the store (rule R1 of the protocol).
class AdapterLink {
 public:
  virtual ~AdapterLink() = default;
  virtual void Send(const TaskOffer& offer) = 0;
  virtual void Send(const TaskAck& ack) = 0;
  virtual void Send(const CancelRequest& cancel) = 0;
  virtual void Send(const TaskDirective& directive) = 0;
};

/// One attempt that a Hello lists.
struct TaskSnapshot {
  std::string operation_id;
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;
  AttemptPhase phase = AttemptPhase::kUnspecified;
  std::uint64_t last_seq = 0;
};

struct SessionHello {
  std::string session_id;
  std::string adapter_id;
  std::string instance_id;
  std::string replaces_instance_id;  ///< Proven dead by its state folder's lock; empty otherwise.
  std::uint32_t max_concurrent_tasks = 1;
  std::vector<TaskSnapshot> tasks;
};

enum class OfferAnswer { kAccepted, kRejected, kAlreadyFinished };

struct OfferReply {
  std::string operation_id;
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;
  OfferAnswer answer = OfferAnswer::kRejected;
  TaskError rejected;
};

struct TaskUpdate {
  std::string operation_id;
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;
  std::uint64_t seq = 0;
  AttemptPhase phase = AttemptPhase::kUnspecified;
  std::uint32_t progress_done = 0;
  std::uint32_t progress_total = 0;
  std::string progress_text;
  std::vector<DiagnosticRecord> diagnostics;
  std::vector<ObjectOutcomeRecord> changes;
  std::optional<std::string> checkpoint;
  std::vector<StepRecord> steps;
  std::chrono::milliseconds step_timeout{0};  ///< 0: the default of the session's limits.
};

enum class Outcome { kUnspecified = 0, kSucceeded = 1, kFailed = 2, kCancelled = 3 };
enum class Effect { kUnspecified = 0, kNone = 1, kPartial = 2, kComplete = 3, kUnknown = 4 };

struct Inspection {
  Effect effect = Effect::kUnspecified;
  std::uint64_t fence_on_target = 0;
};

struct TaskResult {
  std::string operation_id;
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;
  std::uint64_t seq = 0;
  Outcome outcome = Outcome::kUnspecified;
  TaskError error;
  std::string output_json;  ///< Free-form output of the operation.
  std::vector<ObjectOutcomeRecord> changes;
  std::vector<DiagnosticRecord> diagnostics;
  std::vector<StepRecord> steps;
  std::string plan_json;  ///< Kind PLAN: meshplay.v1.Plan as JSON; its digest in plan_digest.
  std::string plan_digest;
  std::string detection_json;  ///< Kind DETECT.
  std::optional<Inspection> inspection;
  std::string conformance_json;
  std::string smi_reports_json;  ///< JSON array of SMI reports.
};

}  // namespace meshplay::engine
