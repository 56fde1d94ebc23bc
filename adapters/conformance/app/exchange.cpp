#include "adapters/conformance/app/exchange.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string_view>

#include "adapters/conformance/app/socket.h"

namespace meshplay::conformance_app {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kMaxReceived = 1024 * 1024;

struct Address {
  bool datagram = false;
  std::string host, port, authority, target;
};

std::optional<Address> Read(std::string_view url) {
  Address address;
  if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else if (url.starts_with("udp://")) {
    url.remove_prefix(6);
    address.datagram = true;
  } else {
    return std::nullopt;
  }
  const auto slash = url.find('/');
  address.authority = std::string(url.substr(0, slash));
  address.target = slash == std::string_view::npos ? "/" : std::string(url.substr(slash));
  std::string_view host = address.authority;
  address.port = "80";
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    address.port = std::string(host.substr(colon + 1));
    host = host.substr(0, colon);
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  address.host = std::string(host);
  const bool bad =
      address.host.empty() || address.port.empty() || url.find_first_of(" \r\n\t") != std::string_view::npos;
  if (bad) return std::nullopt;
  return address;
}

bool IsClean(const std::string& text) {
  return text.find_first_of("\r\n") == std::string::npos;
}

std::string RequestText(const Wanted& wanted, const Address& address) {
  std::string text =
      wanted.method + " " + address.target + " HTTP/1.1\r\nHost: " + address.authority + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : wanted.headers) text += name + ": " + value + "\r\n";
  const bool body = !wanted.body.empty() || wanted.method == "POST" || wanted.method == "PUT";
  if (body) text += "Content-Length: " + std::to_string(wanted.body.size()) + "\r\n";
  return text + "\r\n" + wanted.body;
}

Answer Failed(std::string error) {
  Answer answer;
  answer.error = std::move(error);
  return answer;
}

Answer Datagram(const Socket& socket, const Wanted& wanted, Deadline until) {
  std::string received;
  bool ended = false;
  if (std::string error = SendAll(socket, wanted.body, until); !error.empty()) return Failed(std::move(error));
  if (std::string error = ReceiveSome(socket, received, ended, until); !error.empty()) return Failed(std::move(error));
  if (received != wanted.body) return Failed("INVALID: other bytes came back");
  return {200, "", std::move(received)};
}

Answer Http(const Socket& socket, const Wanted& wanted, const Address& address, Deadline until) {
  if (std::string error = SendAll(socket, RequestText(wanted, address), until); !error.empty()) {
    return Failed(std::move(error));
  }
  http::response_parser<http::string_body> parser;
  parser.eager(true);
  parser.body_limit(kMaxReceived);
  if (wanted.method == "HEAD") parser.skip(true);
  std::string received;
  bool ended = false;
  while (!parser.is_done()) {
    if (std::string error = ReceiveSome(socket, received, ended, until); !error.empty())
      return Failed(std::move(error));
    if (received.size() > kMaxReceived) return Failed("INVALID: the answer is too large");
    boost::beast::error_code code;
    if (ended) {
      if (!parser.got_some()) return Failed("CLOSED: the connection was closed without an answer");
      parser.put_eof(code);
      if (code) return Failed("CLOSED: the connection was closed within the answer");
      break;
    }
    const std::size_t used = parser.put(boost::asio::buffer(received), code);
    if (code && code != http::error::need_more) return Failed("INVALID: " + code.message());
    received.erase(0, used);
  }
  Answer answer;
  answer.status = static_cast<int>(parser.get().result_int());
  answer.body = parser.get().body().substr(0, kMaxAnswerBytes);
  return answer;
}

}  // namespace

Answer Exchange(const Wanted& wanted, std::chrono::milliseconds timeout) {
  const Deadline until = std::chrono::steady_clock::now() + timeout;
  const auto address = Read(wanted.url);
  if (!address) return Failed("INVALID: the URL cannot be used");
  bool clean = IsClean(wanted.method) && wanted.method.find(' ') == std::string::npos && !wanted.method.empty();
  for (const auto& [name, value] : wanted.headers) clean = clean && !name.empty() && IsClean(name) && IsClean(value);
  if (!clean) return Failed("INVALID: a header or the method cannot be sent");
  std::string error;
  const Socket socket = Connect(address->host, address->port, address->datagram, until, error);
  if (!socket.open()) return Failed(std::move(error));
  return address->datagram ? Datagram(socket, wanted, until) : Http(socket, wanted, *address, until);
}

}  // namespace meshplay::conformance_app
