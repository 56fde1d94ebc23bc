#include "libs/facts/kubernetes_facts.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using meshplay::facts::FactsFromObjects;
using meshplay::facts::ProtocolOfPort;
using meshplay::smi::PortProtocol;
using nlohmann::json;

namespace {

json Parse(const char* text) {
  return json::parse(text);
}

const char* const kDeployment = R"({
  "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api", "namespace": "shop"},
  "spec": {"selector": {"matchLabels": {"app": "api"}},
    "template": {"metadata": {"labels": {"app": "api", "version": "v1"}},
      "spec": {"serviceAccountName": "api", "containers": [
        {"name": "c", "ports": [{"name": "web", "containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}],
         "livenessProbe": {"httpGet": {"path": "/healthz", "port": "web"}},
         "readinessProbe": {"tcpSocket": {"port": 8080}}}]}}}})";

}  // namespace

TEST_CASE("a Rollout is a workload, for tools of progressive delivery write TrafficSplits", "[facts]") {
  json rollout = Parse(kDeployment);
  rollout["apiVersion"] = "argoproj.io/v1alpha1";
  rollout["kind"] = "Rollout";
  json workflow = rollout;
  workflow["kind"] = "Workflow";
  const auto facts = FactsFromObjects({rollout, workflow});

  REQUIRE(facts.workloads.size() == 1);
  CHECK(facts.workloads[0].kind == "Rollout");
  CHECK(facts.workloads[0].service_account == "api");
}

TEST_CASE("a Deployment becomes a workload with selector, account, ports and probes", "[facts]") {
  const auto facts = FactsFromObjects({Parse(kDeployment)});

  REQUIRE(facts.workloads.size() == 1);
  const auto& workload = facts.workloads[0];
  CHECK(workload.kind == "Deployment");
  CHECK(workload.service_account == "api");
  CHECK(workload.selector == meshplay::smi::Labels{{"app", "api"}});
  CHECK(workload.labels == meshplay::smi::Labels{{"app", "api"}, {"version", "v1"}});
  REQUIRE(workload.ports.size() == 2);
  CHECK(workload.ports[0].port == 8080);
  CHECK(workload.ports[1].udp);
  REQUIRE(workload.probes.size() == 1);
  CHECK(workload.probes[0].path == "/healthz");
  CHECK(workload.probes[0].port == 8080);
}

TEST_CASE("init containers count as long as they run beside the others; probes within TLS do not", "[facts]") {
  json deployment = Parse(kDeployment);
  json& pod = deployment["spec"]["template"]["spec"];
  pod["initContainers"] = Parse(R"([
    {"name": "once", "ports": [{"name": "setup", "containerPort": 7000}]},
    {"name": "sidecar", "restartPolicy": "Always", "ports": [{"name": "admin", "containerPort": 9000}],
     "readinessProbe": {"httpGet": {"path": "/ready", "port": "admin"}},
     "livenessProbe": {"httpGet": {"path": "/secret", "port": "admin", "scheme": "HTTPS"}}}])");
  const auto facts = FactsFromObjects({deployment});

  REQUIRE(facts.workloads.size() == 1);
  const auto& workload = facts.workloads[0];
  REQUIRE(workload.ports.size() == 3);
  CHECK(workload.ports[2].name == "admin");
  REQUIRE(workload.probes.size() == 2);
  CHECK(workload.probes[0].path == "/healthz");
  CHECK(workload.probes[1] == meshplay::smi::HttpProbe{"/ready", 9000});
}

TEST_CASE("pods and replica sets of a listed controller are not counted twice", "[facts]") {
  const json replica_set = Parse(R"({"apiVersion": "apps/v1", "kind": "ReplicaSet",
    "metadata": {"name": "api-1", "namespace": "shop",
      "ownerReferences": [{"kind": "Deployment", "name": "api", "controller": true}]},
    "spec": {"selector": {"matchLabels": {"app": "api"}}, "template": {}}})");
  const json pod = Parse(R"({"apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "api-1-x", "namespace": "shop", "labels": {"app": "api", "pod-template-hash": "1"},
      "ownerReferences": [{"kind": "ReplicaSet", "name": "api-1", "controller": true}]},
    "spec": {"serviceAccountName": "api"}})");

  CHECK(FactsFromObjects({pod, replica_set, Parse(kDeployment)}).workloads.size() == 1);
  CHECK(FactsFromObjects({pod, Parse(kDeployment)}).workloads.size() == 1);
}

TEST_CASE("pods of an unknown controller stand for it once, without labels of their generation", "[facts]") {
  std::vector<json> pods;
  for (const char* hash : {"1", "2"}) {
    pods.push_back({{"apiVersion", "v1"},
                    {"kind", "Pod"},
                    {"metadata",
                     {{"name", std::string("api-") + hash},
                      {"namespace", "shop"},
                      {"labels", {{"app", "api"}, {"pod-template-hash", hash}}},
                      {"ownerReferences", {{{"kind", "Rollout"}, {"name", "api"}, {"controller", true}}}}}},
                    {"spec", json::object()}});
  }

  const auto facts = FactsFromObjects(pods);

  REQUIRE(facts.workloads.size() == 1);
  CHECK(facts.workloads[0].kind == "Rollout");
  CHECK(facts.workloads[0].service_account == "default");
  CHECK(facts.workloads[0].selector == meshplay::smi::Labels{{"app", "api"}});
}

TEST_CASE("Services, accounts, namespaces, versions and mesh objects are read from lists too", "[facts]") {
  const auto facts = FactsFromObjects({Parse(R"({"apiVersion": "v1", "kind": "List", "items": [
      {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}},
      {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "api", "namespace": "shop"}},
      {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "v", "namespace": "shop"}},
      {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
       "spec": {"group": "split.smi-spec.io", "names": {"kind": "TrafficSplit"},
                "versions": [{"name": "v1alpha2", "served": true}, {"name": "v1alpha4", "served": false}]}}]})"),
                                       Parse(R"({"apiVersion": "v1", "kind": "ServiceList", "items": [
      {"metadata": {"name": "api", "namespace": "shop", "labels": {"tier": "back"}},
       "spec": {"selector": {"app": "api"}, "ports": [
         {"name": "http", "port": 80, "targetPort": "web"}, {"name": "x", "port": 81, "appProtocol": "http"},
         {"name": "dns", "port": 53, "protocol": "UDP"}, {"port": 70000}]}}]})")});

  CHECK(facts.namespaces == std::set<std::string>{"shop"});
  CHECK(facts.namespace_labels.at("shop") == meshplay::smi::Labels{{"team", "a"}});
  CHECK(facts.service_accounts.count({"shop", "api"}) == 1);
  CHECK(facts.existing.size() == 1);
  CHECK(facts.served_versions.at("split.smi-spec.io/TrafficSplit") == std::set<std::string>{"v1alpha2"});
  REQUIRE(facts.services.size() == 1);
  CHECK(facts.services[0].labels == meshplay::smi::Labels{{"tier", "back"}});
  REQUIRE(facts.services[0].ports.size() == 3);
  CHECK(facts.services[0].ports[0].target_port_name == "web");
  CHECK(facts.services[0].ports[1].protocol == PortProtocol::kHttp);
  CHECK(facts.services[0].ports[1].target_port == 81);
  CHECK(facts.services[0].ports[2].protocol == PortProtocol::kUdp);
}

TEST_CASE("what a mesh that reads SMI goes by is kept: its Service annotation and its controller's arguments",
          "[facts]") {
  const auto facts = meshplay::facts::FactsFromObjects(
      {{{"apiVersion", "v1"},
        {"kind", "Service"},
        {"metadata",
         {{"name", "db"},
          {"namespace", "shop"},
          {"annotations", {{"mesh.traefik.io/traffic-type", "tcp"}, {"note", "long"}}}}},
        {"spec", {{"ports", {{{"port", 5432}}}}}}},
       {{"apiVersion", "apps/v1"},
        {"kind", "Deployment"},
        {"metadata", {{"name", "traefik-mesh-controller"}, {"namespace", "mesh"}}},
        {"spec",
         {{"template",
           {{"metadata", {{"labels", {{"app", "c"}}}}},
            {"spec", {{"containers", {{{"command", {"run"}}, {"args", {"--acl"}}}}}}}}}}}}});

  REQUIRE(facts.services.size() == 1);
  CHECK(facts.services[0].annotations == meshplay::smi::Labels{{"mesh.traefik.io/traffic-type", "tcp"}});
  REQUIRE(facts.workloads.size() == 1);
  CHECK(facts.workloads[0].arguments == std::vector<std::string>{"run", "--acl"});
}

TEST_CASE("an empty selector falls back to the pods' labels", "[facts]") {
  const auto facts = FactsFromObjects({Parse(R"({"apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": "api", "namespace": "shop"},
    "spec": {"selector": {"matchExpressions": []}, "template": {"metadata": {"labels": {"app": "api"}}}}})")});

  REQUIRE(facts.workloads.size() == 1);
  CHECK(facts.workloads[0].selector == meshplay::smi::Labels{{"app", "api"}});
}

TEST_CASE("malformed objects are passed over", "[facts]") {
  const auto facts = FactsFromObjects(
      {json(), json::array(), json("x"), Parse(R"({"apiVersion": "v1", "kind": "Service", "metadata": 1, "spec": []})"),
       Parse(R"({"apiVersion": 1, "kind": {}})"),
       Parse(
           R"({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": [1]}}}})")});

  CHECK(facts.services.size() == 1);
  CHECK(facts.workloads.size() == 1);
}

TEST_CASE("a mesh object without a name stands in nobody's way", "[facts]") {
  const auto facts = FactsFromObjects(
      {Parse(R"({"apiVersion":"networking.istio.io/v1","kind":"VirtualService","spec":{"hosts":["a"]}})"),
       Parse(
           R"({"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"x","namespace":7}})")});
  CHECK(facts.existing.empty());
}

TEST_CASE("what a port speaks comes from appProtocol, then from its name", "[facts]") {
  CHECK(ProtocolOfPort("TCP", "", "http") == PortProtocol::kHttp);
  CHECK(ProtocolOfPort("", "", "http-web") == PortProtocol::kHttp);
  CHECK(ProtocolOfPort("TCP", "", "grpc-web-x") == PortProtocol::kHttp);
  CHECK(ProtocolOfPort("TCP", "", "https") == PortProtocol::kTcp);
  CHECK(ProtocolOfPort("TCP", "kubernetes.io/h2c", "tcp") == PortProtocol::kHttp);
  CHECK(ProtocolOfPort("TCP", "", "tcp-db") == PortProtocol::kTcp);
  CHECK(ProtocolOfPort("TCP", "", "") == PortProtocol::kUnknown);
  CHECK(ProtocolOfPort("TCP", "", "httpx") == PortProtocol::kUnknown);
  CHECK(ProtocolOfPort("UDP", "", "http") == PortProtocol::kUdp);
}
