#include "libs/base/ids.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <mutex>

namespace meshplay {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

unsigned char Byte(char c) {
  return static_cast<unsigned char>(c);
}

/// Writes the version and the variant into 16 bytes and gives their text form.
std::string FormatUuid(std::string bytes, unsigned version) {
  bytes[6] = static_cast<char>((Byte(bytes[6]) & 0x0fU) | (version << 4U));
  bytes[8] = static_cast<char>((Byte(bytes[8]) & 0x3fU) | 0x80U);
  std::string text = HexEncode(bytes);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

/// Hands out (millisecond, 12 bit counter) pairs that never repeat or go back, also when the wall clock does.
struct UuidSequence {
  std::mutex mutex;
  std::uint64_t last_ms = 0;
  std::uint64_t counter = 0;

  std::pair<std::uint64_t, std::uint64_t> Next(std::uint64_t now_ms, std::uint64_t random) {
    const std::lock_guard lock(mutex);
    if (now_ms > last_ms) {
      last_ms = now_ms;
      counter = random & 0x7ffU;
    } else if (++counter > 0xfffU) {
      ++last_ms;
      counter = 0;
    }
    return {last_ms, counter};
  }
};

UuidSequence& ProcessSequence() {
  static UuidSequence sequence;
  return sequence;
}

}  // namespace

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::getrandom(bytes.data() + filled, count - filled, 0);
    if (got > 0) {
      filled += static_cast<std::size_t>(got);
    } else if (errno != EINTR) {
      std::abort();  // Going on without randomness would hand out guessable secrets.
    }
  }
  return bytes;
}

std::string NewUuidV7() {
  std::string bytes = RandomBytes(16);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  const std::uint64_t random = (std::uint64_t{Byte(bytes[6])} << 8U) | Byte(bytes[7]);
  const auto [ms, counter] = ProcessSequence().Next(now_ms, random);
  for (unsigned i = 0; i < 6; ++i) bytes[i] = static_cast<char>((ms >> (40U - 8U * i)) & 0xffU);
  bytes[6] = static_cast<char>(counter >> 8U);
  bytes[7] = static_cast<char>(counter & 0xffU);
  return FormatUuid(std::move(bytes), 7);
}

std::string NewUuidV4() {
  return FormatUuid(RandomBytes(16), 4);
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : kHexDigits.find(text[i]) == std::string_view::npos) return false;
  }
  return true;
}

bool IsResourceName(std::string_view text) {
  if (text.empty() || text.size() > 63 || text.back() == '-') return false;
  if (text.front() < 'a' || text.front() > 'z') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

std::string DeriveUuid(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const std::string_view part : parts) {
    joined += std::to_string(part.size());
    joined += ':';
    joined += part;
  }
  return FormatUuid(Sha256(joined).substr(0, 16), 8);
}

std::string HexEncode(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    text += kHexDigits[Byte(c) >> 4U];
    text += kHexDigits[Byte(c) & 0x0fU];
  }
  return text;
}

std::string Base64UrlEncode(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = (group << 8U) | (k < have ? Byte(bytes[i + k]) : 0U);
    for (unsigned k = 0; k < have + 1; ++k) text += kAlphabet[(group >> (18U - 6U * k)) & 0x3fU];
  }
  return text;
}

std::string Sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string Sha256Hex(std::string_view bytes) {
  return HexEncode(Sha256(bytes));
}

bool EqualConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace meshplay
