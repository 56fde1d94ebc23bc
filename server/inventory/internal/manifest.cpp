#include "server/inventory/internal/manifest.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "libs/base/json.h"
#include "libs/base/json_member.h"
#include "libs/base/json_schema.h"

namespace meshplay::inventory {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxManifestBytes = 1024 * 1024;
constexpr std::size_t kMaxOperations = 1'000;

std::vector<std::string> Texts(const json& object, const char* key) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return texts;
  for (const json& entry : *found) {
    if (entry.is_string()) texts.push_back(entry.get<std::string>());
  }
  return texts;
}

/// The enum's name without its prefix; UNSPECIFIED for an absent or foreign value.
std::string EnumName(const json& object, const char* key, std::string_view prefix) {
  const std::string name = MemberText(object, key);
  return name.compare(0, prefix.size(), prefix) == 0 ? name.substr(prefix.size()) : "UNSPECIFIED";
}

/// A google.protobuf.Duration as JSON ("12.5s"); 0 for anything else.
std::int64_t DurationMs(const json& object, const char* key) {
  std::string text = MemberText(object, key);
  if (text.size() < 2 || text.back() != 's') return 0;
  text.pop_back();
  const auto number = ParseJson(text);
  if (!number || !number->is_number()) return 0;
  return static_cast<std::int64_t>(std::llround(number->get<double>() * 1000.0));
}

bool IsTypeName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

bool IsPointer(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1'))) return false;
  }
  return true;
}

Error Invalid(std::string reason, const std::string& at, std::string detail) {
  return InvalidArgument(std::move(reason), "the adapter's manifest is not usable: " + detail)
      .WithViolation(at, detail)
      .WithRemediation("Fix the adapter; it is connected but gets no work until its manifest is accepted.");
}

Status CheckSchema(const std::string& schema_json, const std::string& at) {
  auto schema = ParseJson(schema_json);
  if (!schema) return Invalid("MANIFEST_INVALID", at, "parameters_schema is not valid JSON");
  auto compiled = JsonSchema::Compile(*schema);
  if (compiled) return {};
  std::vector<Violation> violations = compiled.error().violations();
  for (Violation& violation : violations) violation.pointer = at + violation.pointer;
  return InvalidArgument(compiled.error().reason(),
                         "the adapter's manifest is not usable: " + compiled.error().message())
      .WithViolations(std::move(violations))
      .WithViolation(at, compiled.error().message());
}

Result<OperationType> ParseType(const json& entry, const std::string& mesh_type, const std::string& at) {
  if (!entry.is_object()) return Invalid("MANIFEST_INVALID", at, "an operation is not an object");
  OperationType type;
  type.mesh_type = mesh_type;
  type.type = MemberText(entry, "type");
  if (!IsTypeName(type.type)) return Invalid("MANIFEST_INVALID", at + "/type", "not an operation type's name");
  type.category = EnumName(entry, "category", "OPERATION_CATEGORY_");
  type.title = MemberText(entry, "title");
  type.description = MemberText(entry, "description");
  type.parameters_schema_json = MemberText(entry, "parameters_schema");
  if (type.parameters_schema_json.empty()) type.parameters_schema_json = R"({"type":"object"})";
  MP_CHECK(CheckSchema(type.parameters_schema_json, at + "/parameters_schema"));
  type.sensitive_pointers = Texts(entry, "sensitive_pointers");
  for (const std::string& pointer : type.sensitive_pointers) {
    if (!IsPointer(pointer)) return Invalid("MANIFEST_INVALID", at + "/sensitive_pointers", "not a JSON pointer");
  }
  type.idempotency = EnumName(entry, "idempotency", "IDEMPOTENCY_");
  type.cancellation = EnumName(entry, "cancellation", "CANCELLATION_");
  type.plan = EnumName(entry, "plan", "PLAN_SUPPORT_");
  type.lock = EnumName(entry, "lock", "LOCK_MODE_");
  type.inverse_type = MemberText(entry, "inverse_type");
  type.mesh_version_range = MemberText(entry, "mesh_version_range");
  type.typical_duration_ms = DurationMs(entry, "typical_duration");
  type.max_duration_ms = DurationMs(entry, "max_duration");
  type.required_secrets = Texts(entry, "required_secrets");
  type.deprecated = entry.value("deprecated", json(false)) == json(true);
  type.deprecation_message = MemberText(entry, "deprecation_message");
  const json aliases = entry.value("aliases", json::array());
  for (const json& alias : aliases.is_array() ? aliases : json::array()) {
    const std::string id = alias.is_object() ? MemberText(alias, "id") : std::string();
    std::string parameters = alias.is_object() ? MemberText(alias, "parameters_json") : std::string();
    if (parameters.empty()) parameters = "{}";
    const auto parsed = ParseJson(parameters);
    if (!IsTypeName(id) || !parsed || !parsed->is_object()) {
      return Invalid("MANIFEST_INVALID", at + "/aliases", "an alias has no usable id or parameters");
    }
    if (!type.aliases.emplace(id, CanonicalJson(*parsed)).second) {
      return Invalid("OPERATION_TYPE_DUPLICATE", at + "/aliases", "the alias " + id + " is there twice");
    }
  }
  return type;
}

}  // namespace

Result<ParsedManifest> ParseManifest(const std::string& manifest_json) {
  if (manifest_json.size() > kMaxManifestBytes) {
    return InvalidArgument("MANIFEST_TOO_LARGE", "the adapter's manifest is larger than 1 MiB");
  }
  JsonLimits limits;
  limits.max_bytes = kMaxManifestBytes;
  MP_TRY(const json document, ParseJson(manifest_json, limits));
  if (!document.is_object()) return Invalid("MANIFEST_INVALID", "", "it is not an object");
  ParsedManifest manifest;
  manifest.mesh_type = MemberText(document, "mesh_type");
  manifest.display_name = MemberText(document, "display_name");
  if (manifest.mesh_type.empty()) return Invalid("MANIFEST_INVALID", "/mesh_type", "it names no mesh type");
  const json operations = document.value("operations", json::array());
  if (!operations.is_array() || operations.size() > kMaxOperations) {
    return Invalid("MANIFEST_INVALID", "/operations", "operations must be a list of at most 1,000");
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const std::string at = "/operations/" + std::to_string(i);
    MP_TRY(OperationType type, ParseType(operations[i], manifest.mesh_type, at));
    if (!names.insert(type.type).second) {
      return Invalid("OPERATION_TYPE_DUPLICATE", at + "/type", "the type or alias " + type.type + " is there twice");
    }
    for (const auto& [alias, parameters] : type.aliases) {
      if (!names.insert(alias).second) {
        return Invalid("OPERATION_TYPE_DUPLICATE", at + "/aliases", "the type or alias " + alias + " is there twice");
      }
    }
    manifest.types.push_back(std::move(type));
  }
  return manifest;
}

std::vector<std::pair<std::string, std::string>> InventoryKindsOf(const std::string& manifest_json) {
  std::vector<std::pair<std::string, std::string>> kinds;
  JsonLimits limits;
  limits.max_bytes = kMaxManifestBytes;
  const auto document = ParseJson(manifest_json, limits);
  if (!document || !document->is_object()) return kinds;
  const json list = document->value("inventory_kinds", json::array());
  for (const json& entry : list.is_array() ? list : json::array()) {
    if (entry.is_object()) kinds.emplace_back(MemberText(entry, "api_version"), MemberText(entry, "kind"));
  }
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  return kinds;
}

}  // namespace meshplay::inventory
