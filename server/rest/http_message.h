#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "meshplay/v1/access.pb.h"
#include "server/services/api.h"

/// HTTP without a wire library: what the router works on and the connection carries.
namespace meshplay::rest {

struct Request {
  std::string method;
  std::string target;                          ///< As on the wire: path and query, still encoded.
  std::map<std::string, std::string> headers;  ///< Names in lower case; repeated ones joined with ", ".
  std::string body;
  std::string peer;  ///< Address without port.
  std::string Header(const std::string& lower_name) const {
    const auto found = headers.find(lower_name);
    return found == headers.end() ? std::string() : found->second;
  }
};

/// An event stream that the connection hands to the fan-out.
struct StreamRequest {
  services::CallContext context;
  v1::WatchEventsRequest request;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::multimap<std::string, std::string> headers;
  std::string body;
  std::shared_ptr<StreamRequest> stream;  ///< Set: answer with text/event-stream and follow these events.
};

}  // namespace meshplay::rest
