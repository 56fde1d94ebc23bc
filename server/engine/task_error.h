#pragma once

#include <string>
#include <string_view>

#include "server/engine/task.h"

namespace meshplay::engine {

/// The public form of a task's error, as rows, events and the API show it: {"reason", "error_class", "side_effects",
/// "message", "probable_cause", "remediation", "metadata", "violations": [{"pointer", "detail"}], "retry_after_ms"}.
/// Empty members are left out; texts over 4 KiB are cut at a character border.
std::string ToPublicJson(const TaskError& error);

/// "TRANSIENT" and so on; "UNKNOWN_OUTCOME" for an unspecified or foreign value.
std::string_view ErrorClassName(ErrorClass value);

/// An error that the engine itself makes.
TaskError EngineError(std::string reason, ErrorClass error_class, SideEffects side_effects, std::string message,
                      std::string remediation = "");

}  // namespace meshplay::engine
