#include "adapters/kube/client.h"
#include "adapters/kube/internal/answer.h"
#include "adapters/kube/internal/exec_channels.h"
#include "adapters/kube/internal/paths.h"
#include "adapters/kube/internal/transport.h"
#include "libs/http/url.h"

namespace meshplay::kube {
namespace {

using nlohmann::json;

constexpr char kExecProtocol[] = "v5.channel.k8s.io";
constexpr std::size_t kStdinPiece = 32 * 1024;

std::string PodPath(const std::string& name_space, const std::string& pod) {
  return "/api/v1/namespaces/" + http::PercentEncode(name_space) + "/pods/" + pod;
}

std::string ServicePath(const std::string& name_space, const std::string& service) {
  return "/api/v1/namespaces/" + http::PercentEncode(name_space) + "/services/" + service;
}

// "https:8443" names the scheme before the pod, "8080" only the port.
Result<std::string> ProxyTarget(const std::string& pod, const std::string& port) {
  const auto colon = port.find(':');
  const std::string scheme = colon == std::string::npos ? "" : port.substr(0, colon);
  const std::string number = colon == std::string::npos ? port : port.substr(colon + 1);
  const bool scheme_ok = scheme.empty() || scheme == "http" || scheme == "https";
  if (!scheme_ok || number.empty() || number.find_first_of(":/%?#") != std::string::npos) {
    return InvalidArgument("OBJECT_NAME_INVALID", "a port must be a number, a name or 'https:<port>'");
  }
  return (scheme.empty() ? "" : scheme + ":") + http::PercentEncode(pod) + ":" + http::PercentEncode(number);
}

// What the API server itself says is a Status; a pod's own answer hardly is one.
bool IsStatusOfServer(const http::Response& answer) {
  if (answer.status < 400) return false;
  const auto body = ParseAnswer(answer.body);
  return body && TextAt(*body, "/kind") == "Status" && TextAt(*body, "/apiVersion") == "v1";
}

Status SendStdin(http::WebSocket& socket, const std::string& text) {
  for (std::size_t at = 0; at < text.size(); at += kStdinPiece) {
    MP_CHECK(socket.Send(ChannelMessage(ExecChannel::kStdin, text.substr(at, kStdinPiece))));
  }
  return socket.Send(CloseChannelMessage(ExecChannel::kStdin));
}

}  // namespace

Result<ProxyAnswer> Client::PodProxyGet(const std::string& name_space, const std::string& pod, const std::string& port,
                                        const std::string& path, const Call& call) {
  return ProxyGet(PodPath, name_space, pod, port, path, call);
}

Result<ProxyAnswer> Client::ServiceProxyGet(const std::string& name_space, const std::string& service,
                                            const std::string& port, const std::string& path, const Call& call) {
  return ProxyGet(ServicePath, name_space, service, port, path, call);
}

Result<ProxyAnswer> Client::ProxyGet(std::string (*path_of)(const std::string&, const std::string&),
                                     const std::string& name_space, const std::string& name, const std::string& port,
                                     const std::string& path, const Call& call) {
  MP_CHECK(CheckPathName(name_space));
  MP_CHECK(CheckPathName(name));
  if (path.empty() || path.front() != '/') {
    return InvalidArgument("OBJECT_NAME_INVALID", "the path of a proxied request must start with '/'");
  }
  MP_TRY(const std::string target, ProxyTarget(name, port));
  RestRequest request;
  request.path = path_of(name_space, target) + "/proxy" + path;
  request.accept = "*/*";
  request.retry_server_errors = false;
  MP_TRY(http::Response answer, transport_->Exchange(request, BudgetOf(call)));
  if (IsStatusOfServer(answer)) return ErrorOfAnswer(answer);
  return ProxyAnswer{answer.status, std::string(answer.HeaderValue("Content-Type")), std::move(answer.body)};
}

Result<ExecOutcome> Client::Exec(const ExecRequest& exec, const Call& call) {
  MP_CHECK(CheckPathName(exec.name_space));
  MP_CHECK(CheckPathName(exec.pod));
  if (exec.command.empty()) return InvalidArgument("OBJECT_INVALID", "a command is needed");
  RestRequest request;
  std::vector<std::pair<std::string, std::string>> query = {{"container", exec.container},
                                                            {"stdin", exec.stdin_text.empty() ? "" : "true"},
                                                            {"stdout", "true"},
                                                            {"stderr", "true"}};
  request.path = PodPath(exec.name_space, http::PercentEncode(exec.pod)) + "/exec" + Query(query);
  for (const std::string& part : exec.command) request.path += "&command=" + http::PercentEncode(part);
  MP_TRY(http::WebSocketOpening opening,
         transport_->OpenWebSocket(request, {kExecProtocol, exec.max_output_bytes + 1024 * 1024}, BudgetOf(call)));
  if (!opening.socket) return ErrorOfAnswer(opening.declined);

  // A program that reads nothing may leave stdin unsent, so a failure here is told only when no verdict comes.
  Status stdin_sent;
  if (!exec.stdin_text.empty()) stdin_sent = SendStdin(*opening.socket, exec.stdin_text);
  ExecReader reader(exec.max_output_bytes);
  while (!reader.done()) {
    auto message = opening.socket->Receive();
    if (!message) return ErrorOfTransport(message.error());
    if (!*message) break;
    MP_CHECK(reader.OnMessage(**message));
  }
  if (!reader.done() && !stdin_sent) return ErrorOfTransport(stdin_sent.error());
  return reader.Finish();
}

}  // namespace meshplay::kube
