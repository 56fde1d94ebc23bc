#include "libs/http/websocket.h"

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "libs/http/internal/core.h"
#include "libs/http/internal/failure.h"

namespace meshplay::http {
namespace {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;

constexpr std::size_t kMaxDeclinedBytes = 1024 * 1024;

template <class Stream>
class BeastWebSocket final : public WebSocket {
 public:
  BeastWebSocket(std::unique_ptr<Connection> connection, Stream& stream, Bound bound, std::size_t max_message_bytes)
      : connection_(std::move(connection)), stream_(stream), bound_(std::move(bound)) {
    stream_.read_message_max(max_message_bytes);
    stream_.binary(true);
    // The deadlines are those of Connection::Run.
    stream_.set_option(
        websocket::stream_base::timeout{websocket::stream_base::none(), websocket::stream_base::none(), false});
  }

  // Fills `declined` when the server answered without switching protocols.
  Result<bool> Handshake(const Url& url, const Request& request, const std::string& user_agent,
                         const std::string& subprotocol, Response& declined) {
    namespace bhttp = beast::http;
    stream_.set_option(websocket::stream_base::decorator([&](websocket::request_type& head) {
      head.set(bhttp::field::user_agent, user_agent);
      for (const Header& header : request.headers) head.insert(header.name, header.value);
      if (!subprotocol.empty()) head.set(bhttp::field::sec_websocket_protocol, subprotocol);
    }));
    websocket::response_type answer;
    const auto ec =
        connection_->Run(bound_, [&](auto done) { stream_.async_handshake(answer, url.authority, url.target, done); });
    if (ec == websocket::error::upgrade_declined) {
      declined.status = static_cast<int>(answer.result_int());
      for (const auto& field : answer) {
        declined.headers.push_back({std::string(field.name_string()), std::string(field.value())});
      }
      declined.body = answer.body().substr(0, kMaxDeclinedBytes);
      return false;
    }
    if (ec) return IoFailure(ec, bound_, RequestSent::kYes);
    if (!subprotocol.empty() && answer[bhttp::field::sec_websocket_protocol] != subprotocol) {
      return Internal("HTTP_ANSWER_INVALID", "the server does not speak the WebSocket protocol that was asked for")
          .WithMetadata("request_sent", "yes");
    }
    return true;
  }

  Status Send(std::string_view message) override {
    const auto buffer = boost::asio::buffer(message.data(), message.size());
    const auto ec = connection_->Run(bound_, [&](auto done) { stream_.async_write(buffer, done); });
    if (ec) return IoFailure(ec, bound_, RequestSent::kYes);
    return {};
  }

  Result<std::optional<std::string>> Receive() override {
    beast::flat_buffer buffer;
    const auto ec = connection_->Run(bound_, [&](auto done) { stream_.async_read(buffer, done); });
    if (ec == websocket::error::closed) return std::optional<std::string>();
    if (ec == websocket::error::message_too_big) {
      return Error(meshplay::ErrorCode::kResourceExhausted, "HTTP_ANSWER_TOO_LARGE",
                   "a WebSocket message is larger than allowed")
          .WithMetadata("request_sent", "yes");
    }
    if (ec) return IoFailure(ec, bound_, RequestSent::kYes);
    return std::optional<std::string>(beast::buffers_to_string(buffer.data()));
  }

 private:
  std::unique_ptr<Connection> connection_;
  websocket::stream<Stream&> stream_;
  const Bound bound_;
};

}  // namespace

Result<WebSocketOpening> OpenWebSocket(Client& client, const Request& request, const WebSocketOptions& options) {
  MP_TRY(const Url url, ParseUrl(request.url));
  MP_CHECK(CheckHeaders(request.headers));
  const Bound bound{Bound::After(request.timeout), request.stop};
  Client::Core& core = client.core();
  MP_TRY(std::unique_ptr<Connection> connection, core.Open(url, bound));
  Connection& wire = *connection;
  return wire.With([&](auto& stream) -> Result<WebSocketOpening> {
    using Stream = std::remove_reference_t<decltype(stream)>;
    auto socket =
        std::make_unique<BeastWebSocket<Stream>>(std::move(connection), stream, bound, options.max_message_bytes);
    WebSocketOpening opening;
    MP_TRY(const bool open,
           socket->Handshake(url, request, core.options().user_agent, options.subprotocol, opening.declined));
    if (open) opening.socket = std::move(socket);
    return opening;
  });
}

}  // namespace meshplay::http
