#include "libs/smi/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace meshplay::smi {

using nlohmann::json;

std::string_view SupportLevelName(SupportLevel level) {
  switch (level) {
    case SupportLevel::kFull:
      return "FULL";
    case SupportLevel::kPartial:
      return "PARTIAL";
    case SupportLevel::kNone:
      return "NONE";
  }
  return "NONE";
}

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
  }
  return "ERROR";
}

json ToJson(const ObjectKey& key) {
  return {{"apiVersion", key.api_version}, {"kind", key.kind}, {"namespace", key.namespace_name}, {"name", key.name}};
}

json ToJson(const Diagnostic& diagnostic) {
  json out = {{"code", diagnostic.code},
              {"severity", SeverityName(diagnostic.severity)},
              {"pointer", diagnostic.pointer},
              {"message", diagnostic.message}};
  if (!diagnostic.mesh_feature.empty()) out["meshFeature"] = diagnostic.mesh_feature;
  return out;
}

json ToJson(const SmiReport& report) {
  json diagnostics = json::array();
  for (const Diagnostic& diagnostic : report.diagnostics) diagnostics.push_back(ToJson(diagnostic));
  json generated = json::array();
  for (const ObjectKey& key : report.generated) generated.push_back(ToJson(key));
  return {{"source", ToJson(report.source)},
          {"level", SupportLevelName(report.level)},
          {"diagnostics", std::move(diagnostics)},
          {"generated", std::move(generated)},
          {"explanation", report.explanation}};
}

json ToJson(const std::vector<SmiReport>& reports) {
  json out = json::array();
  for (const SmiReport& report : reports) out.push_back(ToJson(report));
  return out;
}

SupportLevel WorstLevel(const std::vector<SmiReport>& reports) {
  SupportLevel worst = SupportLevel::kFull;
  for (const SmiReport& report : reports) worst = std::max(worst, report.level);
  return worst;
}

}  // namespace meshplay::smi
