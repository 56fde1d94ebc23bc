#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

namespace meshplay::conformance_app {

/// One request of the application to another address. Connections are never kept: each request is balanced anew.
struct Wanted {
  std::string url;  ///< http://host[:port]/path, or udp://host:port: the body is sent and the same is expected back.
  std::string method = "GET";
  std::string body;
  std::map<std::string, std::string> headers;
};

/// What came of it. `status` 0: no answer, and `error` begins with what happened: RESOLVE, REFUSED, UNREACHABLE,
/// TIMEOUT, RESET, CLOSED or INVALID. Otherwise `error` is empty.
struct Answer {
  int status = 0;
  std::string error;
  std::string body;  ///< At most kMaxAnswerBytes.
};

inline constexpr std::size_t kMaxAnswerBytes = 64 * 1024;

/// Blocks for at most `timeout` (a name look-up that hangs is bounded by the resolver: RES_OPTIONS). Threads: any.
Answer Exchange(const Wanted& wanted, std::chrono::milliseconds timeout);

}  // namespace meshplay::conformance_app
