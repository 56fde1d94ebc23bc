#include "libs/smi/internal/names.h"

#include <algorithm>

namespace meshplay::smi {
namespace {

bool IsLowerAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool IsLabelOfAnyLength(std::string_view text) {
  if (text.empty() || !IsLowerAlphanumeric(text.front()) || !IsLowerAlphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsLowerAlphanumeric(c) || c == '-'; });
}

}  // namespace

bool IsDnsLabel(std::string_view text) {
  return text.size() <= 63 && IsLabelOfAnyLength(text);
}

bool IsDnsSubdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    if (!IsLabelOfAnyLength(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool IsHeaderName(std::string_view text) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  if (text.empty() || text.size() > 256) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return IsLowerAlphanumeric(c) || (c >= 'A' && c <= 'Z') || kOther.find(c) != std::string_view::npos;
  });
}

bool IsSpiffeId(std::string_view text) {
  constexpr std::string_view kScheme = "spiffe://";
  if (text.size() > 2048 || !text.starts_with(kScheme)) return false;
  text.remove_prefix(kScheme.size());
  const std::size_t slash = text.find('/');
  const std::string_view domain = text.substr(0, slash);
  if (domain.empty() || domain.size() > 255) return false;
  const auto domain_char = [](char c) { return IsLowerAlphanumeric(c) || c == '-' || c == '.' || c == '_'; };
  if (!std::all_of(domain.begin(), domain.end(), domain_char)) return false;
  if (slash == std::string_view::npos) return true;
  std::string_view path = text.substr(slash);
  const auto path_char = [&](char c) { return domain_char(c) || (c >= 'A' && c <= 'Z'); };
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (!std::all_of(segment.begin(), segment.end(), path_char)) return false;
    path.remove_prefix(segment.size());
  }
  return true;
}

std::optional<std::string> ShortServiceName(std::string_view written, std::string_view namespace_name) {
  const std::size_t first = written.find('.');
  const std::string_view name = written.substr(0, first);
  if (!IsDnsLabel(name)) return std::nullopt;
  if (first == std::string_view::npos) return std::string(name);
  std::string_view rest = written.substr(first + 1);
  const std::size_t second = rest.find('.');
  if (rest.substr(0, second) != namespace_name) return std::nullopt;
  if (second == std::string_view::npos) return std::string(name);
  rest.remove_prefix(second + 1);
  if (rest == "svc") return std::string(name);
  if (rest.starts_with("svc.") && IsDnsSubdomain(rest.substr(4))) return std::string(name);
  return std::nullopt;
}

}  // namespace meshplay::smi
