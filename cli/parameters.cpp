#include "cli/parameters.h"

#include <algorithm>

#include "libs/base/document_files.h"
#include "libs/base/files.h"
#include "libs/base/yaml.h"

namespace meshplay::cli {

namespace {

/// A file that the caller named; the error names it too.
Result<std::string> ReadGiven(const std::string& file) {
  auto text = ReadDocumentFile(file);
  if (text) return text;
  return InvalidArgument(text.error().reason(), "cannot read " + file + ": " + text.error().message());
}

const nlohmann::json& SubSchema(const nlohmann::json& schema, const std::string& name) {
  static const nlohmann::json kNone;
  if (!schema.is_object()) return kNone;
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->is_object()) return kNone;
  const auto found = properties->find(name);
  return found == properties->end() ? kNone : *found;
}

bool IsString(const nlohmann::json& schema) {
  return schema.is_object() && schema.contains("type") && schema["type"] == "string";
}

}  // namespace

Result<nlohmann::json> ParseParameters(const std::vector<std::string>& texts, const nlohmann::json& schema) {
  nlohmann::json parameters = nlohmann::json::object();
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument("PARAMETER_INVALID", "\"" + text + "\" is not KEY=VALUE");
    }
    std::string value = text.substr(equals + 1);
    const bool from_file = value.size() > 1 && value.front() == '@';
    if (from_file) {
      MP_TRY(value, ReadFile(value.substr(1)));
    }
    nlohmann::json* place = &parameters;
    const nlohmann::json* expected = &schema;
    const std::string key = text.substr(0, equals);
    std::size_t start = 0;
    while (start <= key.size()) {
      const std::size_t end = std::min(key.find('.', start), key.size());
      const std::string part = key.substr(start, end - start);
      if (part.empty() || !(place->is_object() || place->is_null())) {
        return InvalidArgument("PARAMETER_INVALID", "the key \"" + key + "\" does not fit");
      }
      place = &(*place)[part];
      expected = &SubSchema(*expected, part);
      start = end + 1;
    }
    auto parsed = nlohmann::json::parse(value, nullptr, false);
    *place = parsed.is_discarded() || IsString(*expected) || from_file ? nlohmann::json(value) : std::move(parsed);
  }
  return parameters;
}

Result<std::string> ReadDocuments(const std::vector<std::string>& paths) {
  std::string text;
  for (const std::string& path : paths) {
    MP_TRY(const std::vector<std::string> files, DocumentFilesOf(path));
    for (const std::string& file : files) {
      MP_TRY(const std::string part, ReadGiven(file));
      // Of many files joined the server could name only a line of the whole.
      auto read = ParseYaml(part);
      if (!read) return std::move(read).error().Doing(file);
      text += (text.empty() ? "" : "\n---\n") + part;
    }
  }
  return text;
}

Result<nlohmann::ordered_json> ReadObject(const std::string& file, const char* option) {
  MP_TRY(const std::string text, ReadDocuments({file}));
  MP_TRY(const auto documents, ParseYaml(text));
  if (documents.size() != 1 || !documents.front().value.is_object()) {
    return InvalidArgument("PARAMETER_INVALID", std::string(option) + " must be one YAML or JSON object");
  }
  return documents.front().value;
}

Status PutPairs(const std::vector<std::string>& pairs, const char* option, nlohmann::ordered_json& into) {
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument("PARAMETER_INVALID", std::string(option) + " must be KEY=VALUE, not: " + pair);
    }
    into[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return {};
}

}  // namespace meshplay::cli
