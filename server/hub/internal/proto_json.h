#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay::hub {

/// JSON with proto field names; enums by name, 64-bit numbers as text, defaults left out.
/// Errors: kInvalidArgument FRAME_INVALID for a message that cannot be printed (too deep).
Result<std::string> ToJson(const google::protobuf::Message& message);

/// As ToJson with bare enum names, as the public API spells them: "CREATE" for CHANGE_ACTION_CREATE.
Result<std::string> ToPublicJson(const google::protobuf::Message& message);

/// "CREATE" for CHANGE_ACTION_CREATE: the value's name without `prefix`; `fallback` for unspecified and foreign values.
template <class Enum>
std::string BareName(const google::protobuf::EnumDescriptor* descriptor, Enum value, std::string_view prefix,
                     std::string_view fallback) {
  const auto* entry = descriptor->FindValueByNumber(static_cast<int>(value));
  if (entry == nullptr || entry->number() == 0) return std::string(fallback);
  return entry->name().substr(prefix.size());
}

}  // namespace meshplay::hub
