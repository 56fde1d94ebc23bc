#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace meshplay::conformance_app {

using Deadline = std::chrono::steady_clock::time_point;

/// A file descriptor that closes itself.
class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

/// The word for an errno of a socket call: REFUSED, UNREACHABLE, TIMEOUT, RESET or INVALID.
std::string WordOf(int error_number);

/// Connects a stream or datagram socket; on failure the socket is not open and `error` says why.
Socket Connect(const std::string& host, const std::string& port, bool datagram, Deadline until, std::string& error);

/// Sends everything. "" or the error.
std::string SendAll(const Socket& socket, std::string_view bytes, Deadline until);

/// Appends what arrives next to `bytes`; `ended` when the peer closed. "" or the error.
std::string ReceiveSome(const Socket& socket, std::string& bytes, bool& ended, Deadline until);

/// A socket on which to accept (or, datagram, to receive) on all addresses; port 0 takes a free one. Not open on
/// failure.
Socket Listen(int port, bool datagram, int& bound_port, std::string& error);

}  // namespace meshplay::conformance_app
