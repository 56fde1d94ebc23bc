#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libs/smi/model.h"

namespace meshplay::smi {

enum class SupportLevel {
  kFull,     ///< Exactly the SMI meaning.
  kPartial,  ///< At least one allow or route is in force; the rest is narrowed or dropped.
  kNone,     ///< None is in force.
};

/// What one SMI object means on one mesh.
struct SmiReport {
  ObjectKey source;
  SupportLevel level = SupportLevel::kNone;
  std::vector<Diagnostic> diagnostics;
  std::vector<ObjectKey> generated;
  std::string explanation;  ///< One plain sentence for a person.
};

std::string_view SupportLevelName(SupportLevel level);  ///< "FULL", "PARTIAL", "NONE".
std::string_view SeverityName(Severity severity);       ///< "ERROR", "WARNING", "INFO".

nlohmann::json ToJson(const ObjectKey& key);  ///< {apiVersion, kind, namespace, name}
nlohmann::json ToJson(const Diagnostic& diagnostic);
/// {source, level, diagnostics: [{code, severity, pointer, message, meshFeature?}], generated, explanation}
nlohmann::json ToJson(const SmiReport& report);
nlohmann::json ToJson(const std::vector<SmiReport>& reports);

/// The worst level of all reports; kFull for none.
SupportLevel WorstLevel(const std::vector<SmiReport>& reports);

}  // namespace meshplay::smi
