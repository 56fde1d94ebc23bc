#include "tests/unit/kube/fake_api.h"

#include <catch2/catch.hpp>

namespace meshplay::testing {

using nlohmann::json;
using namespace std::chrono_literals;

namespace {

json Resource(const char* plural, const char* kind, const char* scope) {
  return {{"resource", plural}, {"responseKind", {{"kind", kind}}}, {"scope", scope}, {"verbs", {"get", "list"}}};
}

json Group(const char* name, const char* version, json resources) {
  return {{"metadata", {{"name", name}}},
          {"versions", {{{"version", version}, {"freshness", "Current"}, {"resources", std::move(resources)}}}}};
}

json Discovery(json groups) {
  return {{"kind", "APIGroupDiscoveryList"}, {"items", std::move(groups)}};
}

std::string PathOf(const std::string& target) {
  return target.substr(0, target.find('?'));
}

}  // namespace

json StatusBody(int code, const std::string& reason, const std::string& message, json details) {
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"status", code < 400 ? "Success" : "Failure"},
          {"code", code},
          {"reason", reason},
          {"message", message},
          {"details", std::move(details)}};
}

json ConfigMap(const std::string& name, const std::string& resource_version) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata",
           {{"name", name}, {"namespace", "shop"}, {"uid", "uid-" + name}, {"resourceVersion", resource_version}}}};
}

FakeApi::FakeApi() {
  On("GET /api",
     {{200,
       Discovery({Group("", "v1",
                        {Resource("configmaps", "ConfigMap", "Namespaced"),
                         Resource("namespaces", "Namespace", "Cluster"), Resource("pods", "Pod", "Namespaced")})})}});
  On("GET /apis",
     {{200, Discovery({Group("coordination.k8s.io", "v1", {Resource("leases", "Lease", "Namespaced")})})}});
  server_ = std::make_unique<LoopbackServer>([this](const SeenRequest& request, Wire& wire) { Handle(request, wire); });
}

void FakeApi::On(const std::string& method_and_path, std::vector<Script> scripts) {
  const std::lock_guard lock(mutex_);
  scripts_[method_and_path] = std::move(scripts);
  next_[method_and_path] = 0;
}

void FakeApi::Handle(const SeenRequest& request, Wire& wire) {
  const std::string key = request.method + " " + PathOf(request.target);
  Script script{404, StatusBody(404, "NotFound", "the server could not find the requested resource")};
  {
    const std::lock_guard lock(mutex_);
    const auto found = scripts_.find(key);
    if (found != scripts_.end()) {
      std::size_t& next = next_[key];
      script = found->second[next];
      if (next + 1 < found->second.size()) ++next;
    }
  }
  if (script.instead) {
    script.instead(wire);
    return;
  }
  if (script.handler) {
    script.handler(request, wire);
    return;
  }
  wire.Answer(script.status, script.body.is_string() ? script.body.get<std::string>() : script.body.dump(),
              script.headers);
}

kube::ClientOptions FakeApi::QuickRetries() {
  kube::ClientOptions options;
  options.retry_base = 2ms;
  options.retry_cap = 10ms;
  return options;
}

std::unique_ptr<kube::Client> FakeApi::Client(kube::ClientOptions options) {
  kube::Access access;
  access.server_url = server_->url();
  access.token = Secret("t0ken");
  auto client = kube::Client::Create(std::move(access), std::move(options));
  REQUIRE(client);
  return std::move(*client);
}

std::vector<SeenRequest> FakeApi::Seen(const std::string& method_and_path) const {
  std::vector<SeenRequest> out;
  for (const SeenRequest& request : server_->seen()) {
    if (request.method + " " + PathOf(request.target) == method_and_path) out.push_back(request);
  }
  return out;
}

}  // namespace meshplay::testing
