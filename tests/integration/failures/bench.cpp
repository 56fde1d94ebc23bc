#include "tests/integration/failures/bench.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "libs/base/yaml.h"
#include "tests/support/eventually.h"

namespace meshplay::test {

using nlohmann::json;
using namespace std::chrono_literals;

namespace {

std::string TextOf(const std::string& path) {
  const auto text = ReadFile(path);
  REQUIRE(text.has_value());
  return text->substr(0, text->find('\n'));
}

kube::Access AdminOf(const std::string& kubeconfig) {
  auto config = kube::Kubeconfig::Load(kubeconfig);
  REQUIRE(config.has_value());
  auto access = config->AccessFor();
  REQUIRE(access.has_value());
  return std::move(*access);
}

}  // namespace

std::unique_ptr<Bench> Bench::Up(const std::string& name) {
  std::unique_ptr<Bench> bench(new Bench());
  bench->stack_ = Stack::Up(name);
  if (!bench->stack_) return nullptr;
  bench->stack_->StartServer();
  bench->proxy_ = std::make_unique<FaultProxy>(AdminOf(bench->folder() + "/rig/kubeconfig"));
  auto http = http::Client::Create();
  REQUIRE(http.has_value());
  bench->http_ = std::move(*http);
  bench->RestartAdapter({});
  return bench;
}

Bench::~Bench() {
  adapter_.KillHard();
}

void Bench::RestartAdapter(const AdapterFlags& flags) {
  if (adapter_.running()) {
    adapter_.Signal(SIGTERM);
    CHECK(adapter_.WaitExit(120s) == 0);
  }
  if (!ReadFile(folder() + "/enroll.json")) {
    const json enroll = stack_->Post("/v1/enrollmentTokens", {{"mesh_type", "istio"}});
    REQUIRE(WriteFileAtomically(folder() + "/enroll.json", enroll.dump(), 0600).has_value());
  }
  const std::string kubeconfig = folder() + "/kubeconfig.json";
  REQUIRE(WriteFileAtomically(kubeconfig, proxy_->Kubeconfig(stack_->cluster_id(), flags.as), 0600).has_value());
  const std::string log = folder() + "/adapter.log";
  REQUIRE(WriteFileAtomically(log, "").has_value());
  adapter_ =
      ChildProcess({std::string(MESHPLAY_BINARY_DIR) + "/bin/meshplay-adapter-istio", "run", "--state-dir",
                    folder() + "/state", "--enroll-file", folder() + "/enroll.json", "--kubeconfig", kubeconfig,
                    "--chart-source", flags.chart_source.empty() ? "dir:" + folder() + "/charts" : flags.chart_source,
                    "--helm", flags.helm.empty() ? std::string(std::getenv("MESHPLAY_TEST_HELM")) : flags.helm},
                   ChildEnvironment(), log);
  const bool connected = Eventually(120s, [&] {
    const json list = stack_->TryGet("/v1/adapters");
    return list.is_object() && list.at("adapters").size() == 1 && list["adapters"][0].at("connected") == true &&
           !list["adapters"][0].at("clusters").empty() && !list["adapters"][0].at("operation_types").empty();
  });
  INFO(stack_->LogTail("adapter"));
  REQUIRE(connected);
  stack_->AwaitConnected();
}

Bench::Answer Bench::Call(http::Method method, const std::string& path, const json& body, const std::string& if_match) {
  http::Request request;
  request.method = method;
  const auto ports = ReadFile(folder() + "/ports.json");
  REQUIRE(ports.has_value());
  request.url = "http://" + json::parse(*ports).at("rest").get<std::string>() + path;
  request.headers = {{"Authorization", "Bearer " + TextOf(folder() + "/token")}};
  if (!if_match.empty()) request.headers.push_back({"If-Match", if_match});
  if (!body.is_null()) {
    request.body = body.dump();
    request.headers.push_back({"Content-Type", "application/json"});
  }
  const auto answer = http_->Send(request);
  INFO(path);
  REQUIRE(answer.has_value());
  return {answer->status, answer->body.empty() ? json() : json::parse(answer->body)};
}

std::string Bench::Submit(const std::string& type, const json& parameters, const json& more) {
  json body = {{"type", type},
               {"target", {{"cluster", stack_->cluster_id()}, {"mesh_type", "istio"}}},
               {"parameters", parameters}};
  if (more.is_object()) body.update(more);
  const Answer answer = Call(http::Method::kPost, "/v1/operations", body);
  INFO(answer.body.dump(1));
  REQUIRE(answer.status == 202);
  return answer.body.at("id").get<std::string>();
}

void Bench::Succeeds(const std::string& type, const json& parameters) {
  const json operation = Run(type, parameters);
  INFO(operation.dump(1) << stack_->LogTail("adapter"));
  CHECK(operation.at("state") == "SUCCEEDED");
  CheckFree();
}

void Bench::Put(const std::string& yaml, const std::string& manager) {
  auto documents = ParseYaml(yaml);
  REQUIRE(documents.has_value());
  for (const YamlDocument& document : *documents) {
    kube::ApplyOptions options;
    options.field_manager = manager;
    const auto applied = kube().Apply(document.value, options);
    INFO((applied ? std::string("applied") : applied.error().ToString()));
    REQUIRE(applied.has_value());
  }
}

void Bench::CheckFree() {
  const json target = stack_->Target();
  INFO(target.dump(1));
  CHECK(target.at("locked_by") == "");
  CHECK(target.at("quarantined_by") == "");
  CHECK(target.at("hold_reason") == "");
}

void Bench::Release(const std::string& reason) {
  const json target = stack_->Target();
  INFO(target.dump(1));
  CHECK(target.at("locked_by") == "");
  CHECK(target.at("hold_reason") == reason);
  CHECK(target.at("hold_message") != "");
  stack_->Post("/v1/targets/" + target.at("id").get<std::string>() + ":release", json::object());
  CHECK(stack_->Target().at("hold_reason") == "");
}

void Bench::CheckNoHole() {
  std::uint64_t expected = 1;
  std::string since;
  while (true) {
    const json page = stack_->Get("/v1/events?page_size=100" + (since.empty() ? "" : "&since=" + since)).at("events");
    if (page.empty()) break;
    for (const json& event : page) REQUIRE(std::stoull(event.at("seq").get<std::string>()) == expected++);
    since = page.back().at("id");
  }
  CHECK(expected > 1);
}

json Bench::Condition(const std::string& type) {
  const json cluster = stack_->TryGet("/v1/clusters/" + stack_->cluster_id());
  if (!cluster.is_object()) return json::object();
  for (const json& condition : cluster.at("conditions")) {
    if (condition.at("type") == type) return condition;
  }
  return json::object();
}

void CheckFailed(Bench& bench, const json& operation, const Expected& expected) {
  INFO(operation.dump(1) << "\nadapter:\n" << bench.stack().LogTail("adapter"));
  CHECK(operation.at("state") == "FAILED");
  REQUIRE(operation.contains("error"));
  const json& error = operation["error"];
  CHECK(error.at("reason") == expected.reason);
  CHECK(error.at("error_class") == expected.error_class);
  CHECK(error.at("side_effects") == expected.side_effects);
  CHECK(operation.at("side_effects") == expected.side_effects);
  CHECK(error.value("message", "") != "");
  CHECK(error.value("remediation", "") != "");
  const std::string id = operation.at("id");
  const std::string all = operation.dump() + bench.stack().Get("/v1/operations/" + id + "/steps").dump() +
                          bench.stack().Get("/v1/operations/" + id + "/changes").dump() +
                          bench.stack().Get("/v1/operations/" + id + "/diagnostics").dump();
  for (const char* hidden : {FaultProxy::kToken, "/tmp/", "kubeconfig.json", "PRIVATE KEY", "/root/", "/home/"}) {
    INFO("must not be told: " << hidden);
    CHECK(all.find(hidden) == std::string::npos);
  }
}

std::string MapYaml(const std::string& name, const std::string& value) {
  return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", namespace: default}\ndata: {key: \"" + value +
         "\"}\n";
}

}  // namespace meshplay::test
