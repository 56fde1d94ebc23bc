#include "server/inventory/internal/conditions.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"
#include "libs/base/json_member.h"

namespace meshplay::inventory {
namespace {

using nlohmann::json;

const Condition* FindType(const std::vector<Condition>& conditions, std::string_view type) {
  const auto found = std::find_if(conditions.begin(), conditions.end(),
                                  [&](const Condition& condition) { return condition.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

/// Rows hold what this room wrote, so a text that does not parse is a damaged row: treated as no conditions.
std::vector<Condition> ParseRow(const std::string& json_text) {
  auto parsed = ParseConditions(json_text);
  return parsed ? std::move(*parsed) : std::vector<Condition>();
}

}  // namespace

std::string Rfc3339(UnixMs time) {
  const std::time_t seconds = static_cast<std::time_t>(time / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(time % 1000));
  return std::string(text.data()) + fraction.data();
}

Result<std::vector<Condition>> ParseConditions(const std::string& json_text) {
  std::vector<Condition> conditions;
  if (json_text.empty()) return conditions;
  const auto document = ParseJson(json_text);
  if (!document || !document->is_array()) {
    return InvalidArgument("CONDITIONS_INVALID", "conditions are not a JSON array");
  }
  for (const json& entry : *document) {
    if (!entry.is_object() || MemberText(entry, "type").empty()) {
      return InvalidArgument("CONDITIONS_INVALID", "a condition has no type");
    }
    Condition condition{MemberText(entry, "type"), MemberText(entry, "status"), MemberText(entry, "reason"),
                        MemberText(entry, "message"), MemberText(entry, "last_transition_time")};
    if (condition.status != "True" && condition.status != "False") condition.status = "Unknown";
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

std::string PrintConditions(const std::vector<Condition>& conditions) {
  if (conditions.empty()) return {};
  json list = json::array();
  for (const Condition& condition : conditions) {
    json entry = {{"type", condition.type}, {"status", condition.status}, {"reason", condition.reason}};
    if (!condition.message.empty()) entry["message"] = condition.message;
    if (!condition.last_transition_time.empty()) entry["last_transition_time"] = condition.last_transition_time;
    list.push_back(std::move(entry));
  }
  return CanonicalJson(list);
}

std::string ConditionStatus(const std::string& json_text, std::string_view type) {
  const std::vector<Condition> conditions = ParseRow(json_text);
  const Condition* condition = FindType(conditions, type);
  return condition == nullptr ? std::string() : condition->status;
}

std::string MergeConditions(const std::string& old_json, std::vector<Condition> fresh, UnixMs now) {
  const std::vector<Condition> old = ParseRow(old_json);
  for (Condition& condition : fresh) {
    const Condition* before = FindType(old, condition.type);
    const bool same = before != nullptr && before->status == condition.status && !before->last_transition_time.empty();
    condition.last_transition_time = same ? before->last_transition_time : Rfc3339(now);
  }
  return PrintConditions(fresh);
}

std::string SetCondition(const std::string& json_text, Condition condition, UnixMs now) {
  std::vector<Condition> conditions = ParseRow(json_text);
  conditions.erase(std::remove_if(conditions.begin(), conditions.end(),
                                  [&](const Condition& entry) { return entry.type == condition.type; }),
                   conditions.end());
  conditions.push_back(std::move(condition));
  return MergeConditions(json_text, std::move(conditions), now);
}

std::string UnknownConditions(const std::string& json_text, const std::string& reason, UnixMs now) {
  std::vector<Condition> conditions = ParseRow(json_text);
  for (Condition& condition : conditions) {
    condition.status = "Unknown";
    condition.reason = reason;
    condition.message.clear();
  }
  return MergeConditions(json_text, std::move(conditions), now);
}

}  // namespace meshplay::inventory
