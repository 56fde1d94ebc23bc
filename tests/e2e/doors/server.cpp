#include "tests/e2e/doors/server.h"

#include <fcntl.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <ostream>
#include <thread>

#include "libs/base/clock.h"
#include "libs/http/url.h"
#include "meshplay/api/annotations.pb.h"
#include "meshplay/rpc/status.pb.h"
#include "server/inventory/inventory.h"
#include "server/rest/transcode.h"
#include "server/security/tokens.h"
#include "server/store/memory_store.h"
#include "server/store/sqlite_store.h"
#include "tests/unit/services/fixture.h"

extern char** environ;

namespace meshplay::testing {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

/// What says nothing: so that a REST document holds what the message holds and no more.
Json Pruned(const Json& value) {
  if (!value.is_object()) return value;
  Json kept = Json::object();
  for (const auto& [key, item] : value.items()) {
    const bool empty = item == "" || item == false || item == 0 || item == "0" || (item.is_array() && item.empty());
    if (!empty) kept[key] = Pruned(item);
  }
  return kept;
}

std::string TextOf(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

http::Method MethodOf(const std::string& name) {
  static const std::map<std::string, http::Method> methods = {{"GET", http::Method::kGet},
                                                              {"POST", http::Method::kPost},
                                                              {"PUT", http::Method::kPut},
                                                              {"PATCH", http::Method::kPatch},
                                                              {"DELETE", http::Method::kDelete}};
  return methods.at(name);
}

}  // namespace

std::unique_ptr<Message> NewMessage(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<Message>(google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

Seed Seed::Plant(const std::string& data_dir) {
  Must(MakeDirectory(data_dir, 0700));
  store::SqliteOptions options;
  options.path = data_dir + "/meshplay.db";
  auto opened = store::OpenSqliteStore(options);
  REQUIRE(opened.has_value());
  store::Store& store = **opened;
  const SystemClock clock;
  Seed seed;
  security::TokenAuthority tokens(store, clock);
  const std::string first = Must(tokens.EnsureFirstToken())->Reveal();
  const security::Caller owner = Must(tokens.Verify(first));
  for (const std::string& role : security::KnownRoles()) {
    seed.tokens[role] = Must(tokens.Create(owner, "seed", {role}, std::chrono::hours(1), "seed")).token.Reveal();
  }
  const ManualClock yesterday(clock.NowUnixMs() - 86'400'000);
  security::TokenAuthority past(store, yesterday);
  seed.tokens["expired"] = Must(past.Create(owner, "old", {"admin"}, std::chrono::minutes(1), "seed")).token.Reveal();
  const auto elsewhere = store::NewMemoryStore();
  security::TokenAuthority other(*elsewhere, clock);
  seed.tokens["foreign"] = Must(other.EnsureFirstToken())->Reveal();
  seed.tokens["garbled"] = first.substr(0, first.size() - 1) + (first.back() == 'a' ? 'b' : 'a');

  store::AdapterRecord adapter;
  adapter.id = "a1";
  adapter.tenant = "default";
  adapter.mesh_type = "istio";
  adapter.state = "ENROLLED";
  adapter.version = 1;
  Must(store.Write([&](store::Transaction& unit) { return unit.PutAdapter(adapter); }));
  inventory::Inventory inventory(store, clock);
  inventory::AdapterSession session;
  session.adapter_id = "a1";
  session.session_id = "session-a1";
  session.instance_id = "instance-a1";
  session.capabilities_digest = "d1";
  session.claims = {{kClusterUid, "kind-dev", "10.0.0.1", "v1.31.0", kReachable}};
  Must(inventory.SessionOpened(session));
  Must(inventory.AcceptManifest("a1", "d1", kManifest));
  store.Stop();
  return seed;
}

bool Answer::operator==(const Answer& other) const {
  return code == other.code && reason == other.reason && detail == other.detail && remediation == other.remediation &&
         violations == other.violations && body == other.body;
}

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << answer.code << " " << answer.reason << " \"" << answer.detail << "\" remediation \"" << answer.remediation
      << "\"";
  for (const auto& [pointer, detail] : answer.violations) out << " [" << pointer << " " << detail << "]";
  return out << " " << answer.body.dump();
}

Answer AnswerOf(const http::Response& response) {
  Answer answer;
  answer.http_status = response.status;
  answer.body = Json::parse(response.body, nullptr, false);
  if (response.status < 400) {
    answer.code = "OK";
    return answer;
  }
  const Json problem = std::move(answer.body);
  answer.body = nullptr;
  if (!problem.is_object()) return answer;
  answer.code = problem.value("code", "");
  answer.reason = problem.value("reason", "");
  answer.detail = problem.value("detail", "");
  answer.remediation = problem.value("remediation", "");
  for (const auto& violation : problem.value("violations", Json::array())) {
    answer.violations.emplace_back(violation["pointer"], violation["detail"]);
  }
  return answer;
}

ServerProcess::ServerProcess(const std::string& data_dir, const std::vector<std::string>& more_flags) {
  static std::atomic<int> count{0};
  folder_ = data_dir + "/../run-" + std::to_string(++count);
  Must(MakeDirectory(folder_, 0700));
  std::map<std::string, std::string> settings = {{"--data-dir", data_dir},
                                                 {"--rest-listen", "127.0.0.1:0"},
                                                 {"--grpc-listen", "127.0.0.1:0"},
                                                 {"--hub-listen", "127.0.0.1:0"},
                                                 {"--ports-file", folder_ + "/ports.json"},
                                                 {"--admin-token-file", folder_ + "/token"}};
  for (std::size_t i = 0; i + 1 < more_flags.size(); i += 2) settings[more_flags[i]] = more_flags[i + 1];
  std::vector<std::string> argv = {std::string(MESHPLAY_BINARY_DIR) + "/bin/meshplay-server", "serve"};
  for (const auto& [flag, value] : settings) {
    argv.push_back(flag);
    argv.push_back(value);
  }
  std::vector<char*> pointers;
  for (std::string& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const std::string log = folder_ + "/log";
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  REQUIRE(posix_spawn(&pid_, pointers[0], &actions, nullptr, pointers.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  client_ = Must(http::Client::Create());
}

ServerProcess::~ServerProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

int ServerProcess::WaitForExit(std::chrono::milliseconds bound) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  while (pid_ > 0) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      break;
    }
    if (std::chrono::steady_clock::now() > deadline) return -1;
    std::this_thread::sleep_for(10ms);
  }
  return exit_code_;
}

bool ServerProcess::WaitForPorts() {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto text = ReadFile(folder_ + "/ports.json");
    if (text) {
      const auto ports = nlohmann::json::parse(*text);
      rest_ = ports["rest"];
      grpc_ = ports["grpc"];
      channel_ = grpc::CreateChannel(grpc_, grpc::InsecureChannelCredentials());
      return true;
    }
    if (WaitForExit(10ms) >= 0) return false;
  }
  return false;
}

int ServerProcess::Terminate() {
  ::kill(pid_, SIGTERM);
  return WaitForExit(60s);
}

std::string ServerProcess::log() const {
  return ReadFile(folder_ + "/log").value_or("");
}

http::Response ServerProcess::Send(http::Method method, const std::string& target, const std::string& token,
                                   const std::string& body, std::vector<http::Header> headers) {
  http::Request request;
  request.method = method;
  request.url = "http://" + rest_ + target;
  request.body = body;
  request.headers = std::move(headers);
  if (!token.empty()) request.headers.push_back({"Authorization", "Bearer " + token});
  if (!body.empty()) {
    bool typed = false;
    for (const auto& header : request.headers) typed = typed || header.name == "Content-Type";
    if (!typed) request.headers.push_back({"Content-Type", "application/json"});
  }
  return Must(client_->Send(request));
}

Answer ServerProcess::ThroughRest(const MethodDescriptor& method, const Message& request, const std::string& token) {
  const auto& route = method.options().GetExtension(api::route);
  std::vector<http::Header> headers;
  Json fields = Pruned(rest::WriteMessage(request));
  const auto header = [&](bool has, const char* field, const char* name, const char* before, const char* after) {
    if (!has || !fields.contains(field)) return;
    headers.push_back({name, before + TextOf(fields[field]) + after});
    fields.erase(field);
  };
  header(route.idempotency_key(), "request_id", "Idempotency-Key", "", "");
  header(route.requires_etag(), "etag", "If-Match", "", "");
  std::string target = route.path();
  for (std::size_t open = target.find('{'); open != std::string::npos; open = target.find('{')) {
    const std::size_t close = target.find('}', open);
    const std::string name = target.substr(open + 1, close - open - 1);
    target.replace(open, close - open + 1, http::PercentEncode(TextOf(fields.value(name, Json("")))));
    fields.erase(name);
  }
  std::string body;
  if (route.body() == "*") {
    body = fields.dump();
  } else if (!route.body().empty()) {
    if (fields.contains(route.body())) body = fields[route.body()].dump();
  } else {
    std::string query;
    for (const auto& [name, value] : fields.items()) {
      query += (query.empty() ? "?" : "&") + name + "=" + http::PercentEncode(TextOf(value));
    }
    target += query;
  }
  return AnswerOf(Send(MethodOf(route.method()), target, token, body, headers));
}

Answer ServerProcess::GrpcBytes(const MethodDescriptor& method, const std::string& bytes, const std::string& token) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 20s);
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  grpc::CompletionQueue queue;
  grpc::Slice slice(bytes);
  const grpc::ByteBuffer sent(&slice, 1);
  const auto call =
      stub.PrepareUnaryCall(&context, "/" + method.service()->full_name() + "/" + method.name(), sent, &queue);
  call->StartCall();
  grpc::ByteBuffer received;
  grpc::Status status;
  call->Finish(&received, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  Answer answer;
  if (status.ok()) {
    answer.code = "OK";
    std::vector<grpc::Slice> slices;
    REQUIRE(received.Dump(&slices).ok());
    std::string text;
    for (const auto& part : slices) text.append(reinterpret_cast<const char*>(part.begin()), part.size());
    const auto response = NewMessage(method.output_type());
    REQUIRE(response->ParseFromString(text));
    answer.body = rest::WriteMessage(*response);
    return answer;
  }
  answer.code = ErrorCodeName(static_cast<ErrorCode>(status.error_code()));
  answer.detail = status.error_message();
  rpc::Status details;
  details.ParseFromString(status.error_details());
  for (const auto& any : details.details()) {
    if (any.type_url().ends_with(".ErrorInfo")) {
      rpc::ErrorInfo info;
      info.ParseFromString(any.value());
      answer.reason = info.reason();
      const auto found = info.metadata().find("remediation");
      if (found != info.metadata().end()) answer.remediation = found->second;
    } else if (any.type_url().ends_with(".BadRequest")) {
      rpc::BadRequest bad;
      bad.ParseFromString(any.value());
      for (const auto& field : bad.field_violations())
        answer.violations.emplace_back(field.field(), field.description());
    }
  }
  return answer;
}

Answer ServerProcess::ThroughGrpc(const MethodDescriptor& method, const Message& request, const std::string& token) {
  return GrpcBytes(method, request.SerializeAsString(), token);
}

}  // namespace meshplay::testing
