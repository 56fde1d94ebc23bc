#include "libs/http/internal/exchange.h"

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>

#include "libs/http/internal/connection.h"

namespace meshplay::http {
namespace {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

constexpr std::uint32_t kMaxHeaderBytes = 64 * 1024;
constexpr int kMaxInterimAnswers = 8;

bhttp::verb VerbOf(Method method) {
  switch (method) {
    case Method::kGet:
      return bhttp::verb::get;
    case Method::kHead:
      return bhttp::verb::head;
    case Method::kPost:
      return bhttp::verb::post;
    case Method::kPut:
      return bhttp::verb::put;
    case Method::kPatch:
      return bhttp::verb::patch;
    case Method::kDelete:
      return bhttp::verb::delete_;
  }
  return bhttp::verb::get;
}

}  // namespace

struct Exchange::Reader {
  beast::flat_buffer buffer;
  std::optional<bhttp::response_parser<bhttp::buffer_body>> parser;
  std::array<char, 64 * 1024> chunk;

  // Reads some of the body; empty when the body has ended.
  Connection::ErrorCode Next(Connection& connection, const Bound& bound, std::string_view& piece) {
    auto& body = parser->get().body();
    body.data = chunk.data();
    body.size = chunk.size();
    Connection::ErrorCode ec = connection.Run(bound, [&](auto done) {
      connection.With([&](auto& stream) { bhttp::async_read_some(stream, buffer, *parser, done); });
    });
    if (ec == bhttp::error::need_buffer) ec = {};
    piece = std::string_view(chunk.data(), chunk.size() - body.size);
    return ec;
  }
};

Result<void> Exchange::Write() {
  bhttp::request<bhttp::span_body<const char>> message(VerbOf(request_.method), url_.target, 11);
  message.set(bhttp::field::host, url_.authority);
  message.set(bhttp::field::user_agent, user_agent_);
  for (const Header& header : request_.headers) message.insert(header.name, header.value);
  message.body() = beast::span<const char>(request_.body.data(), request_.body.size());
  message.prepare_payload();
  sent_ = RequestSent::kYes;
  const auto ec = connection_.Run(
      bound_, [&](auto done) { connection_.With([&](auto& stream) { bhttp::async_write(stream, message, done); }); });
  if (ec) return Failure(ec);
  written_ = true;
  return {};
}

Result<Response> Exchange::ReadHead(Reader& reader) {
  for (int i = 0; i < kMaxInterimAnswers; ++i) {
    reader.parser.emplace();
    auto& parser = *reader.parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(boost::none);
    parser.skip(request_.method == Method::kHead);
    const auto ec = connection_.Run(bound_, [&](auto done) {
      connection_.With([&](auto& stream) { bhttp::async_read_header(stream, reader.buffer, parser, done); });
    });
    if (ec) return Failure(ec);
    answer_begun_ = true;
    Response response;
    response.status = static_cast<int>(parser.get().result_int());
    if (response.status / 100 == 1 && response.status != 101) continue;
    for (const auto& field : parser.get()) {
      response.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    }
    return response;
  }
  return Internal("HTTP_ANSWER_INVALID", "the server sent too many interim answers")
      .WithMetadata("request_sent", "yes");
}

Result<void> Exchange::ReadWhole(Reader& reader, Response& response) {
  const auto too_large = [&] { return Failure(bhttp::make_error_code(bhttp::error::body_limit)); };
  const auto announced = reader.parser->content_length();
  if (!reader.parser->is_done() && announced && *announced > request_.max_body_bytes) return too_large();
  while (!reader.parser->is_done()) {
    std::string_view piece;
    const auto ec = reader.Next(connection_, bound_, piece);
    if (ec) return Failure(ec);
    if (piece.size() > request_.max_body_bytes - response.body.size()) return too_large();
    response.body.append(piece);
  }
  reusable_ = reader.parser->keep_alive() && reader.buffer.size() == 0;
  return {};
}

Result<Response> Exchange::Head(Reader& reader) {
  const Result<void> written = Write();
  if (!written && written.error().reason() != "HTTP_CONNECTION_LOST") return written.error();
  // A server that refuses a body may answer and close before it has read all of it: that answer says why.
  Result<Response> response = ReadHead(reader);
  if (!written && !response) return written.error();
  return response;
}

Result<Response> Exchange::Whole() {
  const auto reader = std::make_unique<Reader>();
  MP_TRY(Response response, Head(*reader));
  MP_CHECK(ReadWhole(*reader, response));
  return response;
}

Result<Response> Exchange::Stream(const StreamOptions& options, const std::function<bool(std::string_view)>& on_chunk) {
  const auto reader = std::make_unique<Reader>();
  MP_TRY(Response response, Head(*reader));
  if (response.status / 100 != 2) {
    MP_CHECK(ReadWhole(*reader, response));
    return response;
  }
  while (!reader->parser->is_done()) {
    Bound bound{Bound::kNever, bound_.stop};
    if (options.idle_timeout) bound.deadline = Bound::After(*options.idle_timeout);
    std::string_view piece;
    const auto ec = reader->Next(connection_, bound, piece);
    if (!piece.empty() && !on_chunk(piece)) return response;
    if (ec) return Failure(ec);
  }
  reusable_ = reader->parser->keep_alive() && reader->buffer.size() == 0;
  return response;
}

}  // namespace meshplay::http
