#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libs/base/result.h"

namespace meshplay::translate {

inline constexpr std::size_t kMaxFileBytes = 16 * 1024 * 1024;
inline constexpr std::size_t kMaxInputBytes = 64 * 1024 * 1024;  ///< Of all files together.
inline constexpr std::size_t kMaxFiles = 10'000;

/// Documents of files, in the order given.
struct Input {
  std::vector<nlohmann::json> smi;      ///< SMI objects, and lists that hold any.
  std::vector<nlohmann::json> cluster;  ///< All other Kubernetes objects.
};

/// Reads YAML and JSON files; of a folder, its *.yaml, *.yml and *.json in order of their names, without subfolders;
/// "-" is standard input.
/// Lists are opened, so one list may hold SMI objects and others. Every document is a Kubernetes object: apiVersion and
/// kind. Errors name file and line: those of ReadFile and ParseYaml; kInvalidArgument TRANSLATE_DOCUMENT_INVALID,
/// TRANSLATE_INPUT_EMPTY (no SMI object at all), TRANSLATE_INPUT_TOO_LARGE.
Result<Input> ReadInput(const std::vector<std::string>& paths);

}  // namespace meshplay::translate
