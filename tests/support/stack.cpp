#include "tests/support/stack.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "libs/base/json.h"
#include "libs/base/process.h"
#include "tests/support/eventually.h"
#include "tests/support/skip.h"

namespace meshplay::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::chrono::seconds kStart{120};

/// A hook that holds helm inside a release for three seconds when the value `hold` is set.
constexpr char kHold[] = R"({{- if .Values.hold }}
apiVersion: batch/v1
kind: Job
metadata:
  name: hold-{{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: 0
  template:
    metadata:
      annotations: {meshplay.dev/rig-delay: 3s}
    spec:
      restartPolicy: Never
      containers: [{name: hold, image: hold}]
{{- end }}
)";

ProcessOutcome RunTool(std::vector<std::string> argv) {
  ProcessSpec spec;
  spec.argv = std::move(argv);
  spec.environment = ChildEnvironment();
  spec.timeout = std::chrono::seconds(300);
  auto outcome = RunProcess(spec);
  REQUIRE(outcome.has_value());
  return *outcome;
}

std::string Rig() {
  return std::string(MESHPLAY_SOURCE_DIR) + "/tests/cluster/rig";
}

std::string Program(const std::string& name) {
  return std::string(MESHPLAY_BINARY_DIR) + "/bin/" + name;
}

/// The stand-in charts with the hook above.
void CopyCharts(const std::string& folder) {
  fs::copy(std::string(MESHPLAY_SOURCE_DIR) + "/tests/charts/istio", folder, fs::copy_options::recursive);
  REQUIRE(WriteFileAtomically(folder + "/istiod/templates/hold.yaml", kHold, 0600).has_value());
}

bool IsFinal(const std::string& state) {
  return state == "SUCCEEDED" || state == "FAILED" || state == "CANCELLED" || state == "EXPIRED" ||
         state == "INDETERMINATE";
}

}  // namespace

std::uint16_t FreePort() {
  const int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(bind(handle, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  close(handle);
  return ntohs(address.sin_port);
}

std::unique_ptr<Stack> Stack::Up(const std::string& name) {
  const char* helm = std::getenv("MESHPLAY_TEST_HELM");
  if (helm == nullptr) {
    Skip("MESHPLAY_TEST_HELM is not set; run ./meshplay test integration");
    return nullptr;
  }
  auto folder = TemporaryDirectory::Create("meshplay-" + name + "-");
  REQUIRE(folder.has_value());
  std::unique_ptr<Stack> stack(new Stack(name, std::move(*folder)));
  stack->helm_ = helm;
  const ProcessOutcome up = RunTool({Rig(), "up", "--name", name, "--dir", stack->Folder("rig")});
  INFO(up.stderr_text);
  REQUIRE(up.exit_code == 0);
  stack->kubeconfig_ = up.stdout_text.substr(0, up.stdout_text.find('\n'));
  auto config = kube::Kubeconfig::Load(stack->kubeconfig_);
  REQUIRE(config.has_value());
  auto access = config->AccessFor();
  REQUIRE(access.has_value());
  auto client = kube::Client::Create(std::move(*access));
  REQUIRE(client.has_value());
  stack->kube_ = std::move(*client);
  auto http = http::Client::Create();
  REQUIRE(http.has_value());
  stack->http_ = std::move(*http);
  stack->hub_port_ = FreePort();
  CopyCharts(stack->Folder("charts"));
  return stack;
}

Stack::~Stack() {
  adapter_.KillHard();
  server_.KillHard();
  kube_.reset();
  if (const char* keep = std::getenv("MESHPLAY_TEST_KEEP_LOGS")) {
    for (const char* log : {"server", "adapter"}) {
      std::error_code ignored;
      fs::copy_file(Folder(std::string(log) + ".log"), std::string(keep) + "/" + name_ + "-" + log + ".log",
                    fs::copy_options::overwrite_existing, ignored);
    }
  }
  RunTool({Rig(), "down", "--name", name_, "--dir", Folder("rig")});
}

void Stack::StartServer(const std::string& failpoint) {
  std::error_code ignored;
  fs::remove(Folder("ports.json"), ignored);
  std::map<std::string, std::string> more;
  if (!failpoint.empty()) more["MESHPLAY_FAILPOINT"] = failpoint;
  ++starts_;
  server_ = ChildProcess({Program("meshplay-server"), "serve", "--data-dir", Folder("data"), "--rest-listen",
                          "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--hub-listen",
                          "127.0.0.1:" + std::to_string(hub_port_), "--ports-file", Folder("ports.json"),
                          "--admin-token-file", Folder("token"), "--hub-lease-ttl", "3s", "--hub-step-timeout", "2s"},
                         ChildEnvironment(more), Folder("server.log"));
  const bool ready = Eventually(kStart, [&] { return !server_.running() || fs::exists(Folder("ports.json")); });
  INFO(LogTail("server"));
  REQUIRE((ready && server_.running()));
  const auto ports = ReadFile(Folder("ports.json"));
  REQUIRE(ports.has_value());
  rest_ = "http://" + json::parse(*ports).at("rest").get<std::string>();
  const auto token = ReadFile(Folder("token"));
  REQUIRE(token.has_value());
  token_ = token->substr(0, token->find('\n'));
}

void Stack::StartAdapter(const std::string& failpoint) {
  if (!fs::exists(Folder("enroll.json"))) {
    const json enroll = Post("/v1/enrollmentTokens", {{"mesh_type", "istio"}});
    REQUIRE(WriteFileAtomically(Folder("enroll.json"), enroll.dump(), 0600).has_value());
  }
  std::map<std::string, std::string> more;
  if (!failpoint.empty()) more["MESHPLAY_FAILPOINT"] = failpoint;
  ++starts_;
  std::vector<std::string> argv = {Program("meshplay-adapter-istio"),
                                   "run",
                                   "--state-dir",
                                   Folder("state"),
                                   "--enroll-file",
                                   Folder("enroll.json"),
                                   "--kubeconfig",
                                   kubeconfig_,
                                   "--chart-source",
                                   "dir:" + Folder("charts"),
                                   "--helm",
                                   helm_};
  argv.insert(argv.end(), adapter_flags_.begin(), adapter_flags_.end());
  adapter_ = ChildProcess(argv, ChildEnvironment(more), Folder("adapter.log"));
}

void Stack::AwaitConnected() {
  const bool connected = Eventually(kStart, [&] {
    const json types = TryGet("/v1/operationTypes");
    return types.is_object() && types.dump().find("istio.install") != std::string::npos && Reachable() == "True";
  });
  INFO(LogTail("adapter"));
  REQUIRE(connected);
}

http::Request Stack::NewRequest(http::Method method, const std::string& path) const {
  http::Request request;
  request.method = method;
  request.url = rest_ + path;
  request.headers = {{"Authorization", "Bearer " + token_}};
  return request;
}

std::optional<http::Response> Stack::Ask(http::Method method, const std::string& path, const std::string& body) {
  http::Request request = NewRequest(method, path);
  request.timeout = std::chrono::seconds(60);
  request.body = body;
  if (!body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  auto response = http_->Send(request);
  if (!response) return std::nullopt;
  return std::move(*response);
}

json Stack::TryGet(const std::string& path) {
  const auto response = Ask(http::Method::kGet, path, "");
  if (!response || response->status / 100 != 2) return nullptr;
  return json::parse(response->body);
}

json Stack::Get(const std::string& path) {
  const auto response = Ask(http::Method::kGet, path, "");
  INFO("GET " << path << " " << (response ? response->body : LogTail("server")));
  REQUIRE(response.has_value());
  REQUIRE(response->status / 100 == 2);
  return json::parse(response->body);
}

json Stack::Post(const std::string& path, const json& body) {
  const auto response = Ask(http::Method::kPost, path, body.dump());
  INFO("POST " << path << " " << (response ? response->body : LogTail("server")));
  REQUIRE(response.has_value());
  REQUIRE(response->status / 100 == 2);
  return json::parse(response->body);
}

std::vector<json> Stack::StreamUntil(std::uint64_t last) {
  http::Request request = NewRequest(http::Method::kGet, "/v1/events:watch");
  request.headers.push_back({"Accept", "text/event-stream"});
  std::vector<json> events;
  std::string text;
  http::StreamOptions options;
  options.idle_timeout = std::chrono::seconds(60);
  const auto ended = http_->Stream(request, options, [&](std::string_view chunk) {
    text += chunk;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
      const std::string line = text.substr(0, end);
      text.erase(0, end + 1);
      if (!line.starts_with("data: ")) continue;
      json event = json::parse(line.substr(6));
      if (!event.contains("seq")) continue;
      const bool reached = std::stoull(event["seq"].get<std::string>()) >= last;
      events.push_back(std::move(event));
      if (reached) return false;
    }
    return true;
  });
  INFO((ended ? std::string("stream ended") : ended.error().ToString()));
  REQUIRE(!events.empty());
  return events;
}

std::string Stack::Submit(const std::string& type, const json& parameters) {
  const json body = {
      {"type", type}, {"target", {{"cluster", name_}, {"mesh_type", "istio"}}}, {"parameters", parameters}};
  return Post("/v1/operations", body).at("id").get<std::string>();
}

std::string Stack::StateOf(const std::string& operation_id) {
  const json operation = TryGet("/v1/operations/" + operation_id);
  return operation.is_object() ? operation.at("state").get<std::string>() : std::string();
}

json Stack::AwaitFinal(const std::string& operation_id, std::chrono::seconds time) {
  json operation;
  const bool done = Eventually(time, [&] {
    operation = TryGet("/v1/operations/" + operation_id);
    return operation.is_object() && IsFinal(operation.at("state"));
  });
  INFO(operation.dump(1) << "\nserver:\n" << LogTail("server") << "\nadapter:\n" << LogTail("adapter"));
  REQUIRE(done);
  return operation;
}

std::string Stack::Reachable() {
  const json cluster = TryGet("/v1/clusters/" + name_);
  if (!cluster.is_object()) return {};
  for (const json& condition : cluster.at("conditions")) {
    if (condition.at("type") == "Reachable") return condition.at("status");
  }
  return {};
}

json Stack::Target() {
  const json targets = Get("/v1/targets");
  REQUIRE(targets.at("targets").size() == 1);
  return targets["targets"][0];
}

std::vector<json> Stack::HelmHistory(const std::string& release) {
  const ProcessOutcome outcome = RunTool(
      {helm_, "history", release, "-n", "istio-system", "-o", "json", "--max", "256", "--kubeconfig", kubeconfig_});
  if (outcome.exit_code != 0) return {};
  return json::parse(outcome.stdout_text).get<std::vector<json>>();
}

std::string Stack::HelmStatus(const std::string& release) {
  const auto list = kube_->List({"", "v1", "Secret"}, {"istio-system", "owner=helm,name=" + release, ""});
  if (!list) return {};
  int newest = 0;
  std::string status;
  for (const json& secret : list->items) {
    const json& labels = secret.at("metadata").at("labels");
    const int revision = std::atoi(labels.value("version", "0").c_str());
    if (revision <= newest) continue;
    newest = revision;
    status = labels.value("status", "");
  }
  return status;
}

std::vector<pid_t> Stack::HelmProcesses() {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    const auto line = ReadFile(entry.path().string() + "/cmdline", 64 * 1024);
    if (line && line->starts_with(helm_) && line->find(kubeconfig_) != std::string::npos) found.push_back(pid);
  }
  return found;
}

pid_t Stack::ClusterPart(const std::string& part) {
  const auto text = ReadFile(Folder("rig/run/" + part + ".pid"));
  REQUIRE(text.has_value());
  return std::atoi(text->c_str());
}

std::string Stack::LogTail(const std::string& name) {
  constexpr std::size_t kShown = 6'000;
  const auto text = ReadFile(Folder(name + ".log"));
  if (!text) return "no log";
  return text->size() <= kShown ? *text : text->substr(text->size() - kShown);
}

}  // namespace meshplay::test
