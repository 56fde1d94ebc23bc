#include "server/rest/router.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cctype>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "libs/base/ids.h"
#include "meshplay/api/annotations.pb.h"
#include "server/rest/internal/read_request.h"
#include "server/rest/problem.h"
#include "server/rest/transcode.h"

namespace meshplay::rest {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;

constexpr const char* kHealthy = "{\"status\":\"ok\"}\n";

std::vector<std::string> SplitPath(const std::string& path) {
  std::vector<std::string> segments;
  std::size_t start = 1;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    segments.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return segments;
}

bool IsVariable(const std::string& segment) {
  return segment.size() > 2 && segment.front() == '{';
}

std::unique_ptr<Message> NewMessage(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(type)->New());
}

std::string RequestIdOf(const Request& request) {
  const std::string given = request.Header("x-request-id");
  const bool usable = !given.empty() && given.size() <= 128 && std::all_of(given.begin(), given.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  });
  return usable ? given : NewUuidV4();
}

std::string BearerOf(const Request& request) {
  const std::string value = request.Header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() <= kScheme.size()) return value.empty() ? std::string() : "malformed";
  std::string scheme = value.substr(0, kScheme.size());
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return scheme == kScheme ? value.substr(kScheme.size()) : "malformed";
}

bool WantsEventStream(const Request& request) {
  return request.Header("accept").find("text/event-stream") != std::string::npos;
}

/// Pointers of services start at the request message; those of a REST answer at the body that the caller wrote.
Error RelativeToBody(const Error& error, const api::Route& route) {
  const std::string prefix = "/" + route.body();
  if (route.body().empty() || route.body() == "*" || error.violations().empty()) return error;
  std::vector<Violation> violations = error.violations();
  for (Violation& violation : violations) {
    if (violation.pointer.starts_with(prefix + "/")) violation.pointer.erase(0, prefix.size());
  }
  return Error(error).WithViolations(std::move(violations));
}

}  // namespace

Router::Router(services::Api& api, std::string openapi_json, MoreGauges more_gauges)
    : api_(api), openapi_json_(std::move(openapi_json)), more_gauges_(std::move(more_gauges)) {
  for (const MethodDescriptor* method : api.methods()) {
    const api::Route& route = method->options().GetExtension(api::route);
    RouteEntry entry;
    entry.http_method = route.method();
    entry.path = route.path();
    entry.method = method;
    std::string path = route.path();
    const std::size_t verb = path.rfind(':');
    if (verb != std::string::npos && path.find('/', verb) == std::string::npos) {
      entry.verb = path.substr(verb + 1);
      path.resize(verb);
    }
    entry.segments = SplitPath(path);
    for (const std::string& segment : entry.segments) {
      if (IsVariable(segment) &&
          method->input_type()->FindFieldByName(segment.substr(1, segment.size() - 2)) == nullptr) {
        throw std::logic_error("route " + entry.path + " names a field that " + method->full_name() + " lacks");
      }
    }
    routes_.push_back(std::move(entry));
  }
}

Router::Match Router::Find(const std::string& http_method, const std::vector<std::string>& segments) const {
  Match match;
  for (const RouteEntry& route : routes_) {
    if (route.segments.size() != segments.size()) continue;
    Pairs variables;
    bool fits = true;
    for (std::size_t i = 0; fits && i < segments.size(); ++i) {
      std::string segment = segments[i];
      if (i + 1 == segments.size()) {
        const std::size_t colon = segment.rfind(':');
        const std::string verb = colon == std::string::npos ? "" : segment.substr(colon + 1);
        if (verb != route.verb) fits = false;
        if (colon != std::string::npos) segment.resize(colon);
      }
      if (IsVariable(route.segments[i])) {
        fits = fits && !segment.empty();
        variables.emplace_back(route.segments[i].substr(1, route.segments[i].size() - 2), segment);
      } else if (route.segments[i] != segment) {
        fits = false;
      }
    }
    if (!fits) continue;
    if (route.http_method == http_method) {
      match.route = &route;
      match.variables = std::move(variables);
      return match;
    }
    if (!match.allowed_methods.empty()) match.allowed_methods += ", ";
    match.allowed_methods += route.http_method == "GET" ? "GET, HEAD" : route.http_method;
  }
  return match;
}

Response Router::Handle(const Request& request) const {
  const std::string request_id = RequestIdOf(request);
  const auto finish = [&](Response response) {
    response.headers.erase("X-Request-Id");
    response.headers.emplace("X-Request-Id", request_id);
    response.headers.emplace("Cache-Control", "no-store");
    response.headers.emplace("X-Content-Type-Options", "nosniff");
    return response;
  };
  const auto url = boost::urls::parse_origin_form(request.target);
  if (!url) return finish(HttpProblem(400, "URL_INVALID", "the request target is no valid path", "", request_id));
  const std::string path(url->encoded_path().data(), url->encoded_path().size());
  bool handled = false;
  Response operational = Operational(request, path, request_id, handled);
  if (handled) return finish(std::move(operational));

  std::vector<std::string> segments;
  for (const auto& segment : SplitPath(path)) {
    const auto decoded = boost::urls::make_pct_string_view(segment);
    segments.push_back(decoded ? std::string(decoded->decode()) : segment);
  }
  std::string wanted = request.method;
  if (wanted == "HEAD") wanted = "GET";
  const Match match = Find(wanted, segments);
  if (match.route == nullptr) {
    if (match.allowed_methods.empty()) {
      return finish(HttpProblem(404, "ROUTE_UNKNOWN", "there is nothing at this path", path, request_id));
    }
    Response wrong =
        HttpProblem(405, "METHOD_NOT_ALLOWED", "this path does not take " + request.method, path, request_id);
    wrong.headers.emplace("Allow", match.allowed_methods);
    return finish(std::move(wrong));
  }
  Pairs query;
  for (const auto param : url->params()) {
    if (param.key.empty() && !param.has_value) continue;  // "?" and "&&" say nothing
    query.emplace_back(param.key, param.has_value ? param.value : "true");
  }
  return finish(Call(request, match, query, path, request_id));
}

bool Router::AnswerAtOnce(const Request& request, Response& response) {
  if (request.target != "/healthz" || (request.method != "GET" && request.method != "HEAD")) return false;
  response.body = kHealthy;
  response.headers.emplace("X-Request-Id", RequestIdOf(request));
  response.headers.emplace("Cache-Control", "no-store");
  return true;
}

Response Router::Call(const Request& request, const Match& match, const Pairs& query, const std::string& path,
                      const std::string& request_id) const {
  const MethodDescriptor& method = *match.route->method;
  const api::Route& route = method.options().GetExtension(api::route);
  const auto caller = api_.Authenticate(BearerOf(request));
  if (!caller) return ProblemResponse(caller.error(), path, request_id);
  const services::CallContext context{*caller, request_id, "rest", {}};
  const Status allowed = api_.Authorise(method, context);  // before anything of a stranger's body is looked at
  if (!allowed) return ProblemResponse(allowed.error(), path, request_id);

  const bool list_as_stream = WantsEventStream(request) && method.full_name() == "meshplay.v1.Events.ListEvents";
  std::unique_ptr<Message> message =
      NewMessage(list_as_stream ? v1::WatchEventsRequest::descriptor() : method.input_type());
  const Status body = ReadBody(request, route, *message);
  if (!body) return ProblemResponse(body.error(), path, request_id);
  const Status parameters = ReadParameters(query, match.variables, route, *message);
  if (!parameters) return ProblemResponse(parameters.error(), path, request_id);
  ReadHeaders(request, route, *message);

  if (auto* watch = dynamic_cast<v1::WatchEventsRequest*>(message.get())) {
    Response response;
    response.content_type = "text/event-stream";
    if (request.method == "HEAD") return response;
    if (!request.Header("last-event-id").empty()) watch->set_since(request.Header("last-event-id"));
    response.stream = std::make_shared<StreamRequest>(StreamRequest{context, *watch});
    return response;
  }

  const auto answer = api_.Call(method, context, *message);
  if (!answer) return ProblemResponse(RelativeToBody(answer.error(), route), path, request_id);
  Response response;
  response.status = route.success_status() == 0 ? 200 : route.success_status();
  if (route.raw_field().empty()) {
    response.body = DumpDocument(WriteMessage(**answer));
  } else {
    response.body = GetString(**answer, route.raw_field().c_str());
    response.content_type = route.raw_type();
  }
  const std::string etag = GetString(**answer, "etag");
  if (!etag.empty()) response.headers.emplace("ETag", "\"" + etag + "\"");
  if (response.status == 202) {
    // A run of its own kind is an operation too, with the same id.
    response.headers.emplace("Location", "/v1/operations/" + GetString(**answer, "id"));
  }
  const FieldDescriptor* replayed = (*answer)->GetDescriptor()->FindFieldByName("replayed");
  if (replayed != nullptr && (*answer)->GetReflection()->GetBool(**answer, replayed)) {
    response.headers.emplace("Idempotency-Replayed", "true");
  }
  return response;
}

Response Router::Operational(const Request& request, const std::string& path, const std::string& request_id,
                             bool& handled) const {
  Response response;
  handled = path == "/healthz" || path == "/readyz" || path == "/metrics" || path == "/openapi.json";
  if (!handled) return response;
  if (request.method != "GET" && request.method != "HEAD") {
    response = HttpProblem(405, "METHOD_NOT_ALLOWED", "this path does not take " + request.method, path, request_id);
    response.headers.emplace("Allow", "GET, HEAD");
    return response;
  }
  if (path == "/healthz") {
    response.body = kHealthy;
  } else if (path == "/readyz") {
    const auto reasons = api_.NotReadyReasons();
    response.status = reasons.empty() ? 200 : 503;
    response.body =
        nlohmann::json{{"status", reasons.empty() ? "ready" : "not ready"}, {"reasons", reasons}}.dump() + "\n";
  } else if (path == "/openapi.json") {
    response.body = openapi_json_;
  } else {
    response.content_type = "text/plain; version=0.0.4";
    response.body = Metrics();
  }
  return response;
}

}  // namespace meshplay::rest
