#include "adapters/translate/mesh_version.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

namespace meshplay::translate {
namespace {

constexpr std::size_t kMaxVersionBytes = 64;
constexpr std::ptrdiff_t kMaxDigits = 4;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool TakeNumber(std::string_view& text, int& number) {
  const auto digits = std::find_if_not(text.begin(), text.end(), IsDigit) - text.begin();
  if (digits == 0 || digits > kMaxDigits) return false;
  std::from_chars(text.data(), text.data() + digits, number);
  text.remove_prefix(static_cast<std::size_t>(digits));
  return true;
}

bool IsSuffix(std::string_view text) {
  if (text.empty()) return true;
  if ((text.front() != '-' && text.front() != '+') || text.size() == 1) return false;
  return std::all_of(text.begin() + 1, text.end(), [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '+';
  });
}

}  // namespace

std::optional<MeshVersion> ReadMeshVersion(std::string_view text) {
  if (text.size() > kMaxVersionBytes) return std::nullopt;
  MeshVersion version;
  version.edge = text.starts_with("edge-");
  for (const std::string_view prefix : {"edge-", "stable-", "v"}) {
    if (!text.starts_with(prefix)) continue;
    text.remove_prefix(prefix.size());
    break;
  }
  if (!TakeNumber(text, version.major) || !text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  if (!TakeNumber(text, version.minor)) return std::nullopt;
  int patch = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!TakeNumber(text, patch)) return std::nullopt;
  }
  if (!IsSuffix(text)) return std::nullopt;
  return version;
}

bool IsOlderThan(std::string_view version, int major, int minor) {
  const auto read = ReadMeshVersion(version);
  return read.has_value() && !read->edge && std::pair(read->major, read->minor) < std::pair(major, minor);
}

Status CheckMeshVersion(std::string_view version, std::string_view mesh, std::string_view oldest) {
  if (version.empty()) return {};
  constexpr const char* kReason = "MESH_VERSION_INVALID";
  if (!ReadMeshVersion(version).has_value()) {
    return InvalidArgument(kReason, "the mesh's version must be numbers such as 1.28 or 1.28.3, not \"" +
                                        std::string(version.substr(0, kMaxVersionBytes)) + "\"");
  }
  const auto least = ReadMeshVersion(oldest);
  if (!least.has_value() || !IsOlderThan(version, least->major, least->minor)) return {};
  return InvalidArgument(kReason, std::string(version) + " is too old: what is written for " + std::string(mesh) +
                                      " needs version " + std::string(oldest) + " at least");
}

}  // namespace meshplay::translate
