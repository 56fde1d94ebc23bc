#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <utility>
#include <vector>

#include "libs/base/result.h"
#include "server/rest/http_message.h"
#include "server/services/api.h"

namespace meshplay::rest {

/// One route of the table made from the proto's method options.
struct RouteEntry {
  std::string http_method;
  std::string path;                   ///< "/v1/operations/{id}:cancel"
  std::vector<std::string> segments;  ///< "v1", "operations", "{id}"
  std::string verb;                   ///< "cancel", or empty
  const google::protobuf::MethodDescriptor* method = nullptr;
};

/// Turns HTTP requests into calls of the Api and its answers into HTTP. All rules live in the services; here is only
/// the transcoding that docs/api.md describes.
/// Threads: const methods from any thread; Handle blocks as Api::Call does.
class Router {
 public:
  Router(services::Api& api, std::string openapi_json);

  Response Handle(const Request& request) const;
  const std::vector<RouteEntry>& routes() const { return routes_; }

 private:
  struct Match {
    const RouteEntry* route = nullptr;
    std::vector<std::pair<std::string, std::string>> variables;
    std::string allowed_methods;  ///< When only the method is wrong.
  };
  Match Find(const std::string& http_method, const std::vector<std::string>& segments) const;
  Response Call(const Request& request, const Match& match,
                const std::vector<std::pair<std::string, std::string>>& query, const std::string& path,
                const std::string& request_id) const;
  Response Operational(const Request& request, const std::string& path, const std::string& request_id,
                       bool& handled) const;
  std::string Metrics() const;

  services::Api& api_;
  std::vector<RouteEntry> routes_;
  std::string openapi_json_;
};

}  // namespace meshplay::rest
