#pragma once

#include <re2/re2.h>

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libs/base/json_schema.h"

namespace meshplay {

/// One compiled schema. Internal to json_schema*.cpp.
struct JsonSchema::Node {
  std::vector<std::string> types;  ///< Empty: any.
  std::map<std::string, std::shared_ptr<const Node>> properties;
  std::vector<std::string> required;
  bool additional_allowed = true;
  std::shared_ptr<const Node> additional;  ///< Null: only `additional_allowed` decides.
  std::shared_ptr<const Node> items;
  std::vector<std::shared_ptr<const Node>> one_of;
  std::optional<std::vector<nlohmann::json>> allowed_values;  ///< enum, or const as its only value.
  // long double holds every 64 bit integer exactly on our platforms.
  std::optional<long double> minimum, maximum, above, below;
  std::optional<std::uint64_t> min_length, max_length, min_items, max_items, min_properties, max_properties;
  bool unique_items = false;
  std::unique_ptr<const re2::RE2> pattern;
  std::string format;
  std::optional<nlohmann::json> default_value;

  static Result<std::shared_ptr<const Node>> Compile(const nlohmann::json& schema, const std::string& pointer,
                                                     std::size_t depth, bool inside_one_of, std::size_t& budget);
  void Check(const nlohmann::json& value, const std::string& pointer, std::vector<Violation>& faults) const;
  void FillDefaults(nlohmann::json& value) const;

 private:
  void CheckObject(const nlohmann::json& value, const std::string& pointer, std::vector<Violation>& faults) const;
  void CheckArray(const nlohmann::json& value, const std::string& pointer, std::vector<Violation>& faults) const;
  void CheckString(const std::string& text, const std::string& pointer, std::vector<Violation>& faults) const;
  void CheckNumber(long double number, const std::string& pointer, std::vector<Violation>& faults) const;
};

/// The value of a JSON number.
inline long double NumberOf(const nlohmann::json& value) {
  if (value.is_number_unsigned()) return static_cast<long double>(value.get<std::uint64_t>());
  if (value.is_number_integer()) return static_cast<long double>(value.get<std::int64_t>());
  return static_cast<long double>(value.get<double>());
}

bool IsKnownFormat(const std::string& format);
bool HasFormat(const std::string& format, const std::string& text);

}  // namespace meshplay
