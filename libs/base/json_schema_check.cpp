#include <algorithm>
#include <cmath>

#include "libs/base/duration.h"
#include "libs/base/internal/json_schema_node.h"
#include "libs/base/json.h"
#include "libs/base/utf8.h"

namespace meshplay {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFaults = 100;
/// A hostile key must not make a hostile error.
constexpr std::size_t kMaxPointerBytes = 1'024;

void AddFault(std::vector<Violation>& faults, const std::string& pointer, std::string detail) {
  if (faults.size() < kMaxFaults) faults.push_back({pointer, std::move(detail)});
}

std::string Below(const std::string& pointer, const std::string& name) {
  if (pointer.size() + name.size() > kMaxPointerBytes) return pointer + "/...";
  return pointer + '/' + EscapePointerToken(name);
}

bool IsOfType(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "number") return value.is_number();
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " or ") + word;
  return text;
}

std::string Shown(long double number) {
  return json(static_cast<double>(number)).dump();
}

void CheckCount(std::uint64_t count, const std::optional<std::uint64_t>& least,
                const std::optional<std::uint64_t>& most, const char* of, const std::string& pointer,
                std::vector<Violation>& faults) {
  if (least && count < *least) AddFault(faults, pointer, "must have at least " + std::to_string(*least) + of);
  if (most && count > *most) AddFault(faults, pointer, "must have at most " + std::to_string(*most) + of);
}

bool HasEqualItems(const json& list) {
  std::vector<const json*> sorted;
  for (const json& item : list) sorted.push_back(&item);
  std::sort(sorted.begin(), sorted.end(), [](const json* a, const json* b) { return *a < *b; });
  return std::adjacent_find(sorted.begin(), sorted.end(), [](const json* a, const json* b) { return *a == *b; }) !=
         sorted.end();
}

bool Matches(const std::string& text, const re2::RE2& pattern) {
  return re2::RE2::FullMatch(text, pattern);
}

bool IsDateTime(const std::string& text) {
  static const auto* const pattern = new re2::RE2(
      R"((\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d))");
  int year = 0;
  int month = 0;
  int day = 0;
  if (!re2::RE2::FullMatch(text, *pattern, &year, &month, &day)) return false;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  const int days = month == 2 ? (leap ? 29 : 28) : (month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31);
  return day <= days;
}

bool IsDnsLabel(const std::string& text) {
  static const auto* const pattern = new re2::RE2("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");
  return Matches(text, *pattern);
}

bool IsDnsSubdomain(const std::string& text) {
  static const auto* const pattern = new re2::RE2(R"([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)");
  return text.size() <= 253 && Matches(text, *pattern);
}

bool IsSemver(const std::string& text) {
  static const auto* const pattern = new re2::RE2(
      R"((0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?)");
  return Matches(text, *pattern);
}

bool IsUri(const std::string& text) {
  static const auto* const pattern =
      new re2::RE2(R"([A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)");
  return Matches(text, *pattern);
}

}  // namespace

bool IsKnownFormat(const std::string& format) {
  for (const char* known : {"duration", "uri", "date-time", "dns-label", "dns-subdomain", "semver"}) {
    if (format == known) return true;
  }
  return false;
}

bool HasFormat(const std::string& format, const std::string& text) {
  if (format == "duration") return ParseDuration(text).has_value();
  if (format == "uri") return IsUri(text);
  if (format == "date-time") return IsDateTime(text);
  if (format == "dns-label") return IsDnsLabel(text);
  if (format == "dns-subdomain") return IsDnsSubdomain(text);
  return IsSemver(text);
}

void JsonSchema::Node::Check(const json& value, const std::string& pointer, std::vector<Violation>& faults) const {
  if (faults.size() >= kMaxFaults) return;
  const bool typed = types.empty() || std::any_of(types.begin(), types.end(),
                                                  [&](const std::string& type) { return IsOfType(value, type); });
  if (!typed) return AddFault(faults, pointer, "must be of type " + Joined(types));
  if (allowed_values && std::find(allowed_values->begin(), allowed_values->end(), value) == allowed_values->end()) {
    AddFault(faults, pointer, "is not one of the allowed values");
  }
  if (value.is_object()) CheckObject(value, pointer, faults);
  if (value.is_array()) CheckArray(value, pointer, faults);
  if (value.is_string()) CheckString(value.get_ref<const std::string&>(), pointer, faults);
  if (value.is_number()) CheckNumber(NumberOf(value), pointer, faults);
  if (one_of.empty()) return;
  const auto fitting = std::count_if(one_of.begin(), one_of.end(), [&](const auto& branch) {
    std::vector<Violation> branch_faults;
    branch->Check(value, "", branch_faults);
    return branch_faults.empty();
  });
  if (fitting != 1) AddFault(faults, pointer, "must fit exactly one alternative, fits " + std::to_string(fitting));
}

void JsonSchema::Node::CheckObject(const json& value, const std::string& pointer,
                                   std::vector<Violation>& faults) const {
  CheckCount(value.size(), min_properties, max_properties, " properties", pointer, faults);
  for (const std::string& name : required) {
    if (!value.contains(name)) AddFault(faults, Below(pointer, name), "is required");
  }
  for (const auto& [name, item] : value.items()) {
    const auto found = properties.find(name);
    if (found != properties.end()) {
      found->second->Check(item, Below(pointer, name), faults);
    } else if (additional) {
      additional->Check(item, Below(pointer, name), faults);
    } else if (!additional_allowed) {
      AddFault(faults, Below(pointer, name), "is not known");
    }
  }
}

void JsonSchema::Node::CheckArray(const json& value, const std::string& pointer, std::vector<Violation>& faults) const {
  CheckCount(value.size(), min_items, max_items, " items", pointer, faults);
  if (unique_items && HasEqualItems(value)) AddFault(faults, pointer, "must not hold the same item twice");
  for (std::size_t i = 0; items && i < value.size(); ++i) {
    items->Check(value[i], Below(pointer, std::to_string(i)), faults);
  }
}

void JsonSchema::Node::CheckString(const std::string& text, const std::string& pointer,
                                   std::vector<Violation>& faults) const {
  if (min_length || max_length) {
    CheckCount(CountCodePoints(text), min_length, max_length, " characters", pointer, faults);
  }
  if (pattern && !re2::RE2::PartialMatch(text, *pattern)) {
    AddFault(faults, pointer, "does not match the pattern " + pattern->pattern());
  }
  if (!format.empty() && !HasFormat(format, text)) AddFault(faults, pointer, "is no valid " + format);
}

void JsonSchema::Node::CheckNumber(long double number, const std::string& pointer,
                                   std::vector<Violation>& faults) const {
  if (minimum && number < *minimum) AddFault(faults, pointer, "must be at least " + Shown(*minimum));
  if (maximum && number > *maximum) AddFault(faults, pointer, "must be at most " + Shown(*maximum));
  if (above && number <= *above) AddFault(faults, pointer, "must be more than " + Shown(*above));
  if (below && number >= *below) AddFault(faults, pointer, "must be less than " + Shown(*below));
}

}  // namespace meshplay
