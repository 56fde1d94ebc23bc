#include "libs/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>

namespace meshplay {
namespace {

struct ProcessLog {
  spdlog::logger logger{"meshplay", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  std::atomic<LogFormat> format{LogFormat::kText};
  ProcessLog() {
    logger.set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
    logger.set_level(spdlog::level::info);
  }
};

/// Never destroyed, so that threads and destructors may log until the process is gone.
ProcessLog& TheLog() {
  static ProcessLog* const log = new ProcessLog;
  return *log;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string UtcNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string stamp(text, length);
  const std::string fraction = std::to_string(1000 + ms % 1000);
  return stamp + '.' + fraction.substr(1) + 'Z';
}

/// A JSON string: control characters escaped, bad UTF-8 replaced.
std::string Quote(std::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool IsPlain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

std::string FormatText(LogLevel level, std::string_view text, std::initializer_list<LogField> fields) {
  std::string line = UtcNow();
  line += ' ';
  line += LevelName(level);
  line += ' ';
  const std::string quoted = Quote(text);
  line.append(quoted, 1, quoted.size() - 2);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += IsPlain(field.value) ? field.value : Quote(field.value);
  }
  return line;
}

std::string FormatJson(LogLevel level, std::string_view text, std::initializer_list<LogField> fields) {
  std::string line = R"({"time":")" + UtcNow() + R"(","level":")";
  line += LevelName(level);
  line += R"(","message":)" + Quote(text);
  for (const LogField& field : fields) line += ',' + Quote(field.key) + ':' + Quote(field.value);
  return line + '}';
}

}  // namespace

void ConfigureLog(LogLevel level, LogFormat format) {
  TheLog().logger.set_level(ToSpdlog(level));
  TheLog().format = format;
}

bool ParseLogLevel(std::string_view text, LogLevel& level) {
  for (const LogLevel known : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (text != LevelName(known)) continue;
    level = known;
    return true;
  }
  return false;
}

void Log(LogLevel level, std::string_view text, std::initializer_list<LogField> fields) {
  ProcessLog& log = TheLog();
  if (!log.logger.should_log(ToSpdlog(level))) return;
  try {
    const bool as_json = log.format == LogFormat::kJson;
    const std::string line = as_json ? FormatJson(level, text, fields) : FormatText(level, text, fields);
    log.logger.log(ToSpdlog(level), spdlog::string_view_t(line));
  } catch (const std::exception&) {
    std::fputs("log: a line was lost\n", stderr);
  }
}

}  // namespace meshplay
