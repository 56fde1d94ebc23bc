#include "adapters/linkerd/emitter/internal/versions.h"

#include <charconv>
#include <optional>
#include <utility>

namespace meshplay::linkerd {
namespace {

std::optional<std::pair<int, int>> TwoNumbers(std::string_view text) {
  int first = 0;
  int second = 0;
  const char* end = text.data() + text.size();
  const auto one = std::from_chars(text.data(), end, first);
  if (one.ec != std::errc() || one.ptr == end || *one.ptr != '.') return std::nullopt;
  if (std::from_chars(one.ptr + 1, end, second).ec != std::errc()) return std::nullopt;
  return std::pair(first, second);
}

}  // namespace

bool ReadsTcpRoutes(std::string_view version) {
  const bool edge = version.starts_with("edge-");
  for (const std::string_view prefix : {"edge-", "stable-", "v"}) {
    if (!version.starts_with(prefix)) continue;
    version.remove_prefix(prefix.size());
    break;
  }
  const auto numbers = TwoNumbers(version);
  if (!numbers.has_value()) return true;
  // 2.17 is edge-24.11.8.
  return *numbers >= (edge ? std::pair(24, 11) : std::pair(2, 17));
}

}  // namespace meshplay::linkerd
