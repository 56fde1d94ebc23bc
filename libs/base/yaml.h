#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libs/base/result.h"

namespace meshplay {

struct YamlLimits {
  std::size_t max_bytes = 1024 * 1024;
  std::size_t max_depth = 64;
  std::size_t max_values = 200'000;  ///< After alias expansion, so an alias bomb stops here.
  std::size_t max_documents = 1'000;
};

/// One document of a YAML stream as JSON, with the line it starts on (1-based).
struct YamlDocument {
  nlohmann::json value;
  std::size_t line = 1;
};

/// Reads untrusted YAML (JSON is a subset) into JSON values: YAML 1.2 core schema scalars as kubectl reads them (`yes`
/// and `on` stay strings, quoted scalars stay strings), maps with string keys, no duplicate keys, merge keys (`<<`)
/// filled in, no tags beyond the core schema. Empty documents are left out.
/// Errors: kInvalidArgument YAML_INVALID, YAML_DUPLICATE_KEY, YAML_TOO_DEEP, YAML_TOO_LARGE with line and column in
/// the message.
Result<std::vector<YamlDocument>> ParseYaml(std::string_view text, const YamlLimits& limits = {});

/// Deterministic block-style YAML of a JSON value: keys in sorted order, strings quoted where a reader could take them
/// for something else. Ends with a newline; writes no "---".
std::string ToYaml(const nlohmann::json& value);

}  // namespace meshplay
