#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay {

/// Bounds for untrusted documents. A breach is an error, never a truncation.
struct JsonLimits {
  std::size_t max_bytes = 1024 * 1024;
  std::size_t max_depth = 64;        ///< Nested arrays and objects.
  std::size_t max_values = 200'000;  ///< Scalars, arrays and objects together.
};

/// Strict check of untrusted JSON: one document (RFC 8259), no byte order mark, valid UTF-8, no duplicate keys, no
/// number outside double or 64 bit range, within `limits`.
/// Errors: kInvalidArgument JSON_INVALID, JSON_DUPLICATE_KEY, JSON_TOO_DEEP, JSON_TOO_LARGE, each with a violation that
/// points at the place as far as it is known.
Status CheckJson(std::string_view text, const JsonLimits& limits = {});

/// CheckJson and parse in one.
Result<nlohmann::json> ParseJson(std::string_view text, const JsonLimits& limits = {});

/// Canonical text of a document: keys sorted bytewise, no white space, the same input value always the same bytes.
/// Used for digests and fingerprints.
std::string CanonicalJson(const nlohmann::json& document);

/// Compact text; invalid UTF-8 cannot occur in a document that came through ParseJson.
std::string DumpJson(const nlohmann::json& document);

/// RFC 6901: escapes one reference token ("~" and "/").
std::string EscapePointerToken(std::string_view token);

/// RFC 7396 merge patch of `patch` onto `target`.
void MergePatch(nlohmann::json& target, const nlohmann::json& patch);

}  // namespace meshplay
