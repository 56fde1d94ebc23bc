#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <deque>
#include <functional>
#include <vector>

#include "libs/base/ids.h"
#include "libs/base/log.h"
#include "server/rest/internal/connection.h"
#include "server/rest/problem.h"

namespace meshplay::rest {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Executor = asio::any_io_executor;

namespace {

constexpr std::size_t kDrainChunkBytes = 64 * 1024;

/// Runs one call on a worker and wakes the coroutine that waits for it.
struct PendingCall {
  explicit PendingCall(const Executor& executor) : signal(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer signal;
  Response response;
  bool ready = false;
};

/// One event stream's queue between the fan-out and the connection's strand.
class QueuedSubscriber final : public Subscriber, public std::enable_shared_from_this<QueuedSubscriber> {
 public:
  QueuedSubscriber(const Executor& executor, std::size_t max_bytes)
      : executor_(executor), signal_(executor, asio::steady_timer::time_point::max()), max_bytes_(max_bytes) {}

  void Push(const std::shared_ptr<const std::string>& bytes) override {
    auto self = shared_from_this();
    waiting_ += bytes->size();
    asio::post(executor_, [self, bytes] {
      if (self->gone_) return;
      // One frame may be larger than the bound, but not on top of others.
      if (self->waiting_ > self->max_bytes_ && self->waiting_ > bytes->size()) {
        self->gone_ = true;
        self->ended_ = true;
        if (self->cut_) self->cut_();
      } else {
        self->queue_.push_back(bytes);
      }
      self->signal_.cancel();
    });
  }
  void End() override {
    auto self = shared_from_this();
    asio::post(executor_, [self] {
      self->ended_ = true;
      self->signal_.cancel();
    });
  }
  bool Gone() const override { return gone_; }
  bool HasRoom() const override { return waiting_ < max_bytes_ / 4; }

  // On the strand only.
  asio::steady_timer& signal() { return signal_; }
  bool ended() const { return ended_; }
  bool cut() const { return gone_; }
  void OnCut(std::function<void()> cut) { cut_ = std::move(cut); }
  void Leave() {
    gone_ = true;
    cut_ = nullptr;
  }
  void Sent(std::size_t bytes) { waiting_ -= bytes; }
  std::vector<std::shared_ptr<const std::string>> Take() {
    std::vector<std::shared_ptr<const std::string>> taken;
    while (!queue_.empty() && taken.size() < 64) {
      taken.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return taken;
  }

 private:
  Executor executor_;
  asio::steady_timer signal_;
  const std::size_t max_bytes_;
  std::deque<std::shared_ptr<const std::string>> queue_;
  std::function<void()> cut_;            ///< Ends a write that the reader does not take.
  std::atomic<std::size_t> waiting_{0};  ///< Bytes pushed and not yet written.
  bool ended_ = false;
  std::atomic<bool> gone_{false};
};

Request ToRequest(const http::request<http::string_body>& wire, const std::string& peer) {
  Request request;
  request.method = std::string(wire.method_string());
  request.target = std::string(wire.target());
  request.peer = peer;
  for (const auto& field : wire) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::string& value = request.headers[name];
    if (!value.empty()) value += ", ";
    value += std::string(field.value());
  }
  request.body = wire.body();
  return request;
}

void FillHeader(const Response& response, http::response<http::string_body>& wire) {
  wire.result(static_cast<unsigned>(response.status));
  if (response.status == 499) wire.reason("Client Closed Request");
  wire.set(http::field::content_type, response.content_type);
  wire.set(http::field::server, "meshplay");
  for (const auto& [name, value] : response.headers) wire.insert(name, value);
}

/// A problem found before the router saw the request.
Response DoorProblem(int status, const std::string& reason, const std::string& detail) {
  Response response = HttpProblem(status, reason, detail, "", NewUuidV4());
  response.headers.emplace("Cache-Control", "no-store");
  return response;
}

Response TransportProblem(beast::error_code error, bool within_first_line) {
  if (error == http::error::body_limit) {
    return DoorProblem(413, "BODY_TOO_LARGE", "the body is larger than this server accepts");
  }
  if (error == http::error::header_limit && within_first_line) {
    return DoorProblem(414, "URL_TOO_LONG", "the URL is longer than this server accepts");
  }
  if (error == http::error::header_limit) {
    return DoorProblem(431, "HEADERS_TOO_LARGE", "the headers are larger than this server accepts");
  }
  return DoorProblem(400, "HTTP_INVALID", "this is no valid HTTP request");
}

/// Whether the bytes hold no complete line: then it is the request line that is too long.
bool WithinFirstLine(const beast::flat_buffer& buffer) {
  const auto bytes = buffer.data();
  const std::string_view text(static_cast<const char*>(bytes.data()), bytes.size());
  return text.find('\n') == std::string_view::npos;
}

bool IsParseFault(beast::error_code error) {
  return error && error != http::error::end_of_stream && error != beast::error::timeout &&
         error.category() == make_error_code(http::error::bad_method).category();
}

/// Keeps the descriptor in the list of those that Stop may shut down, until just before it is closed.
class Registered {
 public:
  Registered(Shared& shared, int descriptor) : shared_(shared), descriptor_(descriptor) {
    const std::lock_guard lock(shared_.sockets_mutex);
    shared_.sockets[descriptor_] = false;
  }
  ~Registered() {
    const std::lock_guard lock(shared_.sockets_mutex);
    shared_.sockets.erase(descriptor_);
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  Shared& shared_;
  const int descriptor_;
};

/// The life of one connection over a plain or a TLS stream.
template <class Stream>
class Session {
 public:
  Session(Stream& stream, std::string peer, int descriptor, Shared& shared)
      : stream_(stream), peer_(std::move(peer)), descriptor_(descriptor), shared_(shared) {}

  asio::awaitable<void> Run() {
    beast::flat_buffer buffer(64 * 1024);
    beast::error_code ec;
    while (!shared_.stopping) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(static_cast<std::uint32_t>(shared_.options.max_header_bytes));
      parser.body_limit(shared_.options.max_body_bytes);
      const bool first_bytes_there = buffer.size() > 0;
      Socket().expires_after(first_bytes_there || !served_ ? shared_.options.header_timeout
                                                           : shared_.options.idle_timeout);
      co_await http::async_read_header(stream_, buffer, parser, asio::redirect_error(asio::use_awaitable, ec));
      if (!ec) {
        Socket().expires_after(shared_.options.header_timeout);
        if (ExpectsContinue(parser.get())) co_await Continue(parser.get().version(), ec);
      }
      if (!ec) {
        co_await http::async_read(stream_, buffer, parser, asio::redirect_error(asio::use_awaitable, ec));
      }
      if (ec) {
        if (IsParseFault(ec)) co_await Refuse(ec, WithinFirstLine(buffer));
        break;
      }
      served_ = true;
      SetBusy(true);
      const bool go_on = co_await Serve(parser);
      SetBusy(false);
      if (!go_on) break;
    }
  }

 private:
  beast::tcp_stream& Socket() { return beast::get_lowest_layer(stream_); }

  void SetBusy(bool busy) {
    const std::lock_guard lock(shared_.sockets_mutex);
    shared_.sockets[descriptor_] = busy;
  }

  static bool ExpectsContinue(const http::request<http::string_body>& wire) {
    return beast::iequals(wire[http::field::expect], "100-continue");
  }

  asio::awaitable<void> Continue(unsigned version, beast::error_code& ec) {
    http::response<http::empty_body> wire(http::status::continue_, version);
    co_await http::async_write(stream_, wire, asio::redirect_error(asio::use_awaitable, ec));
  }

  asio::awaitable<void> Refuse(beast::error_code fault, bool within_first_line) {
    const Response problem = TransportProblem(fault, within_first_line);
    beast::error_code ec;
    co_await Write(problem, false, 11, false, ec);
    // Reads what is still on its way, so that the close does not reset the answer away from the client.
    Socket().socket().shutdown(tcp::socket::shutdown_send, ec);
    std::string rest(kDrainChunkBytes, '\0');
    Socket().expires_after(shared_.options.drain_timeout);
    for (std::size_t drained = 0; drained < shared_.options.max_drain_bytes && !ec;) {
      const auto target = asio::buffer(rest);
      drained += co_await Socket().async_read_some(target, asio::redirect_error(asio::use_awaitable, ec));
    }
  }

  asio::awaitable<bool> Serve(http::request_parser<http::string_body>& parser) {
    const auto& wire = parser.get();
    const bool keep_alive = wire.keep_alive() && !shared_.stopping;
    const bool head = wire.method() == http::verb::head;
    beast::error_code ec;
    if (wire.target().size() > shared_.options.max_target_bytes) {
      const Response problem = DoorProblem(414, "URL_TOO_LONG", "the URL is longer than 8 KiB");
      co_await Write(problem, head, wire.version(), keep_alive, ec);
      co_return !ec && keep_alive;
    }
    if (static_cast<std::size_t>(std::distance(wire.begin(), wire.end())) > shared_.options.max_headers) {
      const Response problem = DoorProblem(431, "HEADERS_TOO_LARGE", "there are more than 100 headers");
      co_await Write(problem, head, wire.version(), keep_alive, ec);
      co_return !ec && keep_alive;
    }
    auto pending = std::make_shared<PendingCall>(stream_.get_executor());
    const Request request = ToRequest(wire, peer_);
    const auto started = std::chrono::steady_clock::now();
    if (Router::AnswerAtOnce(request, pending->response)) {
      co_await Write(pending->response, head, wire.version(), keep_alive, ec);
      co_return !ec && keep_alive;
    }
    if (Post(pending, request)) {
      if (!pending->ready) co_await pending->signal.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    } else {
      pending->response = DoorProblem(503, "OVERLOADED", "too many calls are waiting");
    }
    ec = beast::error_code();
    if (pending->response.stream != nullptr) {
      co_await Stream_(pending->response.stream, wire.version());
      co_return false;
    }
    LogAccess(request, pending->response, started);
    co_await Write(pending->response, head, wire.version(), keep_alive, ec);
    co_return !ec && keep_alive;
  }

  bool Post(const std::shared_ptr<PendingCall>& pending, const Request& request) {
    const Router& router = shared_.router;
    auto executor = stream_.get_executor();
    return shared_.workers.TryPost([pending, request, executor, &router] {
      Response response;
      try {
        response = router.Handle(request);
      } catch (const std::exception& fault) {
        LogError("call ended by an exception", {{log_key::kError, fault.what()}});
        response = ProblemResponse(Internal("INTERNAL_BUG", "the server made a mistake"), request.target, NewUuidV4());
      }
      asio::post(executor, [pending, response = std::move(response)]() mutable {
        pending->response = std::move(response);
        pending->ready = true;
        pending->signal.cancel();
      });
    });
  }

  void LogAccess(const Request& request, const Response& response, std::chrono::steady_clock::time_point started) {
    const auto took = std::chrono::steady_clock::now() - started;
    const auto id = response.headers.find("X-Request-Id");
    LogDebug("call", {{"method", request.method},
                      {"path", request.target.substr(0, request.target.find('?'))},
                      {"status", response.status},
                      {log_key::kRequestId, id == response.headers.end() ? std::string() : id->second},
                      {log_key::kDurationMs, std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
  }

  asio::awaitable<void> Write(const Response& response, bool head, unsigned version, bool keep_alive,
                              beast::error_code& ec) {
    http::response<http::string_body> wire;
    wire.version(version);
    FillHeader(response, wire);
    wire.keep_alive(keep_alive);
    wire.body() = response.body;
    wire.prepare_payload();
    if (head) wire.body().clear();
    Socket().expires_after(shared_.options.write_timeout);
    http::response_serializer<http::string_body> serializer(wire);
    if (head) {
      co_await http::async_write_header(stream_, serializer, asio::redirect_error(asio::use_awaitable, ec));
    } else {
      co_await http::async_write(stream_, serializer, asio::redirect_error(asio::use_awaitable, ec));
    }
  }

  asio::awaitable<void> Stream_(std::shared_ptr<StreamRequest> stream, unsigned version) {
    auto subscriber = std::make_shared<QueuedSubscriber>(stream_.get_executor(), shared_.options.max_subscriber_bytes);
    auto pending = std::make_shared<PendingCall>(stream_.get_executor());
    beast::error_code ec;
    if (!PostOpen(pending, stream, subscriber)) {
      pending->response = DoorProblem(503, "OVERLOADED", "too many calls are waiting");
    } else if (!pending->ready) {
      co_await pending->signal.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    }
    if (pending->response.status != 200) {
      co_await Write(pending->response, false, version, false, ec);
      co_return;
    }
    http::response<http::empty_body> header;
    header.version(version);
    header.set(http::field::content_type, "text/event-stream");
    header.set(http::field::cache_control, "no-store");
    header.set("X-Request-Id", stream->context.request_id);
    header.set("X-Content-Type-Options", "nosniff");
    header.keep_alive(false);
    http::response_serializer<http::empty_body> serializer(header);
    ec = beast::error_code();
    co_await http::async_write_header(stream_, serializer, asio::redirect_error(asio::use_awaitable, ec));
    subscriber->OnCut([this] { Socket().cancel(); });
    while (!ec && !subscriber->cut()) {
      const auto chunks = subscriber->Take();
      if (chunks.empty()) {
        if (subscriber->ended()) break;
        Socket().expires_never();
        beast::error_code woken;
        subscriber->signal().expires_at(asio::steady_timer::time_point::max());
        co_await subscriber->signal().async_wait(asio::redirect_error(asio::use_awaitable, woken));
        continue;
      }
      std::vector<asio::const_buffer> buffers;
      std::size_t bytes = 0;
      for (const auto& chunk : chunks) {
        buffers.push_back(asio::buffer(*chunk));
        bytes += chunk->size();
      }
      Socket().expires_after(shared_.options.write_timeout);
      co_await asio::async_write(stream_, buffers, asio::redirect_error(asio::use_awaitable, ec));
      subscriber->Sent(bytes);
    }
    if (subscriber->cut()) {
      LogInfo("event stream cut: its reader is too slow", {{log_key::kRequestId, stream->context.request_id}});
    }
    subscriber->Leave();
  }

  bool PostOpen(const std::shared_ptr<PendingCall>& pending, const std::shared_ptr<StreamRequest>& stream,
                const std::shared_ptr<QueuedSubscriber>& subscriber) {
    EventFanout& fanout = shared_.fanout;
    auto executor = stream_.get_executor();
    return shared_.workers.TryPost([pending, stream, subscriber, executor, &fanout] {
      const Status opened = fanout.Add(*stream, subscriber);
      Response response;
      if (!opened) response = ProblemResponse(opened.error(), "/v1/events", stream->context.request_id);
      asio::post(executor, [pending, response] {
        pending->response = response;
        pending->ready = true;
        pending->signal.cancel();
      });
    });
  }

  Stream& stream_;
  const std::string peer_;
  const int descriptor_;
  Shared& shared_;
  bool served_ = false;
};

}  // namespace

asio::awaitable<void> ServeConnection(tcp::socket socket, asio::ssl::context* tls, std::shared_ptr<Shared> shared) {
  beast::error_code ec;
  const std::string peer = socket.remote_endpoint(ec).address().to_string();
  const int descriptor = socket.native_handle();
  auto registered = std::make_unique<Registered>(*shared, descriptor);
  if (tls == nullptr) {
    beast::tcp_stream stream(std::move(socket));
    Session<beast::tcp_stream> session(stream, peer, descriptor, *shared);
    co_await session.Run();
    registered.reset();
    stream.socket().shutdown(tcp::socket::shutdown_both, ec);
    stream.close();
  } else {
    beast::ssl_stream<beast::tcp_stream> stream(std::move(socket), *tls);
    beast::get_lowest_layer(stream).expires_after(shared->options.header_timeout);
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, ec));
    if (!ec) {
      Session<beast::ssl_stream<beast::tcp_stream>> session(stream, peer, descriptor, *shared);
      co_await session.Run();
      beast::get_lowest_layer(stream).expires_after(std::chrono::milliseconds(500));
      co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, ec));
    }
    registered.reset();
    beast::get_lowest_layer(stream).close();
  }
}

}  // namespace meshplay::rest
