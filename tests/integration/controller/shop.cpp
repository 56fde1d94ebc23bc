#include "tests/integration/controller/shop.h"

#include <catch2/catch.hpp>

#include "libs/base/files.h"

namespace meshplay::test {
namespace {

using nlohmann::json;

constexpr char kShop[] = R"(
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: ops}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: api, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {serviceAccountName: api, containers: [{name: api, image: api, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: api-v1, namespace: shop}
spec: {selector: {app: api, version: v1}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: api-v2, namespace: shop}
spec: {selector: {app: api, version: v2}, ports: [{name: http, port: 8080}]}
)";

}  // namespace

const char kRoutes[] = R"(
apiVersion: specs.smi-spec.io/v1alpha4
kind: HTTPRouteGroup
metadata: {name: routes, namespace: shop}
spec:
  matches:
  - {name: api, pathRegex: /api, methods: ["GET"], headers: [{x-a: "^b$"}]}
)";
const char kTarget[] = R"(
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata: {name: access, namespace: shop}
spec:
  destination: {kind: ServiceAccount, name: api, namespace: shop}
  rules: [{kind: HTTPRouteGroup, name: routes}]
  sources: [{kind: ServiceAccount, name: web, namespace: shop}]
)";

std::string SplitYaml(int canary_weight) {
  return R"(
apiVersion: split.smi-spec.io/v1alpha2
kind: TrafficSplit
metadata: {name: canary, namespace: shop}
spec: {service: api, backends: [{service: api-v1, weight: )" +
         std::to_string(100 - canary_weight) + "}, {service: api-v2, weight: " + std::to_string(canary_weight) +
         "}]}\n";
}

std::unique_ptr<Shop> Shop::Open(const std::string& name) {
  auto stack = Stack::Up(name);
  if (!stack) return nullptr;
  auto shop = std::make_unique<Shop>();
  shop->stack_ = std::move(stack);
  shop->stack_->StartServer();
  shop->stack_->StartAdapter();
  shop->stack_->AwaitConnected();
  shop->Run("istio.install");
  shop->Apply(kShop);
  return shop;
}

json Shop::Run(const std::string& type, const json& parameters) {
  json operation = stack_->AwaitFinal(stack_->Submit(type, parameters), std::chrono::seconds(300));
  INFO(operation.dump(2));
  INFO(stack_->LogTail("adapter"));
  REQUIRE(operation["state"] == "SUCCEEDED");
  return operation;
}

std::string Shop::Refused(const std::string& type, const json& parameters) {
  const json operation = stack_->AwaitFinal(stack_->Submit(type, parameters), std::chrono::seconds(300));
  INFO(operation.dump(2));
  REQUIRE(operation["state"] == "FAILED");
  return operation["error"].value("reason", "");
}

ProcessOutcome Shop::TryKubectl(const std::vector<std::string>& words) {
  ProcessSpec spec;
  spec.argv = {std::string(MESHPLAY_SOURCE_DIR) + "/tests/cluster/rig",
               "kubectl",
               "--name",
               stack_->cluster_id(),
               "--dir",
               stack_->folder() + "/rig",
               "--"};
  spec.argv.insert(spec.argv.end(), words.begin(), words.end());
  spec.environment = ChildEnvironment();
  spec.timeout = std::chrono::seconds(180);
  const auto outcome = RunProcess(spec);
  REQUIRE(outcome.has_value());
  return *outcome;
}

std::string Shop::Kubectl(const std::vector<std::string>& words) {
  const ProcessOutcome outcome = TryKubectl(words);
  INFO(outcome.stderr_text);
  REQUIRE(outcome.exit_code == 0);
  return outcome.stdout_text;
}

void Shop::Apply(const std::string& yaml) {
  const std::string file = stack_->folder() + "/" + std::to_string(++files_) + ".yaml";
  REQUIRE(WriteFileAtomically(file, yaml, 0600).has_value());
  Kubectl({"apply", "-f", file});
}

std::optional<json> Shop::Find(const std::string& api_version, const std::string& kind, const std::string& name_space,
                               const std::string& name) {
  auto found = kube().Find({kube::MakeGvk(api_version, kind), name_space, name});
  return found ? std::move(*found) : std::nullopt;
}

std::optional<json> Shop::Policy(const std::string& name) {
  return Find("security.istio.io/v1", "AuthorizationPolicy", "shop", name);
}

std::optional<json> Shop::Route(const std::string& name) {
  return Find("networking.istio.io/v1", "VirtualService", "shop", name);
}

std::string Shop::State(const std::string& kind, const std::string& name) {
  const auto version = kube().FindKind(kind == "TrafficSplit" ? "split.smi-spec.io" : "access.smi-spec.io", kind);
  if (!version || !*version) return "not served";
  const auto found = Find((*version)->gvk.ApiVersion(), kind, "shop", name);
  return found ? kube::TextAt(*found, "/status/state") : "not found";
}

json Shop::Condition(const std::string& type) {
  const json meshes = stack_->TryGet("/v1/meshes");
  if (!meshes.is_object() || !meshes.contains("meshes")) return nullptr;
  for (const json& mesh : meshes["meshes"]) {
    const json conditions = mesh.value("conditions", json::array());
    for (const json& condition : conditions) {
      if (condition.value("type", "") == type) return condition;
    }
  }
  return nullptr;
}

}  // namespace meshplay::test
