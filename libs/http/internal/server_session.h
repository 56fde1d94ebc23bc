#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>

#include "libs/base/bounded_pool.h"
#include "libs/http/server.h"

namespace meshplay::http {

class ServerSession;

/// What the connections of one server share. Everything but the counter belongs to the server's one I/O thread.
struct ServerShared {
  ServerShared(const ServerOptions& given, ServerHandler& answers)
      : options(given), handler(answers), workers("https", given.workers, given.worker_queue) {}

  const ServerOptions options;
  ServerHandler& handler;
  BoundedPool workers;
  std::atomic<bool> stopping{false};
  std::set<ServerSession*> sessions;

  std::mutex mutex;
  std::condition_variable fewer;
  std::size_t connections = 0;
};

/// What Stop does to the connections, on the I/O thread: those that wait for a request, or all.
void CloseSessions(ServerShared& shared, bool busy_too);

/// Serves one connection to its end.
boost::asio::awaitable<void> ServeSession(boost::asio::ip::tcp::socket socket,
                                          std::shared_ptr<boost::asio::ssl::context> tls, ServerShared& shared);

}  // namespace meshplay::http
