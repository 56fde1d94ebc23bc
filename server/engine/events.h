#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "server/engine/task.h"
#include "server/store/records.h"

/// Bodies and kinds of the events that the engine writes. No body holds parameters, options, checkpoints or outputs.
namespace meshplay::engine {

namespace event_kind {
inline constexpr std::string_view kStep = "operation.step";
inline constexpr std::string_view kProgress = "operation.progress";
inline constexpr std::string_view kChange = "operation.change";
inline constexpr std::string_view kResolved = "operation.resolved";
inline constexpr std::string_view kAttemptLost = "operation.attempt_lost";
inline constexpr std::string_view kOrphan = "adapter.orphan_attempt";
inline constexpr std::string_view kTargetHeld = "target.held";
inline constexpr std::string_view kTargetReleased = "target.released";
inline constexpr std::string_view kTargetQuarantined = "target.quarantined";
}  // namespace event_kind

/// "operation.queued", "operation.running", ...: the kind that announces a state.
std::string StateEventKind(store::OperationState state);

/// An event about one operation: {"id", "type", "kind", "state", "attempt", "phase", "cluster_id", "mesh_type",
/// "mesh_id", "target_id", "side_effects", "error"} and the members of `extra`. `attempt` may be null.
store::EventRecord OperationEvent(const store::OperationRecord& operation, const store::AttemptRecord* attempt,
                                  std::string_view kind, const nlohmann::json& extra, UnixMs now);

/// An event about something else.
store::EventRecord PlainEvent(const std::string& tenant, const std::string& subject, std::string_view kind,
                              const nlohmann::json& body, UnixMs now);

nlohmann::json StepBody(const store::StepRecord& step);

/// {"changes": [first 20 of them], "changes_total": n}
nlohmann::json ChangesBody(const std::vector<store::ObjectOutcomeRecord>& changes);

/// {"progress": {"done", "total", "text"}}
nlohmann::json ProgressBody(std::uint32_t done, std::uint32_t total, const std::string& text);

/// What an operation keeps of a result: {"output", "plan_digest", "detection", "smi"}, absent parts left out.
/// A conformance report has rows of its own. A part that is not JSON is dropped and named in "invalid".
std::string ResultJson(const TaskResult& result);

/// Evidence of a result that came too late to decide anything: outcome, error, inspection and output.
std::string LateResultJson(const TaskResult& result, UnixMs now);

/// The stored text as a document; null when empty or not JSON.
nlohmann::json ParseStored(const std::string& text);

/// Compact text; bytes that are not UTF-8 are replaced.
std::string Dump(const nlohmann::json& document);

}  // namespace meshplay::engine
