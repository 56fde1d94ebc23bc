#include "libs/smi/internal/reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "libs/base/json.h"
#include "libs/smi/internal/findings.h"

namespace meshplay::smi {

using nlohmann::json;

void Reader::Report(std::string code, Severity severity, std::string pointer, std::string message) {
  AddFinding(findings_, head_, {std::move(code), severity, std::move(pointer), std::move(message), ""});
}

const json* Reader::Find(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(std::string(key));
  if (it == object.end() || it->is_null()) return nullptr;
  return &*it;
}

bool Reader::IsObject(const json& value, const std::string& pointer) {
  if (value.is_object()) return true;
  Error("FIELD_INVALID", pointer, "must be an object");
  return false;
}

std::string Reader::String(const json& object, std::string_view key, const std::string& pointer) {
  const json* value = Find(object, key);
  if (value == nullptr) return "";
  if (value->is_string()) return value->get<std::string>();
  Error("FIELD_INVALID", pointer + "/" + std::string(key), "must be a string");
  return "";
}

std::optional<std::int64_t> Reader::Integer(const json& object, std::string_view key, const std::string& pointer) {
  const json* value = Find(object, key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer() &&
      !(value->is_number_unsigned() && value->get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())) {
    return value->get<std::int64_t>();
  }
  Error("FIELD_INVALID", pointer + "/" + std::string(key), "must be a whole number");
  return std::nullopt;
}

std::vector<std::string> Reader::Strings(const json& object, std::string_view key, const std::string& pointer) {
  std::vector<std::string> out;
  const json* values = Array(object, key, pointer);
  if (values == nullptr) return out;
  for (std::size_t i = 0; i < values->size(); ++i) {
    const json& value = (*values)[i];
    if (value.is_string()) {
      out.push_back(value.get<std::string>());
    } else {
      Error("FIELD_INVALID", pointer + "/" + std::string(key) + "/" + std::to_string(i), "must be a string");
    }
  }
  return out;
}

std::map<std::string, std::string> Reader::StringMap(const json& object, std::string_view key,
                                                     const std::string& pointer) {
  std::map<std::string, std::string> out;
  const json* values = Object(object, key, pointer);
  if (values == nullptr) return out;
  for (const auto& [name, value] : values->items()) {
    if (value.is_string()) {
      out.emplace(name, value.get<std::string>());
    } else {
      Error("FIELD_INVALID", pointer + "/" + std::string(key) + "/" + EscapePointerToken(name), "must be a string");
    }
  }
  return out;
}

const json* Reader::Object(const json& object, std::string_view key, const std::string& pointer) {
  const json* value = Find(object, key);
  if (value == nullptr || value->is_object()) return value;
  Error("FIELD_INVALID", pointer + "/" + std::string(key), "must be an object");
  return nullptr;
}

const json* Reader::Array(const json& object, std::string_view key, const std::string& pointer) {
  const json* value = Find(object, key);
  if (value == nullptr || value->is_array()) return value;
  Error("FIELD_INVALID", pointer + "/" + std::string(key), "must be a list");
  return nullptr;
}

void Reader::OnlyKeys(const json& object, const std::string& pointer, std::initializer_list<std::string_view> allowed) {
  if (!object.is_object()) return;
  for (const auto& [name, value] : object.items()) {
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
    Error("FIELD_UNKNOWN", pointer + "/" + EscapePointerToken(name),
          head_.key.kind + " of " + head_.key.api_version + " has no field \"" + name + "\"");
  }
}

}  // namespace meshplay::smi
