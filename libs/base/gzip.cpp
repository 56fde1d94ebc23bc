#include "libs/base/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace meshplay {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to say: the gzip format.

struct Inflater {
  z_stream stream{};
  bool good = inflateInit2(&stream, kGzipWindow) == Z_OK;
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (good) inflateEnd(&stream);
  }
};

struct Deflater {
  z_stream stream{};
  bool good = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  Deflater() = default;
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() {
    if (good) deflateEnd(&stream);
  }
};

bool SetInput(z_stream& stream, std::string_view bytes) {
  if (bytes.size() > std::numeric_limits<uInt>::max()) return false;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads it.
  stream.avail_in = static_cast<uInt>(bytes.size());
  return true;
}

}  // namespace

Result<std::string> Gunzip(std::string_view bytes, std::size_t max_bytes) {
  const Error bad = InvalidArgument("GZIP_INVALID", "the data is not valid gzip");
  Inflater inflater;
  if (!inflater.good || bytes.empty() || !SetInput(inflater.stream, bytes)) return bad;
  std::string content;
  std::array<char, 65536> buffer;
  for (;;) {
    inflater.stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    inflater.stream.avail_out = static_cast<uInt>(buffer.size());
    const int code = inflate(&inflater.stream, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END) return bad;
    const std::size_t got = buffer.size() - inflater.stream.avail_out;
    if (got > max_bytes - content.size()) {
      return Error(ErrorCode::kResourceExhausted, "GZIP_TOO_LARGE",
                   "the unpacked data is larger than " + std::to_string(max_bytes) + " bytes");
    }
    content.append(buffer.data(), got);
    if (code != Z_STREAM_END) continue;
    if (inflater.stream.avail_in == 0) return content;
    if (inflateReset(&inflater.stream) != Z_OK) return bad;
  }
}

Result<std::string> Gzip(std::string_view bytes) {
  const Error failed = Internal("GZIP_FAILED", "data could not be packed");
  Deflater deflater;
  if (!deflater.good || !SetInput(deflater.stream, bytes)) return failed;
  std::string packed(deflateBound(&deflater.stream, static_cast<uLong>(bytes.size())), '\0');
  deflater.stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  deflater.stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&deflater.stream, Z_FINISH) != Z_STREAM_END) return failed;
  packed.resize(packed.size() - deflater.stream.avail_out);
  return packed;
}

}  // namespace meshplay
