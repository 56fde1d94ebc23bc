#include "libs/http/internal/failure.h"

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>

namespace meshplay::http {
namespace {

Error With(Error error, RequestSent sent) {
  return std::move(error).WithMetadata("request_sent", sent == RequestSent::kYes ? "yes" : "no");
}

}  // namespace

Error Unreachable(const std::string& why) {
  return With(Unavailable("HTTP_UNREACHABLE", "the server cannot be reached: " + why), RequestSent::kNo);
}

Error Cancelled(RequestSent sent) {
  return With(Error(ErrorCode::kCancelled, "CANCELLED", "the call was cancelled"), sent);
}

Error IoFailure(const boost::system::error_code& ec, const Bound& bound, RequestSent sent) {
  namespace http = boost::beast::http;
  if (bound.stop.stop_requested()) return Cancelled(sent);
  if (ec == boost::beast::error::timeout) {
    return With(Error(ErrorCode::kDeadlineExceeded, "HTTP_TIMEOUT", "the server did not answer in time"), sent);
  }
  static const boost::system::error_code kHttp = http::make_error_code(http::error::bad_version);
  if (ec == http::error::header_limit || ec == http::error::body_limit) {
    return With(Error(ErrorCode::kResourceExhausted, "HTTP_ANSWER_TOO_LARGE", "the answer is larger than allowed"),
                sent);
  }
  if (ec.category() == kHttp.category() && ec != http::error::end_of_stream && ec != http::error::partial_message) {
    return With(Internal("HTTP_ANSWER_INVALID", "the answer is no valid HTTP: " + ec.message()), sent);
  }
  return With(Unavailable("HTTP_CONNECTION_LOST", "the connection ended before the answer did: " + ec.message()), sent);
}

}  // namespace meshplay::http
