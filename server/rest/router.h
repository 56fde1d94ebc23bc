#pragma once

#include <google/protobuf/descriptor.h>

#include <functional>
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
  using MoreGauges = std::function<std::vector<services::Api::Gauge>()>;  ///< Of rooms that the Api does not know.
  Router(services::Api& api, std::string openapi_json, MoreGauges more_gauges = {});

  Response Handle(const Request& request) const;
  /// Fills the answer of /healthz, which needs no worker: it must work while all of them are busy.
  static bool AnswerAtOnce(const Request& request, Response& response);
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
  MoreGauges more_gauges_;
};

}  // namespace meshplay::rest
