#include "server/hub/internal/frame_check.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace meshplay::hub {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::size_t kMaxString = 256;
constexpr std::size_t kMaxText = 4 * 1024;
constexpr std::size_t kMaxDocument = 1024 * 1024;
constexpr std::size_t kMaxCheckpoint = 64 * 1024;
constexpr std::size_t kMaxCertificate = 16 * 1024;
constexpr std::size_t kMaxMapBytes = 4 * 1024;
constexpr int kMaxMapKeys = 64;
constexpr int kMaxElements = 10'000;
constexpr int kMaxDepth = 32;

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::size_t LimitOf(const FieldDescriptor& field) {
  const std::string& name = field.name();
  if (EndsWith(name, "_json") || name == "json_patch" || name == "parameters_schema") return kMaxDocument;
  if (name == "checkpoint") return kMaxCheckpoint;
  if (field.type() == FieldDescriptor::TYPE_BYTES) return kMaxCertificate;
  static constexpr std::array<std::string_view, 10> kTexts = {
      "message", "summary",     "detail", "description", "explanation",
      "text",    "remediation", "why",    "note",        "probable_cause"};
  const bool text = std::find(kTexts.begin(), kTexts.end(), name) != kTexts.end() || EndsWith(name, "_message") ||
                    name == "help_url" || name == "token";
  return text ? kMaxText : kMaxString;
}

Error Invalid(const std::string& pointer, std::string detail) {
  return InvalidArgument("FRAME_INVALID", "the frame breaks a size limit at " + pointer)
      .WithViolation(pointer, std::move(detail));
}

Status CheckText(const std::string& value, const FieldDescriptor& field, const std::string& pointer) {
  const std::size_t limit = LimitOf(field);
  if (value.size() <= limit) return {};
  return Invalid(pointer, "longer than " + std::to_string(limit) + " bytes");
}

Status CheckMessage(const Message& message, const std::string& pointer, int depth);

Status CheckRepeated(const Message& message, const FieldDescriptor& field, const std::string& pointer, int depth) {
  const Reflection& reflection = *message.GetReflection();
  const int size = reflection.FieldSize(message, &field);
  if (size > (field.is_map() ? kMaxMapKeys : kMaxElements)) return Invalid(pointer, "too many elements");
  std::size_t map_bytes = 0;
  std::string scratch;
  for (int i = 0; i < size; ++i) {
    const std::string at = pointer + "/" + std::to_string(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      MP_CHECK(CheckText(reflection.GetRepeatedStringReference(message, &field, i, &scratch), field, at));
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      if (field.is_map()) {
        map_bytes += entry.ByteSizeLong();
      } else {
        MP_CHECK(CheckMessage(entry, at, depth + 1));
      }
    }
  }
  const bool secret =
      field.is_map() && field.message_type()->FindFieldByNumber(2)->type() == FieldDescriptor::TYPE_BYTES;
  if (map_bytes > (secret ? kMaxCheckpoint : kMaxMapBytes)) return Invalid(pointer, "the map is too large");
  return {};
}

Status CheckMessage(const Message& message, const std::string& pointer, int depth) {
  if (depth > kMaxDepth) return Invalid(pointer, "nested too deep");
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  std::string scratch;
  for (const FieldDescriptor* field : fields) {
    const std::string at = pointer + "/" + field->name();
    if (field->is_repeated()) {
      MP_CHECK(CheckRepeated(message, *field, at, depth));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      MP_CHECK(CheckText(reflection.GetStringReference(message, field, &scratch), *field, at));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      MP_CHECK(CheckMessage(reflection.GetMessage(message, field), at, depth + 1));
    }
  }
  return {};
}

}  // namespace

Status CheckFrame(const Message& frame, std::uint32_t max_bytes) {
  if (frame.ByteSizeLong() > max_bytes) {
    return InvalidArgument("FRAME_TOO_LARGE", "the frame is larger than this server takes")
        .WithMetadata("max_bytes", std::to_string(max_bytes));
  }
  return CheckMessage(frame, "", 0);
}

std::string BodyName(const Message& frame) {
  const auto* oneof = frame.GetDescriptor()->FindOneofByName("body");
  const Reflection& reflection = *frame.GetReflection();
  const FieldDescriptor* set = oneof == nullptr ? nullptr : reflection.GetOneofFieldDescriptor(frame, oneof);
  if (set != nullptr) return set->name();
  const auto& unknown = reflection.GetUnknownFields(frame);
  return unknown.field_count() == 0 ? std::string() : "field:" + std::to_string(unknown.field(0).number());
}

}  // namespace meshplay::hub
