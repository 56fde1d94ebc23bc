#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay::http {

/// The parts of an absolute http(s) URL that a request needs.
struct Url {
  bool tls = false;
  std::string host;  ///< Without brackets, percent-decoded, lower case.
  std::uint16_t port = 0;
  std::string target;     ///< Encoded path and query, at least "/".
  std::string authority;  ///< For the Host header: the port is left out when it is the scheme's own.
};

/// Errors: kInvalidArgument HTTP_URL_INVALID for other schemes, a user part, a fragment or bad syntax.
Result<Url> ParseUrl(std::string_view text);

/// Escapes everything but unreserved characters: safe as one path segment or one query value.
std::string PercentEncode(std::string_view text);

}  // namespace meshplay::http
