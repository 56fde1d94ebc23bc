#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/files.h"
#include "libs/base/yaml.h"
#include "libs/smi/parse.h"

namespace meshplay::testing {

/// The cases of one data file under tests/testdata/smi: a YAML list of maps with at least a `name`.
inline std::vector<nlohmann::json> LoadCases(const std::string& file) {
  const auto text = ReadFile(std::string(MESHPLAY_SOURCE_DIR) + "/tests/testdata/smi/" + file);
  if (!text.has_value()) throw std::runtime_error(text.error().ToString());
  const auto documents = ParseYaml(*text);
  if (!documents.has_value()) throw std::runtime_error(documents.error().ToString());
  return documents->at(0).value.get<std::vector<nlohmann::json>>();
}

inline std::vector<nlohmann::json> ListAt(const nlohmann::json& object, const char* key) {
  return object.contains(key) ? object[key].get<std::vector<nlohmann::json>>() : std::vector<nlohmann::json>{};
}

}  // namespace meshplay::testing
