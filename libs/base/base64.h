#pragma once

#include <string>
#include <string_view>

#include "libs/base/result.h"

namespace meshplay {

/// Standard Base64 (RFC 4648 §4) with padding, as in Kubernetes Secrets. For tokens in URLs see Base64UrlEncode.
std::string Base64Encode(std::string_view bytes);

/// Strict: padding required, no white space, unused bits zero. Errors: kInvalidArgument BASE64_INVALID.
Result<std::string> Base64Decode(std::string_view text);

}  // namespace meshplay
