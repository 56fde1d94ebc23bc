#include "libs/base/utf8.h"

#include <algorithm>

namespace meshplay {
namespace {

unsigned Byte(char c) {
  return static_cast<unsigned char>(c);
}

/// The length of the well-formed sequence at the start of `text`, or 0.
std::size_t SequenceLength(std::string_view text) {
  const unsigned lead = Byte(text[0]);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead < 0xE0 ? 2U : lead < 0xF0 ? 3U : 4U;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((Byte(text[i]) & 0xC0U) != 0x80U) return 0;
  }
  const unsigned second = Byte(text[1]);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
  return length;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::size_t CountCodePoints(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (Byte(c) & 0xC0U) != 0x80U; }));
}

}  // namespace meshplay
