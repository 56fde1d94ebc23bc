#include "server/store/sqlite/rows.h"

#include <nlohmann/json.hpp>

#include "server/store/store.h"

namespace meshplay::store::sqlite {
namespace {

std::string Join(const std::vector<std::string>& parts, const char* before, const char* after) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += ", ";
    text += before + part + after;
  }
  return text;
}

}  // namespace

std::string TextsToJson(const std::vector<std::string>& texts) {
  return nlohmann::json(texts).dump();
}

std::vector<std::string> TextsFromJson(const std::string& json) {
  return nlohmann::json::parse(json).get<std::vector<std::string>>();
}

std::string TraitsToJson(const OperationTraits& traits) {
  return nlohmann::json{
      {"idempotency", static_cast<int>(traits.idempotency)},
      {"cancellation", static_cast<int>(traits.cancellation)},
      {"lock", static_cast<int>(traits.lock)},
      {"title", traits.title},
      {"inverse_type", traits.inverse_type},
      {"max_duration_ms", traits.max_duration.count()},
      {"required_secrets", traits.required_secrets},
      {"sensitive_pointers", traits.sensitive_pointers},
      {"cluster_wide", traits.cluster_wide},
  }
      .dump();
}

OperationTraits TraitsFromJson(const std::string& json) {
  const nlohmann::json from = nlohmann::json::parse(json);
  OperationTraits traits;
  traits.idempotency = static_cast<Idempotency>(from.at("idempotency").get<int>());
  traits.cancellation = static_cast<Cancellation>(from.at("cancellation").get<int>());
  traits.lock = static_cast<LockMode>(from.at("lock").get<int>());
  traits.title = from.at("title").get<std::string>();
  traits.inverse_type = from.at("inverse_type").get<std::string>();
  traits.max_duration = std::chrono::milliseconds(from.at("max_duration_ms").get<std::int64_t>());
  traits.required_secrets = from.at("required_secrets").get<std::vector<std::string>>();
  traits.sensitive_pointers = from.at("sensitive_pointers").get<std::vector<std::string>>();
  traits.cluster_wide = from.at("cluster_wide").get<bool>();
  return traits;
}

std::string SelectText(const Names& names, const char* table, const char* empty_column) {
  std::string columns;
  for (const std::string& column : names.columns) {
    if (!columns.empty()) columns += ", ";
    columns += column == empty_column ? "'' AS " + column : table + ("." + column);
  }
  return "SELECT " + columns + " FROM " + table;
}

std::string InsertText(const Names& names, const char* table) {
  std::vector<std::string> marks(names.columns.size(), "?");
  return std::string("INSERT INTO ") + table + " (" + Join(names.columns, "", "") + ") VALUES (" + Join(marks, "", "") +
         ")";
}

std::string UpsertText(const Names& names, const char* table, const char* key) {
  std::string sets;
  for (const std::string& column : names.columns) {
    if (!sets.empty()) sets += ", ";
    sets += column;
    sets += " = excluded.";
    sets += column;
  }
  return InsertText(names, table) + " ON CONFLICT (" + key + ") DO UPDATE SET " + sets;
}

std::string UpdateText(const Names& names, const char* table) {
  return std::string("UPDATE ") + table + " SET " + Join(names.columns, "", " = ?");
}

}  // namespace meshplay::store::sqlite
