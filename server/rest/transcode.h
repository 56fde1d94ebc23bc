#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/result.h"

namespace meshplay::rest {

/// The REST form of messages. It is protobuf's JSON mapping with four differences: names are written in snake_case
/// (read in either form), a `raw_json` string field `xxx_json` is the nested value `xxx`, reading is strict (each fault
/// has a JSON pointer; nothing unknown is dropped), and fields with a default value are written too. Threads: pure
/// functions.

/// Name of a field in documents: "parameters" for the raw field parameters_json.
std::string JsonName(const google::protobuf::FieldDescriptor& field);
bool IsRawJson(const google::protobuf::FieldDescriptor& field);

/// The field that a document calls `key` (proto name or JSON name; a raw field without its suffix); null when none.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor& type, const std::string& key);

/// Fills `message` from a parsed document (already checked by CheckJson). Adds one violation a fault, at most 100.
void ReadMessage(const nlohmann::json& document, const std::string& pointer, google::protobuf::Message& message,
                 std::vector<Violation>& violations);

/// Sets a scalar, enum, Timestamp or Duration field (dotted path) from path or query text; a repeated field gets one
/// more element. False with a violation when the text is no such value or the field does not exist.
bool ReadText(const std::string& field_path, const std::string& text, google::protobuf::Message& message,
              std::vector<Violation>& violations);

/// Compact text with a line feed; bytes that are not UTF-8 become U+FFFD instead of failing the answer.
std::string DumpDocument(const nlohmann::ordered_json& document);

nlohmann::ordered_json WriteMessage(const google::protobuf::Message& message);

}  // namespace meshplay::rest
