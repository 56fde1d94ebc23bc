#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "libs/base/bounded_pool.h"
#include "server/rest/internal/event_fanout.h"
#include "server/rest/rest_door.h"
#include "server/rest/router.h"

namespace meshplay::rest {

/// What all connections share. Lives longer than every connection.
struct Shared {
  const RestOptions options;
  const Router& router;
  BoundedPool& workers;
  EventFanout& fanout;
  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> connections{0};
  std::mutex addresses_mutex;
  std::map<std::string, std::size_t> addresses;  ///< Open connections by peer address.
  std::mutex sockets_mutex;
  std::map<int, bool> sockets;  ///< Open descriptors: true while a call is in progress.
};

/// Serves one connection to its end. `tls` may be null for plain HTTP.
boost::asio::awaitable<void> ServeConnection(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls,
                                             std::shared_ptr<Shared> shared);

}  // namespace meshplay::rest
