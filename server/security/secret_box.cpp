#include "server/security/secret_box.h"

#include <algorithm>
#include <cstdint>

namespace meshplay::security {
namespace {

// Each text is its length in four bytes, then itself: values need not be UTF-8, so no JSON.
void Append(std::string& out, const std::string& text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((size >> shift) & 0xFFU);
  out += text;
}

bool Take(std::string_view& rest, std::string& text) {
  if (rest.size() < 4) return false;
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size = (size << 8) | static_cast<unsigned char>(rest[i]);
  rest.remove_prefix(4);
  if (rest.size() < size) return false;
  text = std::string(rest.substr(0, size));
  rest.remove_prefix(size);
  return true;
}

}  // namespace

std::string SealSecret(const Sealer& sealer, const std::string& name, const std::map<std::string, std::string>& data) {
  std::string plain;
  for (const auto& [key, value] : data) {
    Append(plain, key);
    Append(plain, value);
  }
  std::string sealed = sealer.Seal("secret/" + name, plain);
  std::fill(plain.begin(), plain.end(), '\0');
  return sealed;
}

Result<std::map<std::string, std::string>> UnsealSecret(const Sealer& sealer, const std::string& name,
                                                        const std::string& sealed) {
  MP_TRY(std::string plain, sealer.Unseal("secret/" + name, sealed));
  std::map<std::string, std::string> data;
  std::string_view rest = plain;
  bool good = true;
  while (good && !rest.empty()) {
    std::string key;
    std::string value;
    good = Take(rest, key) && Take(rest, value);
    if (good) data[key] = std::move(value);
  }
  std::fill(plain.begin(), plain.end(), '\0');
  if (!good) return InvalidArgument("SEAL_BROKEN", "the secret's content is damaged");
  return data;
}

}  // namespace meshplay::security
