#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/result.h"

namespace meshplay::cli {

/// Builds operation parameters from -p KEY=VALUE texts. Dots in KEY make nested objects; "KEY=@FILE" takes the text of
/// a file. Where `schema` says a property is a string the text is taken as it is; else it is read as JSON when it is
/// JSON. Errors: kInvalidArgument PARAMETER_INVALID; those of ReadFile.
Result<nlohmann::json> ParseParameters(const std::vector<std::string>& texts, const nlohmann::json& schema);

/// The files one after the other as YAML documents; "-" is standard input. Errors: those of ReadFile.
Result<std::string> ReadDocuments(const std::vector<std::string>& files);

}  // namespace meshplay::cli
