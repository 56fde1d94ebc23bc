#include "libs/base/tar.h"

#include <algorithm>
#include <cstdlib>

#include "libs/base/files.h"
#include "libs/base/gzip.h"

namespace meshplay {

namespace {

constexpr std::size_t kBlock = 512;

/// Header fields of POSIX ustar (IEEE 1003.1, "ustar Interchange Format").
std::string Field(std::string_view header, std::size_t offset, std::size_t length) {
  const std::string_view field = header.substr(offset, length);
  return std::string(field.substr(0, field.find('\0')));
}

bool ChecksumFits(std::string_view header) {
  unsigned long sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  }
  return sum == std::strtoul(Field(header, 148, 8).c_str(), nullptr, 8);
}

bool NameIsSafe(const std::string& name) {
  if (name.empty() || name.front() == '/' || name.size() > 1'024) return false;
  std::size_t start = 0;
  while (start <= name.size()) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    if (name.compare(start, end - start, "..") == 0) return false;
    start = end + 1;
  }
  return name.find('\\') == std::string::npos;
}

Error Invalid(const std::string& what) {
  return InvalidArgument("ARCHIVE_INVALID", "the archive " + what);
}

}  // namespace

Status ExtractTarGz(std::string_view archive, const std::string& folder, const TarLimits& limits) {
  MP_TRY(const std::string content, Gunzip(archive, limits.max_total_bytes + limits.max_entries * 2 * kBlock));
  std::string_view rest = content;
  std::size_t entries = 0;
  std::size_t total = 0;
  while (rest.size() >= kBlock) {
    const std::string_view header = rest.substr(0, kBlock);
    if (header.find_first_not_of('\0') == std::string_view::npos) return {};
    if (!ChecksumFits(header)) return Invalid("has a broken header");
    if (++entries > limits.max_entries) return InvalidArgument("ARCHIVE_TOO_LARGE", "the archive has too many entries");
    const std::string prefix = header.substr(257, 5) == "ustar" ? Field(header, 345, 155) : std::string();
    const std::string name = (prefix.empty() ? "" : prefix + "/") + Field(header, 0, 100);
    const std::size_t size = std::strtoull(Field(header, 124, 12).c_str(), nullptr, 8);
    const char type = header[156];
    rest.remove_prefix(kBlock);
    const std::size_t padded = (size + kBlock - 1) / kBlock * kBlock;
    if (size > content.size() || padded > rest.size()) return Invalid("ends too early");
    total += size;
    if (total > limits.max_total_bytes) return InvalidArgument("ARCHIVE_TOO_LARGE", "the archive is too large");
    const bool ignorable = type == 'x' || type == 'g';  // pax attributes: times and owners that are not kept anyway
    if (!ignorable) {
      if (!NameIsSafe(name)) return Invalid("has an unsafe name");
      const std::string path = folder + "/" + name;
      if (type == '5') {
        MP_CHECK(MakeDirectory(path, 0700));
      } else if (type == '0' || type == '\0') {
        MP_CHECK(MakeDirectory(path.substr(0, path.rfind('/')), 0700));
        MP_CHECK(WriteFileAtomically(path, rest.substr(0, size), 0600));
      } else {
        return Invalid("holds a link or a device");
      }
    }
    rest.remove_prefix(padded);
  }
  return {};
}

}  // namespace meshplay
