#pragma once

#include <google/protobuf/message.h>

#include <string_view>

#include "libs/base/result.h"

namespace meshplay::services {

inline constexpr std::size_t kDefaultTextBytes = 256;
inline constexpr std::size_t kDefaultMapBytes = 4096;
inline constexpr int kMapEntries = 64;
inline constexpr int kListItems = 1000;

/// What holds for every request, from the field options: required fields, lengths, UTF-8, raw JSON fields (strict,
/// depth 64), times and durations in range. Every fault is a violation with a pointer in the form of the REST API
/// (proto names, raw JSON fields without "_json"). Pure. Threads: any. Errors: kInvalidArgument FIELD_REQUIRED,
/// FIELD_TOO_LONG, FIELD_NOT_UTF8, FIELD_INVALID, JSON_*: the first fault's.
Status CheckRequest(const google::protobuf::Message& request);

bool IsUtf8(std::string_view text);

/// "/target/mesh_type" for the field as the REST API names it.
std::string PointerName(const google::protobuf::FieldDescriptor& field);

}  // namespace meshplay::services
