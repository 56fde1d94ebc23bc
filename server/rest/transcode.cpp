#include "server/rest/transcode.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "libs/base/json.h"
#include "meshplay/api/annotations.pb.h"

namespace meshplay::rest {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::TimeUtil;
using Json = nlohmann::json;

constexpr std::size_t kMaxViolations = 100;

void Fault(std::vector<Violation>& violations, const std::string& pointer, std::string detail) {
  if (violations.size() < kMaxViolations) violations.push_back({pointer, std::move(detail)});
}

bool IsTimestamp(const FieldDescriptor& field) {
  return field.message_type() != nullptr && field.message_type()->full_name() == "google.protobuf.Timestamp";
}
bool IsDuration(const FieldDescriptor& field) {
  return field.message_type() != nullptr && field.message_type()->full_name() == "google.protobuf.Duration";
}

/// Integers come as JSON numbers or, as protobuf's mapping writes 64-bit ones, as strings.
template <class Integer>
std::optional<Integer> ReadInteger(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    Integer number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size() && !text.empty()) return number;
    return std::nullopt;
  }
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  } else if (value.is_number_integer()) {
    const auto number = value.get<std::int64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  }
  return std::nullopt;
}

/// Where a value goes: set a singular field or add to a repeated one.
struct Slot {
  Message& message;
  const FieldDescriptor& field;
  const Reflection& reflection() const { return *message.GetReflection(); }
};

template <class Value, class SetFn, class AddFn>
bool Put(const std::optional<Value>& value, const Slot& slot, SetFn set, AddFn add) {
  if (!value) return false;
  if (slot.field.is_repeated()) {
    add(*value);
  } else {
    set(*value);
  }
  return true;
}

/// Writes a scalar or enum; false when the value is not of the field's type.
bool PutScalar(const Json& value, const Slot& slot) {
  Message* m = &slot.message;
  const FieldDescriptor* f = &slot.field;
  const Reflection& r = slot.reflection();
  switch (f->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Put(
          ReadInteger<std::int32_t>(value), slot, [&](auto v) { r.SetInt32(m, f, v); },
          [&](auto v) { r.AddInt32(m, f, v); });
    case FieldDescriptor::CPPTYPE_UINT32:
      return Put(
          ReadInteger<std::uint32_t>(value), slot, [&](auto v) { r.SetUInt32(m, f, v); },
          [&](auto v) { r.AddUInt32(m, f, v); });
    case FieldDescriptor::CPPTYPE_INT64:
      return Put(
          ReadInteger<std::int64_t>(value), slot, [&](auto v) { r.SetInt64(m, f, v); },
          [&](auto v) { r.AddInt64(m, f, v); });
    case FieldDescriptor::CPPTYPE_UINT64:
      return Put(
          ReadInteger<std::uint64_t>(value), slot, [&](auto v) { r.SetUInt64(m, f, v); },
          [&](auto v) { r.AddUInt64(m, f, v); });
    case FieldDescriptor::CPPTYPE_BOOL: {
      std::optional<bool> flag;
      if (value.is_boolean()) flag = value.get<bool>();
      return Put(
          flag, slot, [&](bool v) { r.SetBool(m, f, v); }, [&](bool v) { r.AddBool(m, f, v); });
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      std::optional<double> number;
      if (value.is_number()) number = value.get<double>();
      return Put(
          number, slot, [&](double v) { r.SetDouble(m, f, v); }, [&](double v) { r.AddDouble(m, f, v); });
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::optional<std::string> text;
      if (value.is_string()) text = value.get<std::string>();
      return Put(
          text, slot, [&](const std::string& v) { r.SetString(m, f, v); },
          [&](const std::string& v) { r.AddString(m, f, v); });
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::optional<const EnumValueDescriptor*> number;
      if (value.is_string()) {
        const auto* found = f->enum_type()->FindValueByName(value.get_ref<const std::string&>());
        if (found != nullptr) number = found;
      }
      return Put(
          number, slot, [&](const EnumValueDescriptor* v) { r.SetEnum(m, f, v); },
          [&](const EnumValueDescriptor* v) { r.AddEnum(m, f, v); });
    }
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return false;
  }
  return false;
}

std::string ExpectedType(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "must be true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "must be a string";
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::string text = "must be one of";
      for (int i = 1; i < field.enum_type()->value_count(); ++i) text += " " + field.enum_type()->value(i)->name();
      return text;
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "must be a number";
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return "must be a whole number of at least 0";
    default:
      return "must be a whole number";
  }
}

Message* SubMessage(const Slot& slot) {
  return slot.field.is_repeated() ? slot.reflection().AddMessage(&slot.message, &slot.field)
                                  : slot.reflection().MutableMessage(&slot.message, &slot.field);
}

bool PutTime(const std::string& text, const Slot& slot) {
  if (IsTimestamp(slot.field)) {
    google::protobuf::Timestamp time;
    if (!TimeUtil::FromString(text, &time)) return false;
    SubMessage(slot)->CopyFrom(time);
    return true;
  }
  google::protobuf::Duration duration;
  if (!TimeUtil::FromString(text, &duration)) return false;
  SubMessage(slot)->CopyFrom(duration);
  return true;
}

void ReadValue(const Json& value, const std::string& pointer, const Slot& slot, std::vector<Violation>& violations) {
  if (IsRawJson(slot.field)) {
    slot.reflection().SetString(&slot.message, &slot.field, CanonicalJson(value));
    return;
  }
  if (IsTimestamp(slot.field) || IsDuration(slot.field)) {
    if (!value.is_string() || !PutTime(value.get_ref<const std::string&>(), slot)) {
      Fault(violations, pointer,
            IsTimestamp(slot.field) ? "must be an RFC 3339 time such as \"2026-01-31T12:00:00Z\""
                                    : "must be a duration such as \"3.5s\"");
    }
    return;
  }
  if (slot.field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    ReadMessage(value, pointer, *SubMessage(slot), violations);
    return;
  }
  if (!PutScalar(value, slot)) Fault(violations, pointer, ExpectedType(slot.field));
}

void ReadMap(const Json& value, const std::string& pointer, const Slot& slot, std::vector<Violation>& violations) {
  if (!value.is_object()) return Fault(violations, pointer, "must be an object of strings");
  const Descriptor& entry_type = *slot.field.message_type();
  for (const auto& [key, item] : value.items()) {
    Message* entry = slot.reflection().AddMessage(&slot.message, &slot.field);
    entry->GetReflection()->SetString(entry, entry_type.map_key(), key);
    if (!PutScalar(item, {*entry, *entry_type.map_value()})) {
      Fault(violations, pointer + "/" + EscapePointerToken(key), ExpectedType(*entry_type.map_value()));
    }
  }
}

Json WriteScalarAt(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  const bool repeated = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return repeated ? r.GetRepeatedInt32(message, &field, index) : r.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return repeated ? r.GetRepeatedUInt32(message, &field, index) : r.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(repeated ? r.GetRepeatedInt64(message, &field, index) : r.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(repeated ? r.GetRepeatedUInt64(message, &field, index) : r.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return repeated ? r.GetRepeatedBool(message, &field, index) : r.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return repeated ? r.GetRepeatedDouble(message, &field, index) : r.GetDouble(message, &field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return repeated ? r.GetRepeatedFloat(message, &field, index) : r.GetFloat(message, &field);
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated ? r.GetRepeatedString(message, &field, index) : r.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return (repeated ? r.GetRepeatedEnum(message, &field, index) : r.GetEnum(message, &field))->name();
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return nullptr;
}

nlohmann::ordered_json WriteSub(const Message& sub, const FieldDescriptor& field) {
  if (IsTimestamp(field)) {
    google::protobuf::Timestamp time;
    time.CopyFrom(sub);
    return TimeUtil::ToString(time);
  }
  if (IsDuration(field)) {
    google::protobuf::Duration duration;
    duration.CopyFrom(sub);
    return TimeUtil::ToString(duration);
  }
  return WriteMessage(sub);
}

nlohmann::ordered_json WriteRepeated(const Message& message, const FieldDescriptor& field) {
  const Reflection& r = *message.GetReflection();
  const int count = r.FieldSize(message, &field);
  if (field.is_map()) {
    Json map = Json::object();  // sorted by key: hash order must not show
    for (int i = 0; i < count; ++i) {
      const Message& entry = r.GetRepeatedMessage(message, &field, i);
      const Descriptor& type = *field.message_type();
      map[entry.GetReflection()->GetString(entry, type.map_key())] = WriteScalarAt(entry, *type.map_value(), -1);
    }
    return map;
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (int i = 0; i < count; ++i) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      list.push_back(WriteSub(r.GetRepeatedMessage(message, &field, i), field));
    } else {
      list.push_back(nlohmann::ordered_json(WriteScalarAt(message, field, i)));
    }
  }
  return list;
}

}  // namespace

const FieldDescriptor* FindField(const Descriptor& type, const std::string& key) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (IsRawJson(*field) ? JsonName(*field) == key : (field->name() == key || field->json_name() == key)) return field;
  }
  return nullptr;
}

bool IsRawJson(const FieldDescriptor& field) {
  return field.options().GetExtension(api::raw_json);
}

std::string JsonName(const FieldDescriptor& field) {
  std::string name = field.name();
  constexpr std::string_view kSuffix = "_json";
  if (IsRawJson(field) && name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
  return name;
}

void ReadMessage(const Json& document, const std::string& pointer, Message& message,
                 std::vector<Violation>& violations) {
  if (!document.is_object()) return Fault(violations, pointer, "must be an object");
  std::set<const FieldDescriptor*> seen;
  for (const auto& [key, value] : document.items()) {
    const std::string place = pointer + "/" + EscapePointerToken(key);
    const FieldDescriptor* field = FindField(*message.GetDescriptor(), key);
    if (field == nullptr) {
      Fault(violations, place, "unknown field");
      continue;
    }
    if (!seen.insert(field).second) {
      Fault(violations, place, "the same field is given twice under two spellings");
      continue;
    }
    if (value.is_null() && !IsRawJson(*field)) continue;
    const Slot slot{message, *field};
    if (field->is_map()) {
      ReadMap(value, place, slot, violations);
    } else if (field->is_repeated()) {
      if (!value.is_array()) {
        Fault(violations, place, "must be an array");
        continue;
      }
      for (std::size_t i = 0; i < value.size(); ++i) {
        ReadValue(value[i], place + "/" + std::to_string(i), slot, violations);
      }
    } else {
      ReadValue(value, place, slot, violations);
    }
  }
}

bool ReadText(const std::string& field_path, const std::string& text, Message& message,
              std::vector<Violation>& violations) {
  const std::size_t dot = field_path.find('.');
  const FieldDescriptor* field = FindField(*message.GetDescriptor(), field_path.substr(0, dot));
  const std::string pointer = "/" + field_path;
  if (field == nullptr || IsRawJson(*field) || field->is_map()) {
    Fault(violations, pointer, "unknown parameter");
    return false;
  }
  if (dot != std::string::npos) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_repeated()) {
      Fault(violations, pointer, "unknown parameter");
      return false;
    }
    return ReadText(field_path.substr(dot + 1), text, *message.GetReflection()->MutableMessage(&message, field),
                    violations);
  }
  const Slot slot{message, *field};
  bool good = false;
  if (IsTimestamp(*field) || IsDuration(*field)) {
    good = PutTime(text, slot);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    good = (text == "true" || text == "false") && PutScalar(Json(text == "true"), slot);
  } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    good = PutScalar(Json(text), slot);  // numbers are read from text
  }
  if (!good) Fault(violations, pointer, ExpectedType(*field));
  return good;
}

std::string DumpDocument(const nlohmann::ordered_json& document) {
  return document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

nlohmann::ordered_json WriteMessage(const Message& message) {
  nlohmann::ordered_json document = nlohmann::ordered_json::object();
  const Reflection& r = *message.GetReflection();
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated()) {
      document[JsonName(field)] = WriteRepeated(message, field);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (r.HasField(message, &field)) document[JsonName(field)] = WriteSub(r.GetMessage(message, &field), field);
    } else if (IsRawJson(field)) {
      const std::string text = r.GetString(message, &field);
      if (text.empty()) continue;
      auto value = nlohmann::ordered_json::parse(text, nullptr, false);
      document[JsonName(field)] = value.is_discarded() ? nlohmann::ordered_json(nullptr) : std::move(value);
    } else if (!field.has_presence() || r.HasField(message, &field)) {
      document[JsonName(field)] = WriteScalarAt(message, field, -1);
    }
  }
  return document;
}

}  // namespace meshplay::rest
