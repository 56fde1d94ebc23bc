#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace meshplay {

/// Keys of structured log fields. Dashboards and alerts read them: add, never rename.
namespace log_key {
inline constexpr std::string_view kOperationId = "operation_id";
inline constexpr std::string_view kAttempt = "attempt";
inline constexpr std::string_view kTargetId = "target_id";
inline constexpr std::string_view kAdapterId = "adapter_id";
inline constexpr std::string_view kSessionId = "session_id";
inline constexpr std::string_view kClusterId = "cluster_id";
inline constexpr std::string_view kPrincipal = "principal";
inline constexpr std::string_view kRequestId = "request_id";
inline constexpr std::string_view kDurationMs = "duration_ms";
inline constexpr std::string_view kCode = "code";
inline constexpr std::string_view kReason = "reason";
inline constexpr std::string_view kError = "error";
}  // namespace log_key

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

struct LogField {
  std::string_view key;
  std::string value;
  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  template <class Number, class = std::enable_if_t<std::is_arithmetic_v<Number>>>
  LogField(std::string_view k, Number v) : key(k), value(std::to_string(v)) {}
};

/// Sets level and form of the process's log, which goes to stderr. Call once, before threads start.
void ConfigureLog(LogLevel level, LogFormat format);

/// Parses "debug", "info", "warning", "error"; false when `text` is none of them.
bool ParseLogLevel(std::string_view text, LogLevel& level);

/// One line: time, level, a short constant text and fields. Control characters in values are escaped. Threads: any.
/// Never pass a secret; a Secret (secret.h) does not convert to a field.
void Log(LogLevel level, std::string_view text, std::initializer_list<LogField> fields = {});

inline void LogDebug(std::string_view text, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kDebug, text, fields);
}
inline void LogInfo(std::string_view text, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, text, fields);
}
inline void LogWarning(std::string_view text, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, text, fields);
}
inline void LogError(std::string_view text, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, text, fields);
}

}  // namespace meshplay
