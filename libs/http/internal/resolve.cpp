#include "libs/http/internal/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "libs/http/internal/failure.h"

namespace meshplay::http {
namespace {

namespace ip = boost::asio::ip;

// Shared with the look-up thread, which may outlive the call.
struct LookUp {
  std::mutex mutex;
  std::condition_variable_any done_changed;
  bool done = false;
  int code = 0;
  std::vector<ip::address> addresses;
};

ip::address FromSockaddr(const sockaddr* raw) {
  if (raw->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, raw, sizeof v4);
    return ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, raw, sizeof v6);
  ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), v6.sin6_addr.s6_addr, bytes.size());
  return ip::address_v6(bytes, v6.sin6_scope_id);
}

void Run(const std::string& host, LookUp& look_up) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  const std::lock_guard lock(look_up.mutex);
  look_up.code = code;
  for (const addrinfo* entry = code == 0 ? list : nullptr; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET || entry->ai_family == AF_INET6) {
      look_up.addresses.push_back(FromSockaddr(entry->ai_addr));
    }
  }
  look_up.done = true;
  look_up.done_changed.notify_all();
}

}  // namespace

Result<std::vector<ip::address>> Resolve(const std::string& host, const Bound& bound) {
  boost::system::error_code ec;
  const ip::address literal = ip::make_address(host, ec);
  if (!ec) return std::vector<ip::address>{literal};

  // getaddrinfo cannot be interrupted, so it gets a thread that is left alone when time is up; the resolver's own
  // limits end it.
  const auto look_up = std::make_shared<LookUp>();
  try {
    std::thread([look_up, host] { Run(host, *look_up); }).detach();
  } catch (const std::system_error&) {
    return Unreachable("no thread for the name look-up");
  }
  std::unique_lock lock(look_up->mutex);
  const auto is_done = [&] { return look_up->done; };
  if (bound.deadline == Bound::kNever) {
    look_up->done_changed.wait(lock, bound.stop, is_done);
  } else {
    look_up->done_changed.wait_until(lock, bound.stop, bound.deadline, is_done);
  }
  if (!look_up->done) {
    if (bound.stop.stop_requested()) return Cancelled(RequestSent::kNo);
    return Unreachable("the name look-up took too long");
  }
  if (look_up->code != 0) return Unreachable(std::string("name look-up: ") + ::gai_strerror(look_up->code));
  if (look_up->addresses.empty()) return Unreachable("the host has no address");
  return look_up->addresses;
}

}  // namespace meshplay::http
