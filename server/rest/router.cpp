#include "server/rest/router.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cctype>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "meshplay/api/annotations.pb.h"
#include "server/rest/problem.h"
#include "server/rest/transcode.h"

namespace meshplay::rest {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;
using Pairs = std::vector<std::pair<std::string, std::string>>;

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

std::string MediaTypeOf(const std::string& content_type) {
  std::string type = content_type.substr(0, content_type.find(';'));
  std::erase(type, ' ');
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

const FieldDescriptor* StringField(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  return field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field->is_repeated() ? field
                                                                                                           : nullptr;
}

void SetString(Message& message, const char* name, const std::string& value) {
  if (const FieldDescriptor* field = StringField(message, name)) {
    message.GetReflection()->SetString(&message, field, value);
  }
}

std::string GetString(const Message& message, const char* name) {
  const FieldDescriptor* field = StringField(message, name);
  return field == nullptr ? std::string() : message.GetReflection()->GetString(message, field);
}

/// If-Match: one strong tag, or "*" for whatever is there.
std::string EtagOf(const std::string& header) {
  if (header.size() >= 2 && header.front() == '"' && header.back() == '"') return header.substr(1, header.size() - 2);
  return header;
}

Status ReadBody(const Request& request, const api::Route& route, Message& message) {
  if (route.body().empty()) {
    if (request.body.empty()) return {};
    return InvalidArgument("BODY_UNEXPECTED", "this method takes no body");
  }
  if (request.body.empty()) return {};
  const std::string type = MediaTypeOf(request.Header("content-type"));
  const bool good = type == "application/json" || (route.merge_patch() && type == "application/merge-patch+json");
  if (!good) {
    return InvalidArgument("MEDIA_TYPE_UNSUPPORTED", "the body's media type is not supported")
        .WithRemediation("Send Content-Type: application/json.");
  }
  MP_TRY(const nlohmann::json document, ParseJson(request.body));
  std::vector<Violation> violations;
  Message* into = &message;
  if (route.body() != "*") {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(route.body());
    into = message.GetReflection()->MutableMessage(&message, field);
  }
  ReadMessage(document, "", route.merge_patch(), *into, violations);
  if (!violations.empty()) {
    return InvalidArgument("REQUEST_INVALID", "the request body does not fit the method")
        .WithViolations(std::move(violations));
  }
  if (route.merge_patch()) {
    const FieldDescriptor* mask = message.GetDescriptor()->FindFieldByName("update_mask");
    for (const auto& [key, value] : document.items()) {
      if (mask != nullptr) message.GetReflection()->AddString(&message, mask, key);
    }
  }
  return {};
}

/// Prefer: wait=SECONDS fills the field `wait`.
void ApplyPrefer(const Request& request, Message& message) {
  const std::string prefer = request.Header("prefer");
  const std::size_t at = prefer.find("wait=");
  if (at == std::string::npos || message.GetDescriptor()->FindFieldByName("wait") == nullptr) return;
  std::string digits;
  for (std::size_t i = at + 5; i < prefer.size() && std::isdigit(static_cast<unsigned char>(prefer[i])) != 0; ++i) {
    digits += prefer[i];
  }
  std::vector<Violation> ignored;
  if (!digits.empty() && digits.size() < 6) ReadText("wait", digits + "s", message, ignored);
}

}  // namespace

Router::Router(services::Api& api, std::string openapi_json) : api_(api), openapi_json_(std::move(openapi_json)) {
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
    match.allowed_methods += route.http_method;
  }
  return match;
}

Response Router::Handle(const Request& request) const {
  const std::string request_id = RequestIdOf(request);
  const auto finish = [&](Response response) {
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

Response Router::Call(const Request& request, const Match& match, const Pairs& query, const std::string& path,
                      const std::string& request_id) const {
  const MethodDescriptor& method = *match.route->method;
  const api::Route& route = method.options().GetExtension(api::route);
  const auto caller = api_.Authenticate(BearerOf(request));
  if (!caller) return ProblemResponse(caller.error(), path, request_id);
  const services::CallContext context{*caller, request_id, "rest", {}};

  const bool follow = request.Header("accept").find("text/event-stream") != std::string::npos;
  const bool list_as_stream = follow && method.full_name() == "meshplay.v1.Events.ListEvents";
  std::unique_ptr<Message> message;
  if (route.server_sent_events() || list_as_stream) {
    message = std::make_unique<v1::WatchEventsRequest>();
  } else {
    message = NewMessage(method.input_type());
  }

  const Status body = ReadBody(request, route, *message);
  if (!body) return ProblemResponse(body.error(), path, request_id);
  std::vector<Violation> violations;
  for (const auto& [name, value] : query) ReadText(name, value, *message, violations);
  for (const auto& [name, value] : match.variables) {
    const std::string in_body = GetString(*message, name.c_str());
    if (!in_body.empty() && in_body != value) violations.push_back({"/" + name, "differs from the path"});
    ReadText(name, value, *message, violations);
  }
  if (!violations.empty()) {
    const Error error = InvalidArgument("REQUEST_INVALID", "a parameter of the request is not valid")
                            .WithViolations(std::move(violations));
    return ProblemResponse(error, path, request_id);
  }
  if (route.idempotency_key() && !request.Header("idempotency-key").empty()) {
    SetString(*message, "request_id", request.Header("idempotency-key"));
  }
  if (route.requires_etag() && !request.Header("if-match").empty()) {
    SetString(*message, "etag", EtagOf(request.Header("if-match")));
  }
  ApplyPrefer(request, *message);

  if (auto* watch = dynamic_cast<v1::WatchEventsRequest*>(message.get())) {
    if (!request.Header("last-event-id").empty()) watch->set_since(request.Header("last-event-id"));
    Response response;
    response.stream = std::make_shared<StreamRequest>(StreamRequest{context, *watch});
    return response;
  }

  const auto answer = api_.Call(method, context, *message);
  if (!answer) return ProblemResponse(answer.error(), path, request_id);
  Response response;
  response.status = route.success_status() == 0 ? 200 : route.success_status();
  response.body = WriteMessage(**answer).dump() + "\n";
  const std::string etag = GetString(**answer, "etag");
  if (!etag.empty()) response.headers.emplace("ETag", "\"" + etag + "\"");
  const std::string id = GetString(**answer, "id");
  if (response.status == 202) response.headers.emplace("Location", "/v1/operations/" + id);
  if (response.status == 201 && !id.empty()) response.headers.emplace("Location", match.route->path + "/" + id);
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
    response.headers.emplace("Allow", "GET");
    return response;
  }
  if (path == "/healthz") {
    response.body = "{\"status\":\"ok\"}\n";
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
