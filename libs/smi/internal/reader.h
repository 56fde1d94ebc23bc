#pragma once

#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/smi/model.h"

namespace meshplay::smi {

/// Typed access to the fields of one document that collects every fault instead of stopping at the first.
/// Ownership: keeps references to `head` and `findings`; both must outlive it.
class Reader {
 public:
  Reader(const Head& head, std::vector<Finding>& findings) : head_(head), findings_(findings) {}

  void Report(std::string code, Severity severity, std::string pointer, std::string message);
  void Error(std::string code, std::string pointer, std::string message) {
    Report(std::move(code), Severity::kError, std::move(pointer), std::move(message));
  }

  /// The field, or nullptr when it is absent or null.
  static const nlohmann::json* Find(const nlohmann::json& object, std::string_view key);

  /// The field as its type; absent gives the empty value, a wrong type FIELD_INVALID and the empty value.
  std::string String(const nlohmann::json& object, std::string_view key, const std::string& pointer);
  std::optional<std::int64_t> Integer(const nlohmann::json& object, std::string_view key, const std::string& pointer);
  std::vector<std::string> Strings(const nlohmann::json& object, std::string_view key, const std::string& pointer);
  std::map<std::string, std::string> StringMap(const nlohmann::json& object, std::string_view key,
                                               const std::string& pointer);
  const nlohmann::json* Object(const nlohmann::json& object, std::string_view key, const std::string& pointer);
  const nlohmann::json* Array(const nlohmann::json& object, std::string_view key, const std::string& pointer);
  /// False and FIELD_INVALID when `value` is no object.
  bool IsObject(const nlohmann::json& value, const std::string& pointer);

  /// FIELD_UNKNOWN for each key outside the list.
  void OnlyKeys(const nlohmann::json& object, const std::string& pointer,
                std::initializer_list<std::string_view> allowed);

  const Head& head() const { return head_; }

 private:
  const Head& head_;
  std::vector<Finding>& findings_;
};

// One function a kind; `fields` is what lies at head.spec_pointer.
TrafficTarget ParseTrafficTarget(Head head, const nlohmann::json& fields, std::vector<Finding>& findings);
IdentityBinding ParseIdentityBinding(Head head, const nlohmann::json& fields, std::vector<Finding>& findings);
HttpRouteGroup ParseHttpRouteGroup(Head head, const nlohmann::json& fields, std::vector<Finding>& findings);
PortRoute ParsePortRoute(Head head, const nlohmann::json& fields, std::vector<Finding>& findings);
TrafficSplit ParseTrafficSplit(Head head, const nlohmann::json& fields, std::vector<Finding>& findings);

}  // namespace meshplay::smi
