#include "server/services/internal/parameters.h"

#include <nlohmann/json.hpp>
#include <set>

#include "libs/base/json.h"
#include "libs/base/json_schema.h"

namespace meshplay::services {
namespace {

Error Invalid() {
  return InvalidArgument("PARAMETERS_INVALID", "the parameters do not fit the operation's schema");
}

Result<nlohmann::json> ParseObject(const std::string& text) {
  if (text.empty()) return nlohmann::json::object();
  MP_TRY(nlohmann::json document, ParseJson(text));
  if (!document.is_object()) return Invalid().WithViolation("/parameters", "must be an object");
  return document;
}

/// The value at an RFC 6901 pointer; null when there is none.
const nlohmann::json* Find(const nlohmann::json& document, const std::string& pointer) {
  try {
    const nlohmann::json::json_pointer parsed(pointer);
    return document.contains(parsed) ? &document.at(parsed) : nullptr;
  } catch (const nlohmann::json::exception&) {
    return nullptr;  // Manifests are checked when they are accepted; a bad pointer points at nothing.
  }
}

}  // namespace

Result<nlohmann::json> MergeParameters(const std::string& alias_json, const std::string& given_json) {
  MP_TRY(nlohmann::json merged, ParseObject(alias_json));
  MP_TRY(const nlohmann::json given, ParseObject(given_json));
  for (const auto& [key, value] : given.items()) merged[key] = value;
  return merged;
}

Result<nlohmann::json> CheckParameters(const std::string& schema_json, const nlohmann::json& parameters) {
  if (schema_json.empty()) return parameters;
  const Result<nlohmann::json> document = ParseJson(schema_json);
  if (!document.has_value()) return Internal("SCHEMA_BROKEN", "the operation's schema cannot be read");
  const Result<JsonSchema> schema = JsonSchema::Compile(*document);
  if (!schema.has_value()) return Internal("SCHEMA_BROKEN", "the operation's schema cannot be used");
  nlohmann::json complete = schema->WithDefaults(parameters);
  const Status valid = schema->Validate(complete);
  if (valid.has_value()) return complete;
  std::vector<Violation> violations = valid.error().violations();
  for (Violation& violation : violations) violation.pointer = "/parameters" + violation.pointer;
  return Invalid()
      .WithViolations(std::move(violations))
      .WithRemediation("GET /v1/operationTypes has the schema of each operation.");
}

Result<std::vector<std::string>> SecretsOf(store::Reader& reader, const std::string& tenant,
                                           const std::vector<std::string>& sensitive_pointers,
                                           const nlohmann::json& parameters) {
  std::set<std::string> names;
  std::vector<Violation> violations;
  for (const std::string& pointer : sensitive_pointers) {
    const nlohmann::json* value = Find(parameters, pointer);
    if (value == nullptr || value->is_null()) continue;
    const std::string text = value->is_string() ? value->get<std::string>() : std::string();
    if (!text.starts_with(kSecretReference)) {
      violations.push_back({"/parameters" + pointer,
                            "is secret: store it with POST /v1/secrets and give the reference secret:NAME here"});
      continue;
    }
    const std::string name = text.substr(kSecretReference.size());
    MP_TRY(const std::optional<store::SecretRecord> found, reader.FindSecret(tenant, name));
    if (!found) {
      violations.push_back({"/parameters" + pointer, "refers to a secret that is not stored"});
    } else {
      names.insert(name);
    }
  }
  if (!violations.empty()) return Invalid().WithViolations(std::move(violations));
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace meshplay::services
