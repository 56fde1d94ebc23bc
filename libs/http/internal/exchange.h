#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "libs/base/result.h"
#include "libs/http/client.h"
#include "libs/http/internal/bound.h"
#include "libs/http/internal/failure.h"
#include "libs/http/url.h"

namespace meshplay::http {

class Connection;

/// One request and its answer on one connection. Ownership: keeps references to all it is given.
class Exchange {
 public:
  Exchange(Connection& connection, const Request& request, const Url& url, const std::string& user_agent,
           const Bound& bound)
      : connection_(connection), request_(request), url_(url), user_agent_(user_agent), bound_(bound) {}

  Result<Response> Whole();
  Result<Response> Stream(const StreamOptions& options, const std::function<bool(std::string_view)>& on_chunk);

  bool answer_begun() const { return answer_begun_; }      ///< At least the head arrived.
  bool reusable() const { return reusable_ && written_; }  ///< The connection may carry another request.

 private:
  struct Reader;
  Result<void> Write();
  Result<Response> Head(Reader& reader);
  Result<Response> ReadHead(Reader& reader);
  Result<void> ReadWhole(Reader& reader, Response& response);
  Error Failure(const boost::system::error_code& ec) const { return IoFailure(ec, bound_, sent_); }

  Connection& connection_;
  const Request& request_;
  const Url& url_;
  const std::string& user_agent_;
  const Bound bound_;
  RequestSent sent_ = RequestSent::kNo;
  bool answer_begun_ = false;
  bool reusable_ = false;
  bool written_ = false;  ///< The whole request went out.
};

}  // namespace meshplay::http
