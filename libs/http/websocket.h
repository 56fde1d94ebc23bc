#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "libs/base/result.h"
#include "libs/http/client.h"

namespace meshplay::http {

struct WebSocketOptions {
  std::string subprotocol = {};  ///< Required of the server when not empty.
  std::size_t max_message_bytes = 1024 * 1024;
};

/// A client's WebSocket (RFC 6455) of binary messages. The timeout and stop of the request that opened it bound its
/// whole life. Threads: one at a time. Errors: those of Client.
class WebSocket {
 public:
  virtual ~WebSocket() = default;
  virtual Status Send(std::string_view message) = 0;
  /// The next message; nullopt when the server closed the socket in order.
  virtual Result<std::optional<std::string>> Receive() = 0;
};

/// The socket, or the answer of a server that declined (any status but 101).
struct WebSocketOpening {
  std::unique_ptr<WebSocket> socket;
  Response declined;
};

/// Opens a WebSocket at `request.url` (http or https) with the identity of `client`. Method and body are ignored.
/// Errors: those of Client; kInternal HTTP_ANSWER_INVALID when the server does not speak `subprotocol`.
Result<WebSocketOpening> OpenWebSocket(Client& client, const Request& request, const WebSocketOptions& options);

}  // namespace meshplay::http
