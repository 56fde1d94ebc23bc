#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/repeated_field.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/clock.h"
#include "meshplay/v1/common.pb.h"
#include "server/store/records.h"

/// From rows to the messages of the public API. Pure functions; what a row does not hold stays unset, and JSON columns
/// that are not of the expected form give nothing instead of an error: an old row must not make a list unreadable.
namespace meshplay::services {

google::protobuf::Timestamp ToTimestamp(UnixMs unix_ms);
UnixMs ToUnixMs(const google::protobuf::Timestamp& time);
google::protobuf::Duration ToDuration(std::chrono::milliseconds length);
std::chrono::milliseconds ToMilliseconds(const google::protobuf::Duration& length);

/// The document, or a null value for empty or foreign text.
nlohmann::json ParseColumn(const std::string& text);
std::uint64_t CountOf(const nlohmann::json& object, std::string_view key);  ///< Also of digits in a text.
std::vector<std::string> TextsOf(const nlohmann::json& object, std::string_view key);
/// Canonical text of a member; "" when absent.
std::string PartOf(const nlohmann::json& object, std::string_view key);
/// RFC 3339; 0 when it is none.
UnixMs TimeOf(const nlohmann::json& object, std::string_view key);

google::protobuf::RepeatedPtrField<v1::Condition> ToConditions(const std::string& conditions_json);
v1::ObjectKey ToObjectKey(std::string api_version, std::string kind, std::string name_space, std::string name);
v1::OperationError ToOperationError(const std::string& error_json);
v1::Diagnostic ToDiagnostic(const store::DiagnosticRecord& record);

}  // namespace meshplay::services
