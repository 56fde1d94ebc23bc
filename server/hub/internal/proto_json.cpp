#include "server/hub/internal/proto_json.h"

#include <google/protobuf/util/json_util.h>

#include <cctype>
#include <nlohmann/json.hpp>

#include "libs/base/json.h"

namespace meshplay::hub {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

/// "CHANGE_ACTION_" of the enum ChangeAction.
std::string PrefixOf(const EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0 && !prefix.empty()) prefix += '_';
    prefix += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return prefix + "_";
}

void StripEnums(const Descriptor& type, nlohmann::json& object) {
  if (!object.is_object()) return;
  for (auto& [name, value] : object.items()) {
    const FieldDescriptor* field = type.FindFieldByName(name);
    if (field == nullptr || field->is_map()) continue;
    const auto visit = [field](nlohmann::json& item) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        StripEnums(*field->message_type(), item);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM && item.is_string()) {
        const std::string prefix = PrefixOf(*field->enum_type());
        const auto text = item.get<std::string>();
        if (text.starts_with(prefix)) item = text.substr(prefix.size());
      }
    };
    if (!value.is_array()) {
      visit(value);
      continue;
    }
    for (nlohmann::json& item : value) visit(item);
  }
}

}  // namespace

Result<std::string> ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return InvalidArgument("FRAME_INVALID", "a message of the frame cannot be kept as JSON");
  return json;
}

Result<std::string> ToPublicJson(const google::protobuf::Message& message) {
  MP_TRY(const std::string json, ToJson(message));
  nlohmann::json document = nlohmann::json::parse(json, nullptr, false);
  StripEnums(*message.GetDescriptor(), document);
  return DumpJson(document);
}

}  // namespace meshplay::hub
