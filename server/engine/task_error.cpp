#include "server/engine/task_error.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "server/engine/events.h"
#include "server/store/operation_states.h"

namespace meshplay::engine {
namespace {

constexpr std::size_t kMaxTextBytes = 4096;

std::string Cut(const std::string& text) {
  if (text.size() <= kMaxTextBytes) return text;
  std::size_t end = kMaxTextBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

void PutText(nlohmann::json& body, const char* key, const std::string& text) {
  if (!text.empty()) body[key] = Cut(text);
}

}  // namespace

std::string_view ErrorClassName(ErrorClass value) {
  switch (value) {
    case ErrorClass::kTransient:
      return "TRANSIENT";
    case ErrorClass::kThrottled:
      return "THROTTLED";
    case ErrorClass::kConflict:
      return "CONFLICT";
    case ErrorClass::kPrecondition:
      return "PRECONDITION";
    case ErrorClass::kInvalid:
      return "INVALID";
    case ErrorClass::kAuth:
      return "AUTH";
    case ErrorClass::kCancelled:
      return "CANCELLED";
    case ErrorClass::kBug:
      return "BUG";
    case ErrorClass::kUnspecified:
    case ErrorClass::kUnknownOutcome:
      return "UNKNOWN_OUTCOME";
  }
  return "UNKNOWN_OUTCOME";
}

std::string ToPublicJson(const TaskError& error) {
  nlohmann::json body = nlohmann::json::object();
  body["reason"] = error.reason.empty() ? "UNKNOWN" : Cut(error.reason);
  body["error_class"] = ErrorClassName(error.error_class);
  if (error.side_effects != SideEffects::kUnspecified) {
    body["side_effects"] = store::SideEffectsName(error.side_effects);
  }
  PutText(body, "message", error.message);
  PutText(body, "probable_cause", error.probable_cause);
  PutText(body, "remediation", error.remediation);
  for (const auto& [key, value] : error.metadata) body["metadata"][Cut(key)] = Cut(value);
  for (const Violation& violation : error.violations) {
    body["violations"].push_back({{"pointer", Cut(violation.pointer)}, {"detail", Cut(violation.detail)}});
  }
  if (error.retry_after) body["retry_after_ms"] = error.retry_after->count();
  return Dump(body);
}

TaskError EngineError(std::string reason, ErrorClass error_class, SideEffects side_effects, std::string message,
                      std::string remediation) {
  TaskError error;
  error.reason = std::move(reason);
  error.error_class = error_class;
  error.side_effects = side_effects;
  error.message = std::move(message);
  error.remediation = std::move(remediation);
  return error;
}

}  // namespace meshplay::engine
