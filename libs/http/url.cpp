#include "libs/http/url.h"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cctype>
#include <charconv>

namespace meshplay::http {
namespace {

// The text is not repeated: a URL may carry a password.
Error Invalid(const char* why) {
  return InvalidArgument("HTTP_URL_INVALID", std::string("the URL is not usable: ") + why);
}

}  // namespace

Result<Url> ParseUrl(std::string_view text) {
  if (text.size() > 16 * 1024) return Invalid("it is longer than 16 KiB");
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (!parsed) return Invalid("it does not follow RFC 3986");
  const boost::urls::url_view view = *parsed;
  Url url;
  if (view.scheme_id() == boost::urls::scheme::https) {
    url.tls = true;
  } else if (view.scheme_id() != boost::urls::scheme::http) {
    return Invalid("its scheme must be http or https");
  }
  if (view.has_userinfo()) return Invalid("it must not hold a user name or password");
  if (view.has_fragment()) return Invalid("it must not hold a fragment");
  url.host = view.host_address();
  if (url.host.empty()) return Invalid("it names no host");
  for (char& c : url.host) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f) return Invalid("its host holds a control character");
    c = static_cast<char>(std::tolower(byte));
  }
  const std::uint16_t scheme_port = url.tls ? 443 : 80;
  if (view.has_port() && !view.port().empty()) {
    const std::string port(view.port());
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (ec != std::errc() || end != port.data() + port.size() || url.port == 0) {
      return Invalid("its port must be 1 to 65535");
    }
  } else {
    url.port = scheme_port;
  }
  url.target = std::string(view.encoded_path());
  if (url.target.empty()) url.target = "/";
  if (view.has_query()) url.target += "?" + std::string(view.encoded_query());
  url.authority = std::string(view.encoded_host());
  if (url.port != scheme_port) url.authority += ":" + std::to_string(url.port);
  return url;
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                       byte == '-' || byte == '.' || byte == '_' || byte == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 0x0f];
    }
  }
  return out;
}

}  // namespace meshplay::http
