#include "libs/base/duration.h"

#include <charconv>
#include <cstdint>

namespace meshplay {

namespace {
constexpr std::int64_t kMostMs = 10LL * 366 * 86'400'000;
constexpr double kUnits[] = {3'600'000.0, 60'000.0, 1'000.0, 1.0};
constexpr std::string_view kNames[] = {"h", "m", "s", "ms"};

Error Invalid(std::string_view text) {
  return InvalidArgument("DURATION_INVALID",
                         "\"" + std::string(text.substr(0, 32)) + "\" is no duration such as 250ms, 3.5s or 1h30m");
}
}  // namespace

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  if (text.empty()) return Invalid(text);
  double total = 0;
  std::size_t next_unit = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    // from_chars also reads signs, "inf" and "nan".
    if (rest.front() != '.' && (rest.front() < '0' || rest.front() > '9')) return Invalid(text);
    double number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
    if (error != std::errc()) return Invalid(text);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const std::size_t length = std::min(rest.find_first_of("0123456789."), rest.size());
    const std::string_view name = rest.substr(0, length);
    std::size_t unit = next_unit;
    while (unit < std::size(kNames) && kNames[unit] != name) ++unit;
    if (unit == std::size(kNames)) return Invalid(text);
    total += number * kUnits[unit];
    next_unit = unit + 1;
    rest.remove_prefix(length);
  }
  if (total > static_cast<double>(kMostMs)) return Invalid(text);
  return std::chrono::milliseconds(static_cast<std::int64_t>(total + 0.5));
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  std::int64_t rest = duration.count();
  if (rest == 0) return "0s";
  if (rest < 0) return '-' + FormatDuration(-duration);
  std::string text;
  if (rest >= 3'600'000) {
    text += std::to_string(rest / 3'600'000) + "h";
    rest %= 3'600'000;
  }
  if (rest >= 60'000) {
    text += std::to_string(rest / 60'000) + "m";
    rest %= 60'000;
  }
  if (rest >= 1'000) {
    text += std::to_string(rest / 1'000);
    std::int64_t fraction = rest % 1'000;
    if (fraction != 0) {
      std::string digits = std::to_string(1'000 + fraction).substr(1);
      while (digits.back() == '0') digits.pop_back();
      text += "." + digits;
    }
    text += "s";
  } else if (rest > 0) {
    text += std::to_string(rest) + "ms";
  }
  return text;
}

}  // namespace meshplay
