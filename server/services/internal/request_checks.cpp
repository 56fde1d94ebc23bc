#include "server/services/internal/request_checks.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <vector>

#include "libs/base/json.h"
#include "meshplay/api/annotations.pb.h"

namespace meshplay::services {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::size_t kMaximumViolations = 100;
// RFC 3339 years 1 to 9999, and the bound of google.protobuf.Duration.
constexpr std::int64_t kMinimumSeconds = -62'135'596'800;
constexpr std::int64_t kMaximumSeconds = 253'402'300'799;
constexpr std::int64_t kMaximumDuration = 315'576'000'000;
constexpr std::int32_t kNanos = 1'000'000'000;

class Faults {
 public:
  void Add(std::string reason, std::string pointer, std::string detail) {
    if (reason_.empty()) reason_ = std::move(reason);
    if (violations_.size() < kMaximumViolations) violations_.push_back({std::move(pointer), std::move(detail)});
  }
  void Add(const Error& error, const std::string& pointer) {
    if (error.violations().empty()) Add(error.reason(), pointer, error.message());
    for (const Violation& violation : error.violations()) {
      Add(error.reason(), pointer + violation.pointer, violation.detail);
    }
  }
  Status Finish() {
    if (reason_.empty()) return {};
    return InvalidArgument(reason_, "the request is not valid").WithViolations(std::move(violations_));
  }

 private:
  std::string reason_;
  std::vector<Violation> violations_;
};

std::size_t LimitOf(const FieldDescriptor& field, std::size_t otherwise) {
  const std::uint32_t limit = field.options().GetExtension(api::field).max_bytes();
  return limit == 0 ? otherwise : limit;
}

void CheckText(const FieldDescriptor& field, const std::string& text, const std::string& pointer, Faults& faults) {
  const std::size_t limit = LimitOf(field, kDefaultTextBytes);
  if (text.size() > limit) {
    faults.Add("FIELD_TOO_LONG", pointer, "is longer than " + std::to_string(limit) + " bytes");
  } else if (field.type() == FieldDescriptor::TYPE_STRING && !IsUtf8(text)) {
    faults.Add("FIELD_NOT_UTF8", pointer, "is not valid UTF-8");
  } else if (field.options().GetExtension(api::raw_json) && !text.empty()) {
    JsonLimits limits;
    limits.max_bytes = limit;
    const Status checked = CheckJson(text, limits);
    if (!checked.has_value()) faults.Add(checked.error(), pointer);
  }
}

void CheckMap(const Message& message, const FieldDescriptor& field, const std::string& pointer, Faults& faults) {
  const Reflection& reflection = *message.GetReflection();
  const int count = reflection.FieldSize(message, &field);
  if (count > kMapEntries) faults.Add("FIELD_TOO_LONG", pointer, "has more than 64 keys");
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    for (const FieldDescriptor* part : {field.message_type()->map_key(), field.message_type()->map_value()}) {
      if (part->cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
      std::string scratch;
      const std::string& text = entry.GetReflection()->GetStringReference(entry, part, &scratch);
      bytes += text.size();
      if (!IsUtf8(text)) faults.Add("FIELD_NOT_UTF8", pointer, "holds a text that is not valid UTF-8");
    }
  }
  const std::size_t limit = LimitOf(field, kDefaultMapBytes);
  if (bytes > limit) faults.Add("FIELD_TOO_LONG", pointer, "is larger than " + std::to_string(limit) + " bytes");
}

void CheckMessage(const Message& message, const std::string& pointer, Faults& faults);

void CheckTime(const Message& message, const std::string& pointer, Faults& faults) {
  if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    const bool good = time->seconds() >= kMinimumSeconds && time->seconds() <= kMaximumSeconds && time->nanos() >= 0 &&
                      time->nanos() < kNanos;
    if (!good) faults.Add("FIELD_INVALID", pointer, "is no time of the years 1 to 9999");
  } else if (const auto* length = dynamic_cast<const google::protobuf::Duration*>(&message)) {
    const bool good = length->seconds() >= 0 && length->seconds() <= kMaximumDuration && length->nanos() >= 0 &&
                      length->nanos() < kNanos;
    if (!good) faults.Add("FIELD_INVALID", pointer, "is no duration of zero or more");
  } else {
    CheckMessage(message, pointer, faults);
  }
}

bool IsAbsent(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  return field.is_repeated() ? reflection.FieldSize(message, &field) == 0 : !reflection.HasField(message, &field);
}

void CheckRepeated(const Message& message, const FieldDescriptor& field, const std::string& pointer, Faults& faults) {
  const Reflection& reflection = *message.GetReflection();
  const int count = reflection.FieldSize(message, &field);
  if (count > kListItems) {
    faults.Add("FIELD_TOO_LONG", pointer, "has more than 1000 items");
    return;
  }
  for (int i = 0; i < count; ++i) {
    const std::string at = pointer + "/" + std::to_string(i);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      std::string scratch;
      CheckText(field, reflection.GetRepeatedStringReference(message, &field, i, &scratch), at, faults);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      CheckTime(reflection.GetRepeatedMessage(message, &field, i), at, faults);
    }
  }
}

void CheckMessage(const Message& message, const std::string& pointer, Faults& faults) {
  const Reflection& reflection = *message.GetReflection();
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string at = pointer + PointerName(field);
    if (IsAbsent(message, field)) {
      if (field.options().GetExtension(api::field).required()) faults.Add("FIELD_REQUIRED", at, "must be given");
    } else if (field.is_map()) {
      CheckMap(message, field, at, faults);
    } else if (field.is_repeated()) {
      CheckRepeated(message, field, at, faults);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      std::string scratch;
      CheckText(field, reflection.GetStringReference(message, &field, &scratch), at, faults);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      CheckTime(reflection.GetMessage(message, &field), at, faults);
    }
  }
}

/// Length of the well-formed UTF-8 sequence at the start of `text`; 0 when there is none.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  // Overlong forms, surrogates and numbers above U+10FFFF.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) || (first == 0xF0 && byte(1) < 0x90) ||
      (first == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}

}  // namespace

std::string PointerName(const FieldDescriptor& field) {
  constexpr std::string_view kSuffix = "_json";
  std::string name = field.name();
  if (field.options().GetExtension(api::raw_json) && name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
  return "/" + name;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

Status CheckRequest(const Message& request) {
  Faults faults;
  CheckMessage(request, "", faults);
  return faults.Finish();
}

}  // namespace meshplay::services
