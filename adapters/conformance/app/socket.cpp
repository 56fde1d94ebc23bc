#include "adapters/conformance/app/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace meshplay::conformance_app {
namespace {

constexpr int kBacklog = 256;
constexpr std::size_t kPiece = 16 * 1024;

std::string Told(int error_number) {
  std::array<char, 128> text{};
  return WordOf(error_number) + ": " + strerror_r(error_number, text.data(), text.size());
}

/// Waits for `events`; "" when they came.
std::string Wait(const Socket& socket, short events, Deadline until) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) return "TIMEOUT: no answer in time";
    pollfd poll_one{socket.descriptor(), events, 0};
    const int ready = ::poll(&poll_one, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return Told(errno);
  }
}

}  // namespace

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

std::string WordOf(int error_number) {
  switch (error_number) {
    case ECONNREFUSED:
      return "REFUSED";
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return "RESET";
    case ETIMEDOUT:
      return "TIMEOUT";
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EACCES:
    case EPERM:
      return "UNREACHABLE";
    default:
      return "INVALID";
  }
}

Socket Connect(const std::string& host, const std::string& port, bool datagram, Deadline until, std::string& error) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = datagram ? SOCK_DGRAM : SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  if (failed != 0) {
    error = std::string("RESOLVE: ") + ::gai_strerror(failed);
    return Socket();
  }
  error = "RESOLVE: no address";
  for (const addrinfo* at = addresses.get(); at != nullptr; at = at->ai_next) {
    Socket socket(::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol));
    if (!socket.open()) continue;
    if (::connect(socket.descriptor(), at->ai_addr, at->ai_addrlen) != 0 && errno != EINPROGRESS) {
      error = Told(errno);
      continue;
    }
    error = Wait(socket, POLLOUT, until);
    if (!error.empty()) continue;
    int told = 0;
    socklen_t size = sizeof(told);
    ::getsockopt(socket.descriptor(), SOL_SOCKET, SO_ERROR, &told, &size);
    if (told == 0) return socket;
    error = Told(told);
  }
  return Socket();
}

std::string SendAll(const Socket& socket, std::string_view bytes, Deadline until) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return Told(errno);
    if (std::string error = Wait(socket, POLLOUT, until); !error.empty()) return error;
  }
  return {};
}

std::string ReceiveSome(const Socket& socket, std::string& bytes, bool& ended, Deadline until) {
  ended = false;
  std::array<char, kPiece> piece{};
  while (true) {
    const ssize_t got = ::recv(socket.descriptor(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (got >= 0) {
      ended = got == 0;
      bytes.append(piece.data(), static_cast<std::size_t>(got));
      return {};
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return Told(errno);
    if (std::string error = Wait(socket, POLLIN, until); !error.empty()) return error;
  }
}

Socket Listen(int port, bool datagram, int& bound_port, std::string& error) {
  // One socket for both families where the machine has IPv6, else IPv4 alone.
  for (const int family : {AF_INET6, AF_INET}) {
    Socket socket(::socket(family, (datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0));
    if (!socket.open()) continue;
    const int on = 1, off = 0;
    if (!datagram) ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (family == AF_INET6) ::setsockopt(socket.descriptor(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    sockaddr_storage address{};
    socklen_t size = 0;
    if (family == AF_INET6) {
      auto* six = reinterpret_cast<sockaddr_in6*>(&address);
      six->sin6_family = AF_INET6;
      six->sin6_port = htons(static_cast<std::uint16_t>(port));
      size = sizeof(sockaddr_in6);
    } else {
      auto* four = reinterpret_cast<sockaddr_in*>(&address);
      four->sin_family = AF_INET;
      four->sin_port = htons(static_cast<std::uint16_t>(port));
      size = sizeof(sockaddr_in);
    }
    const bool bound = ::bind(socket.descriptor(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
    if (!bound || (!datagram && ::listen(socket.descriptor(), kBacklog) != 0)) {
      error = "port " + std::to_string(port) + " cannot be taken: " + Told(errno);
      continue;
    }
    size = sizeof(address);
    ::getsockname(socket.descriptor(), reinterpret_cast<sockaddr*>(&address), &size);
    bound_port = family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port)
                                    : ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
    return socket;
  }
  return Socket();
}

}  // namespace meshplay::conformance_app
