#include "libs/smi/quantity.h"

#include <array>
#include <limits>

namespace meshplay::smi {
namespace {

struct Suffix {
  std::string_view text;
  int decimal_exponent;  ///< Power of ten, relative to one.
  int binary_exponent;   ///< Power of two.
};

constexpr std::array kSuffixes = {
    Suffix{"", 0, 0},   Suffix{"m", -3, 0}, Suffix{"k", 3, 0},   Suffix{"M", 6, 0},   Suffix{"G", 9, 0},
    Suffix{"u", -6, 0}, Suffix{"n", -9, 0}, Suffix{"Ki", 0, 10}, Suffix{"Mi", 0, 20}, Suffix{"Gi", 0, 30},
    Suffix{"T", 12, 0}, Suffix{"P", 15, 0}, Suffix{"Ti", 0, 40}, Suffix{"Pi", 0, 50},
};

constexpr bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<std::int64_t> MultiplyChecked(std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

// "e3", "E-2".
bool ReadExponent(std::string_view text, int& exponent) {
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return false;
  text.remove_prefix(1);
  bool negative = false;
  if (text[0] == '+' || text[0] == '-') {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text.size() > 2) return false;
  int value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return false;
    value = value * 10 + (c - '0');
  }
  exponent = negative ? -value : value;
  return true;
}

}  // namespace

std::optional<std::int64_t> MilliFromQuantity(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  std::int64_t digits = 0;
  int exponent = 3;  // The result counts thousandths.
  bool any = false;
  bool in_fraction = false;
  std::size_t i = 0;
  for (; i < text.size() && (IsDigit(text[i]) || (text[i] == '.' && !in_fraction)); ++i) {
    if (text[i] == '.') {
      in_fraction = true;
      continue;
    }
    any = true;
    const auto shifted = MultiplyChecked(digits, 10);
    if (!shifted.has_value() || *shifted > std::numeric_limits<std::int64_t>::max() - 9) return std::nullopt;
    digits = *shifted + (text[i] - '0');
    if (in_fraction) --exponent;
  }
  if (!any) return std::nullopt;
  const std::string_view suffix = text.substr(i);
  int written_exponent = 0;
  bool known = ReadExponent(suffix, written_exponent);
  if (known) exponent += written_exponent;
  for (const Suffix& candidate : kSuffixes) {
    if (known || suffix != candidate.text) continue;
    known = true;
    exponent += candidate.decimal_exponent;
    const auto scaled = MultiplyChecked(digits, std::int64_t{1} << candidate.binary_exponent);
    if (!scaled.has_value()) return std::nullopt;
    digits = *scaled;
  }
  if (!known) return std::nullopt;
  for (; exponent > 0 && digits != 0; --exponent) {
    const auto scaled = MultiplyChecked(digits, 10);
    if (!scaled.has_value()) return std::nullopt;
    digits = *scaled;
  }
  for (; exponent < 0 && digits != 0; ++exponent) {
    if (digits % 10 != 0) return std::nullopt;
    digits /= 10;
  }
  return negative ? -digits : digits;
}

}  // namespace meshplay::smi
