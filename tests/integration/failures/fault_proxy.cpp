#include "tests/integration/failures/fault_proxy.h"

#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "libs/base/base64.h"
#include "libs/base/clock.h"

namespace meshplay::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

http::Method MethodOf(const std::string& name) {
  static const std::map<std::string, http::Method> kMethods = {
      {"GET", http::Method::kGet}, {"HEAD", http::Method::kHead},   {"POST", http::Method::kPost},
      {"PUT", http::Method::kPut}, {"PATCH", http::Method::kPatch}, {"DELETE", http::Method::kDelete}};
  const auto found = kMethods.find(name);
  return found == kMethods.end() ? http::Method::kGet : found->second;
}

testing::HeaderList Passed(const http::Response& answer) {
  testing::HeaderList headers;
  for (const char* name : {"Content-Type", "Content-Encoding", "Retry-After", "Warning", "Audit-Id"}) {
    const std::string value(answer.HeaderValue(name));
    if (!value.empty()) headers.emplace_back(name, value);
  }
  return headers;
}

}  // namespace

FaultProxy::FaultProxy(const kube::Access& admin) {
  const UnixMs now = SystemClock().NowUnixMs();
  auto authority = NewCertificateAuthority("fault-proxy", std::chrono::hours(24), now);
  REQUIRE(authority.has_value());
  authority_ = std::move(*authority);
  CertificateRequest request;
  request.common_name = "fault-proxy";
  request.ip_addresses = {"127.0.0.1"};
  request.server_auth = true;
  auto leaf = IssueKeyPair(authority_, request, now);
  REQUIRE(leaf.has_value());
  leaf_ = std::move(*leaf);
  PointAt(admin);
  Open();
}

FaultProxy::~FaultProxy() {
  Close();
}

void FaultProxy::PointAt(const kube::Access& admin) {
  http::ClientOptions options;
  options.tls.ca_pem = admin.ca_pem;
  options.tls.client_certificate_pem = admin.client_certificate_pem;
  options.tls.client_key_pem = admin.client_key_pem;
  options.max_idle_connections = 32;
  auto client = http::Client::Create(std::move(options));
  REQUIRE(client.has_value());
  auto upstream = std::make_shared<Upstream>();
  upstream->url = admin.server_url;
  upstream->client = std::move(*client);
  const std::lock_guard lock(mutex_);
  upstream_ = std::move(upstream);
}

void FaultProxy::Break(Rule rule) {
  const std::lock_guard lock(mutex_);
  rule_ = std::move(rule);
}

void FaultProxy::Open() {
  {
    const std::lock_guard lock(mutex_);
    streams_ = std::stop_source();
  }
  server_ = std::make_unique<testing::LoopbackServer>(
      [this](const SeenRequest& request, Wire& wire) { Handle(request, wire); },
      testing::ServerTls{leaf_.certificate_chain_pem, std::string(leaf_.private_key_pem.Reveal()), ""}, port_);
  port_ = server_->port();
}

void FaultProxy::Close() {
  {
    const std::lock_guard lock(mutex_);
    streams_.request_stop();
  }
  server_.reset();
}

void FaultProxy::Handle(const SeenRequest& request, Wire& wire) {
  Rule rule;
  std::stop_token stop;
  {
    const std::lock_guard lock(mutex_);
    rule = rule_;
    stop = streams_.get_token();
  }
  if (rule && rule(request, wire)) return;
  Forward(request, wire, stop);
}

void FaultProxy::Forward(const SeenRequest& seen, Wire& wire, const std::stop_token& stop) {
  std::shared_ptr<Upstream> upstream;
  {
    const std::lock_guard lock(mutex_);
    upstream = upstream_;
  }
  http::Request request;
  request.method = MethodOf(seen.method);
  request.url = upstream->url + seen.target;
  for (const auto& [name, value] : seen.headers) {
    if (name == "accept" || name == "content-type" || name == "accept-encoding" || name == "impersonate-user") {
      request.headers.push_back({name, value});
    }
  }
  request.body = seen.body;
  request.stop = stop;
  request.timeout = 60s;
  request.max_body_bytes = 64 * 1024 * 1024;
  if (seen.target.find("watch=") == std::string::npos) {
    const auto answer = upstream->client->Send(request);
    if (!answer) return wire.Cut();
    return wire.Answer(answer->status, answer->body, Passed(*answer));
  }
  bool begun = false;
  const auto answer = upstream->client->Stream(request, {}, [&](std::string_view chunk) {
    if (!begun) wire.BeginChunked(200, {{"Content-Type", "application/json"}});
    begun = true;
    wire.Chunk(std::string(chunk));
    return !wire.is_cut();
  });
  if (begun || !answer) return wire.Cut();
  wire.Answer(answer->status, answer->body, Passed(*answer));
}

std::string FaultProxy::Kubeconfig(const std::string& context, const std::string& as) const {
  json user = {{"token", kToken}};
  if (!as.empty()) user["as"] = as;
  const json config = {{"apiVersion", "v1"},
                       {"kind", "Config"},
                       {"current-context", context},
                       {"clusters",
                        {{{"name", context},
                          {"cluster",
                           {{"server", "https://127.0.0.1:" + std::to_string(port_)},
                            {"certificate-authority-data", Base64Encode(authority_.certificate_chain_pem)}}}}}},
                       {"users", {{{"name", context}, {"user", user}}}},
                       {"contexts", {{{"name", context}, {"context", {{"cluster", context}, {"user", context}}}}}}};
  return config.dump();
}

bool IsWrite(const SeenRequest& request) {
  return request.method != "GET" && request.method != "HEAD" &&
         request.target.find("dryRun=All") == std::string::npos &&
         request.target.find("accessreviews") == std::string::npos;
}

bool Concerns(const SeenRequest& request, const std::string& path_part) {
  return request.target.find(path_part) != std::string::npos;
}

void AnswerStatus(Wire& wire, int code, const std::string& reason, const std::string& message,
                  const testing::HeaderList& headers) {
  const json body = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", json::object()},
                     {"status", "Failure"}, {"message", message}, {"reason", reason},
                     {"code", code}};
  testing::HeaderList all = headers;
  all.emplace_back("Content-Type", "application/json");
  wire.Answer(code, body.dump(), all);
}

}  // namespace meshplay::test
