#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay {

/// A compiled JSON Schema of the documented subset of draft 7: type, properties, required, additionalProperties
/// (boolean or schema), items, enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength
/// (code points), minItems, maxItems, minProperties, maxProperties, uniqueItems, pattern (RE2), format (duration, uri,
/// date-time, dns-label, dns-subdomain, semver), default, title, description, examples, one level of oneOf, $schema
/// (ignored), and keys that start with "x-" (hints for user interfaces). No $ref. Any other keyword is refused.
///
/// Schemas and documents are untrusted: both are bounded in depth (64) and size, and regular expressions run in linear
/// time. Threads: const methods may be called from any thread at the same time.
class JsonSchema {
 public:
  /// Errors: kInvalidArgument SCHEMA_INVALID (a pointer into the schema), SCHEMA_KEYWORD_UNSUPPORTED (names it).
  static Result<JsonSchema> Compile(const nlohmann::json& schema);

  JsonSchema(JsonSchema&&) noexcept;
  JsonSchema& operator=(JsonSchema&&) noexcept;
  ~JsonSchema();

  /// Checks the document. Errors: kInvalidArgument PARAMETERS_INVALID with one violation a fault (at most 100), each
  /// with a pointer into the document.
  Status Validate(const nlohmann::json& document) const;

  /// The document with absent properties filled from `default`, nested objects included.
  nlohmann::json WithDefaults(nlohmann::json document) const;

 private:
  struct Node;
  explicit JsonSchema(std::shared_ptr<const Node> root);
  std::shared_ptr<const Node> root_;
};

}  // namespace meshplay
