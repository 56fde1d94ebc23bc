#include "server/engine/events.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "server/engine/task_error.h"
#include "server/store/operation_states.h"

namespace meshplay::engine {
namespace {

constexpr std::size_t kShownChanges = 20;

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSucceeded:
      return "SUCCEEDED";
    case Outcome::kCancelled:
      return "CANCELLED";
    case Outcome::kFailed:
    case Outcome::kUnspecified:
      return "FAILED";
  }
  return "FAILED";
}

void PutPart(nlohmann::json& body, const char* key, const std::string& text) {
  if (text.empty()) return;
  auto parsed = ParseJson(text);
  if (parsed) {
    body[key] = std::move(*parsed);
  } else {
    body["invalid"].push_back(key);
  }
}

}  // namespace

std::string Dump(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json ParseStored(const std::string& text) {
  if (text.empty()) return nullptr;
  auto document = nlohmann::json::parse(text, nullptr, false);
  return document.is_discarded() ? nlohmann::json(nullptr) : document;
}

std::string StateEventKind(store::OperationState state) {
  std::string name(store::OperationStateName(state));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return "operation." + name;
}

store::EventRecord PlainEvent(const std::string& tenant, const std::string& subject, std::string_view kind,
                              const nlohmann::json& body, UnixMs now) {
  store::EventRecord event;
  event.tenant = tenant;
  event.subject = subject;
  event.kind = kind;
  event.body_json = Dump(body);
  event.time_unix_ms = now;
  return event;
}

store::EventRecord OperationEvent(const store::OperationRecord& operation, const store::AttemptRecord* attempt,
                                  std::string_view kind, const nlohmann::json& extra, UnixMs now) {
  nlohmann::json body = {
      {"id", operation.id},
      {"type", operation.type},
      {"kind", store::TaskKindName(operation.kind)},
      {"state", store::OperationStateName(operation.state)},
      {"attempt", attempt != nullptr ? attempt->number : operation.last_attempt},
      {"cluster_id", operation.cluster_id},
      {"mesh_type", operation.mesh_type},
      {"target_id", operation.target_id},
  };
  if (!operation.mesh_id.empty()) body["mesh_id"] = operation.mesh_id;
  if (attempt != nullptr && attempt->phase != store::AttemptPhase::kUnspecified) {
    body["phase"] = store::AttemptPhaseName(attempt->phase);
  }
  if (operation.side_effects != SideEffects::kUnspecified) {
    body["side_effects"] = store::SideEffectsName(operation.side_effects);
  }
  if (operation.cancel_requested) body["cancel_requested"] = true;
  if (!operation.error_json.empty()) body["error"] = ParseStored(operation.error_json);
  if (extra.is_object()) body.update(extra);
  return PlainEvent(operation.tenant, "operation/" + operation.id, kind, body, now);
}

nlohmann::json StepBody(const store::StepRecord& step) {
  return {{"step",
           {{"index", step.index},
            {"name", step.name},
            {"title", step.title},
            {"state", step.state},
            {"text", step.text}}}};
}

nlohmann::json ChangesBody(const std::vector<store::ObjectOutcomeRecord>& changes) {
  nlohmann::json shown = nlohmann::json::array();
  for (std::size_t i = 0; i < std::min(changes.size(), kShownChanges); ++i) {
    const store::ObjectOutcomeRecord& change = changes[i];
    shown.push_back({{"api_version", change.api_version},
                     {"kind", change.kind},
                     {"namespace", change.namespace_name},
                     {"name", change.name},
                     {"action", change.action},
                     {"ok", change.ok}});
  }
  return {{"changes", shown}, {"changes_total", changes.size()}};
}

nlohmann::json ProgressBody(std::uint32_t done, std::uint32_t total, const std::string& text) {
  return {{"progress", {{"done", done}, {"total", total}, {"text", text}}}};
}

std::string ResultJson(const TaskResult& result) {
  nlohmann::json body = nlohmann::json::object();
  PutPart(body, "output", result.output_json);
  PutPart(body, "detection", result.detection_json);
  PutPart(body, "smi", result.smi_reports_json);
  if (!result.plan_digest.empty()) body["plan_digest"] = result.plan_digest;
  return body.empty() ? std::string() : Dump(body);
}

std::string LateResultJson(const TaskResult& result, UnixMs now) {
  nlohmann::json body = {{"outcome", OutcomeName(result.outcome)}, {"seq", result.seq}, {"received_unix_ms", now}};
  if (result.outcome != Outcome::kSucceeded) body["error"] = ParseStored(ToPublicJson(result.error));
  if (result.inspection) body["effect"] = static_cast<int>(result.inspection->effect);
  const nlohmann::json parts = ParseStored(ResultJson(result));
  if (parts.is_object()) body["result"] = parts;
  return Dump(body);
}

}  // namespace meshplay::engine
