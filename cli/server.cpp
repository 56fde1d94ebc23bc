#include "cli/server.h"

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <cstdlib>
#include <iostream>

#include "libs/base/files.h"
#include "libs/base/ids.h"
#include "libs/base/json.h"
#include "libs/base/json_member.h"

namespace meshplay::cli {

namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

ErrorCode CodeOf(int status) {
  switch (status) {
    case 400:
    case 405:
    case 413:
    case 414:
    case 415:
    case 422:
    case 428:
    case 431:
      return ErrorCode::kInvalidArgument;
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
    case 412:
      return ErrorCode::kFailedPrecondition;
    case 429:
    case 507:
      return ErrorCode::kResourceExhausted;
    case 503:
    case 504:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

/// problem+json back into an Error.
Error ErrorOf(const http::Response& response) {
  const auto problem = nlohmann::ordered_json::parse(response.body, nullptr, false);
  if (!problem.is_object()) {
    return Error(CodeOf(response.status), "HTTP_" + std::to_string(response.status),
                 "the server answered " + std::to_string(response.status));
  }
  Error error(CodeOf(response.status), MemberText(problem, "reason"), MemberText(problem, "detail"));
  std::vector<Violation> violations;
  const auto found = problem.find("violations");
  if (found != problem.end() && found->is_array()) {
    for (const auto& violation : *found) {
      if (violation.is_object())
        violations.push_back({MemberText(violation, "pointer"), MemberText(violation, "detail")});
    }
  }
  return std::move(error)
      .WithViolations(std::move(violations))
      .WithRemediation(MemberText(problem, "remediation"))
      .WithMetadata("request_id", MemberText(problem, "request_id"));
}

}  // namespace

std::string ConfigPath() {
  std::string base = Environment("XDG_CONFIG_HOME");
  if (base.empty()) base = Environment("HOME") + "/.config";
  return base + "/meshplay/config.json";
}

Connection LoadConnection(const std::string& server_flag, const std::string& ca_flag) {
  Connection connection;
  if (const auto text = ReadFile(ConfigPath(), 64 * 1024)) {
    const auto saved = nlohmann::ordered_json::parse(*text, nullptr, false);
    if (saved.is_object()) {
      if (!MemberText(saved, "server").empty()) connection.server_url = MemberText(saved, "server");
      connection.token = Secret(MemberText(saved, "token"));
      connection.ca_path = MemberText(saved, "ca");
    }
  }
  const std::string saved_url = connection.server_url;
  if (const std::string server = Environment("MESHPLAY_SERVER"); !server.empty()) connection.server_url = server;
  if (!server_flag.empty()) connection.server_url = server_flag;
  while (connection.server_url.ends_with('/')) connection.server_url.pop_back();
  if (connection.server_url != saved_url) connection.token = Secret();  // it is for the server it was saved with
  if (std::string token = Environment("MESHPLAY_TOKEN"); !token.empty()) connection.token = Secret(std::move(token));
  if (!ca_flag.empty()) connection.ca_path = ca_flag;
  return connection;
}

Status SaveConnection(const Connection& connection) {
  const std::string path = ConfigPath();
  MP_CHECK(MakeDirectory(path.substr(0, path.rfind('/')), 0700));
  const nlohmann::json saved = {
      {"server", connection.server_url}, {"token", connection.token.Reveal()}, {"ca", connection.ca_path}};
  return WriteFileAtomically(path, saved.dump(2) + "\n", 0600);
}

Server::Server(Connection connection, std::unique_ptr<http::Client> client)
    : connection_(std::move(connection)), client_(std::move(client)) {}

Result<Server> Server::Connect(Connection connection) {
  http::ClientOptions options;
  options.user_agent = "meshplayctl";
  if (!connection.ca_path.empty()) {
    MP_TRY(options.tls.ca_pem, ReadFile(connection.ca_path));
  }
  MP_TRY(auto client, http::Client::Create(options));
  return Server(std::move(connection), std::move(client));
}

http::Request Server::NewRequest(http::Method method, const std::string& path) const {
  http::Request request;
  request.method = method;
  request.url = connection_.server_url + path;
  request.timeout = std::chrono::seconds(60);
  if (!connection_.token.empty()) request.headers.push_back({"Authorization", "Bearer " + connection_.token.Reveal()});
  return request;
}

Result<std::string> Server::AskText(http::Request request) {
  auto response = client_->Send(request);
  if (!response) {
    return std::move(response)
        .error()
        .Doing("ask " + connection_.server_url)
        .WithRemediation("Is the server running, and is --server (or MESHPLAY_SERVER) right?");
  }
  if (response->status >= 300) return ErrorOf(*response);
  return std::move(response->body);
}

Result<nlohmann::ordered_json> Server::Ask(http::Request request) {
  MP_TRY(const std::string text, AskText(std::move(request)));
  auto body = nlohmann::ordered_json::parse(text, nullptr, false);
  if (body.is_discarded()) return Internal("ANSWER_INVALID", "the server's answer is no JSON");
  return body;
}

Result<nlohmann::ordered_json> Server::Get(const std::string& path) {
  return Ask(NewRequest(http::Method::kGet, path));
}

Result<std::string> Server::GetText(const std::string& path) {
  return AskText(NewRequest(http::Method::kGet, path));
}

Result<nlohmann::ordered_json> Server::Post(const std::string& path, const nlohmann::json& body,
                                            const std::map<std::string, std::string>& headers) {
  http::Request request = NewRequest(http::Method::kPost, path);
  request.headers.push_back({"Content-Type", "application/json"});
  for (const auto& [name, value] : headers) request.headers.push_back({name, value});
  request.body = DumpJson(body);
  return Ask(std::move(request));
}

Result<nlohmann::ordered_json> Server::Put(const std::string& path, const nlohmann::json& body,
                                           const std::string& etag) {
  http::Request request = NewRequest(http::Method::kPut, path);
  request.headers.push_back({"Content-Type", "application/json"});
  request.headers.push_back({"If-Match", "\"" + etag + "\""});
  request.body = DumpJson(body);
  return Ask(std::move(request));
}

Result<nlohmann::ordered_json> Server::Delete(const std::string& path, const std::string& etag) {
  http::Request request = NewRequest(http::Method::kDelete, path);
  request.headers.push_back({"If-Match", "\"" + etag + "\""});
  return Ask(std::move(request));
}

Result<nlohmann::ordered_json> Server::List(const std::string& path, const std::string& items_name, std::size_t limit) {
  nlohmann::ordered_json items = nlohmann::ordered_json::array();
  std::string page_token;
  while (items.size() < limit) {
    const std::string joint = path.find('?') == std::string::npos ? "?" : "&";
    const std::string size = std::to_string(std::min<std::size_t>(limit - items.size(), 200));
    MP_TRY(const nlohmann::ordered_json page,
           Get(path + joint + Query({{"page_size", size}, {"page_token", page_token}})));
    const auto found = page.find(items_name);
    if (found != page.end() && found->is_array()) {
      for (const auto& item : *found) items.push_back(item);
    }
    page_token = MemberText(page, "next_page_token");
    if (page_token.empty()) break;
  }
  return items;
}

Status Server::Follow(const std::string& path, const std::string& last_event_id,
                      const std::function<bool(const std::string&, const std::string&, const std::string&)>& on_event) {
  http::Request request = NewRequest(http::Method::kGet, path);
  request.headers.push_back({"Accept", "text/event-stream"});
  if (!last_event_id.empty()) request.headers.push_back({"Last-Event-ID", last_event_id});
  std::string buffer;
  const auto response = client_->Stream(request, {std::chrono::seconds(60)}, [&](std::string_view chunk) {
    buffer += chunk;
    std::size_t end = 0;
    while ((end = buffer.find("\n\n")) != std::string::npos) {
      std::map<std::string, std::string> fields;
      std::size_t start = 0;
      while (start < end) {
        const std::size_t line_end = std::min(buffer.find('\n', start), end);
        const std::size_t colon = buffer.find(": ", start);
        if (colon != std::string::npos && colon < line_end && colon > start) {
          fields[buffer.substr(start, colon - start)] = buffer.substr(colon + 2, line_end - colon - 2);
        }
        start = line_end + 1;
      }
      buffer.erase(0, end + 2);
      if (fields.count("event") != 0 && !on_event(fields["id"], fields["event"], fields["data"])) return false;
    }
    return true;
  });
  if (!response) return response.error();
  if (response->status >= 300) return ErrorOf(*response);
  return {};
}

std::string Segment(const std::string& text) {
  return boost::urls::encode(text, boost::urls::unreserved_chars);
}

std::string Query(const std::map<std::string, std::string>& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    if (!text.empty()) text += '&';
    text += name + "=" + boost::urls::encode(value, boost::urls::unreserved_chars);
  }
  return text;
}

int Fail(const Error& error) {
  std::cerr << "error: " << error.message() << " (" << error.reason() << ")\n";
  for (const Violation& violation : error.violations()) {
    std::cerr << "  " << (violation.pointer.empty() ? "/" : violation.pointer) << ": " << violation.detail << "\n";
  }
  if (!error.remediation().empty()) std::cerr << "  " << error.remediation() << "\n";
  const auto id = error.metadata().find("request_id");
  if (id != error.metadata().end() && !id->second.empty()) std::cerr << "  request " << id->second << "\n";
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
      return kUsage;
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kPermissionDenied:
      return kNotPermitted;
    case ErrorCode::kNotFound:
      return kNotFound;
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kAborted:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kUnimplemented:
      return kRefused;
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
      return kUnreachable;
    default:
      return kInternalError;
  }
}

}  // namespace meshplay::cli
