#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libs/base/secret.h"

namespace meshplay::security {

/// The text of a token: "<prefix>_<id>_<secret>_<checksum>". `id` is a UUID, `secret` is 256 random bits in
/// hexadecimal, `checksum` finds typing mistakes and lets scanners recognise leaked tokens.
struct TokenText {
  std::string id;
  Secret secret;
};

inline constexpr std::string_view kApiTokenPrefix = "mp";
inline constexpr std::string_view kEnrollmentTokenPrefix = "mpe";

TokenText NewTokenText();
Secret FormatToken(std::string_view prefix, const TokenText& token);
/// Empty for anything that is no token of this prefix, wrong checksum included.
std::optional<TokenText> ParseToken(std::string_view prefix, std::string_view text);
std::string TokenHash(const TokenText& token);  ///< What is stored: SHA-256 of the secret part, in hexadecimal.

}  // namespace meshplay::security
