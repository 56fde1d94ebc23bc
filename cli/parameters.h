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

/// The files, and those of folders, one after the other as YAML documents; "-" is standard input. Errors:
/// kInvalidArgument with the reason of ReadFile; those of DocumentFilesOf.
Result<std::string> ReadDocuments(const std::vector<std::string>& paths);

/// The one YAML or JSON object in a file; "-" is standard input. Errors: those of ReadDocuments and ParseYaml;
/// kInvalidArgument PARAMETER_INVALID naming `option`.
Result<nlohmann::ordered_json> ReadObject(const std::string& file, const char* option);

/// Puts KEY=VALUE texts into an object. Errors: kInvalidArgument PARAMETER_INVALID naming `option`.
Status PutPairs(const std::vector<std::string>& pairs, const char* option, nlohmann::ordered_json& into);

}  // namespace meshplay::cli
