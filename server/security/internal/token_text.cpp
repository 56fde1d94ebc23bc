#include "server/security/internal/token_text.h"

#include <algorithm>

#include "libs/base/ids.h"

namespace meshplay::security {
namespace {

constexpr std::size_t kIdLength = 36;
constexpr std::size_t kSecretLength = 64;
constexpr std::size_t kChecksumLength = 8;

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string Checksum(std::string_view body) {
  return Sha256Hex(body).substr(0, kChecksumLength);
}

}  // namespace

TokenText NewTokenText() {
  return TokenText{NewUuidV7(), Secret(HexEncode(RandomBytes(kSecretLength / 2)))};
}

Secret FormatToken(std::string_view prefix, const TokenText& token) {
  std::string body = std::string(prefix) + "_" + token.id + "_" + token.secret.Reveal();
  const std::string checksum = Checksum(body);
  return Secret(std::move(body) + "_" + checksum);
}

std::optional<TokenText> ParseToken(std::string_view prefix, std::string_view text) {
  const std::size_t id_at = prefix.size() + 1;
  const std::size_t secret_at = id_at + kIdLength + 1;
  const std::size_t checksum_at = secret_at + kSecretLength + 1;
  if (text.size() != checksum_at + kChecksumLength || !text.starts_with(prefix)) return std::nullopt;
  if (text[id_at - 1] != '_' || text[secret_at - 1] != '_' || text[checksum_at - 1] != '_') return std::nullopt;
  const std::string_view id = text.substr(id_at, kIdLength);
  const std::string_view secret = text.substr(secret_at, kSecretLength);
  if (!IsUuid(id) || !IsHex(secret)) return std::nullopt;
  if (!EqualConstantTime(text.substr(checksum_at), Checksum(text.substr(0, checksum_at - 1)))) return std::nullopt;
  return TokenText{std::string(id), Secret(std::string(secret))};
}

std::string TokenHash(const TokenText& token) {
  return Sha256Hex(token.secret.Reveal());
}

}  // namespace meshplay::security
