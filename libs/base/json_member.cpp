#include "libs/base/json_member.h"

namespace meshplay {
namespace {

template <class Json>
const Json& MemberOf(const Json& object, std::string_view key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(std::string(key));
  return found == object.end() ? null : *found;
}

template <class Json>
std::string TextOf(const Json& value) {
  return value.is_string() ? value.template get<std::string>() : std::string();
}

}  // namespace

const nlohmann::json& Member(const nlohmann::json& object, std::string_view key) {
  return MemberOf(object, key);
}

const nlohmann::ordered_json& Member(const nlohmann::ordered_json& object, std::string_view key) {
  return MemberOf(object, key);
}

std::string MemberText(const nlohmann::json& object, std::string_view key) {
  return TextOf(Member(object, key));
}

std::string MemberText(const nlohmann::ordered_json& object, std::string_view key) {
  return TextOf(Member(object, key));
}

}  // namespace meshplay
