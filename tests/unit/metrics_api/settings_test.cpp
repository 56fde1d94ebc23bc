#include "adapters/metrics_api/settings.h"

#include <catch2/catch.hpp>

#include "adapters/common/ownership.h"
#include "adapters/metrics/traffic_metrics.h"
#include "adapters/metrics_api/discovery.h"
#include "adapters/metrics_api/host.h"
#include "libs/base/base64.h"

using namespace meshplay;
using namespace meshplay::metrics_api;
using metrics::Version;
using nlohmann::json;

namespace {

Settings SettingsAt(const std::string& host) {
  Settings settings;
  settings.mesh_key = "istio-system/default";
  settings.name_space = "istio-system";
  settings.host = host;
  settings.port = 9443;
  settings.versions = {Version::kV1Alpha1};
  return settings;
}

std::vector<std::string> KindsOf(const std::vector<json>& objects) {
  std::vector<std::string> kinds;
  for (const json& object : objects) {
    CHECK(common::OwnerOf(object) == kOwner);
    CHECK(common::IsOurs(object, "istio"));
    kinds.push_back(kube::GvkOf(object).kind);
  }
  return kinds;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("an address becomes a Service with a slice, a name an ExternalName, pods a selector", "[metrics_api]") {
  const auto at_address = Objects(SettingsAt("192.0.2.7"), "istio-system", "istio", "PEM");
  CHECK(KindsOf(at_address) == Texts{"ConfigMap", "Service", "EndpointSlice", "APIService"});
  CHECK(at_address[1]["spec"].value("selector", json()).is_null());
  CHECK(at_address[2]["addressType"] == "IPv4");
  CHECK(at_address[2]["endpoints"][0]["addresses"] == json{"192.0.2.7"});
  CHECK(at_address[2]["metadata"]["labels"]["kubernetes.io/service-name"] == kServiceName);
  CHECK(Objects(SettingsAt("2001:db8::7"), "a", "istio", "PEM")[2]["addressType"] == "IPv6");

  const auto at_name = Objects(SettingsAt("adapter.example"), "istio-system", "istio", "PEM");
  CHECK(KindsOf(at_name) == Texts{"ConfigMap", "Service", "APIService"});
  CHECK(at_name[1]["spec"]["externalName"] == "adapter.example");

  Settings pods = SettingsAt("");
  pods.selector = {{"app", "adapter"}};
  const auto in_pods = Objects(pods, "istio-system", "istio", "PEM");
  CHECK(KindsOf(in_pods) == Texts{"ConfigMap", "Service", "APIService"});
  CHECK(in_pods[1]["spec"]["selector"]["app"] == "adapter");
}

TEST_CASE("an APIService carries the authority and the priorities of SMI", "[metrics_api]") {
  const json service = ApiServiceObject(SettingsAt("192.0.2.7"), Version::kV1Alpha1, "istio", "PEM");
  CHECK(service["metadata"]["name"] == "v1alpha1.metrics.smi-spec.io");
  const json& spec = service["spec"];
  CHECK(spec["group"] == "metrics.smi-spec.io");
  CHECK(spec["version"] == "v1alpha1");
  CHECK(spec["groupPriorityMinimum"] == 100);
  CHECK(spec["versionPriority"] == 100);
  CHECK(spec["caBundle"] == Base64Encode("PEM"));
  CHECK(spec["service"] == json{{"name", kServiceName}, {"namespace", "istio-system"}, {"port", 9443}});
  CHECK_FALSE(spec.contains("insecureSkipTLSVerify"));
}

TEST_CASE("the ConfigMap says everything that enabling asked for", "[metrics_api]") {
  Settings settings = SettingsAt("192.0.2.7");
  settings.versions = {Version::kV1Alpha1, Version::kV1Alpha2};
  settings.selector = {{"a", "b"}};
  const json map = Objects(settings, "mesh", "istio", "PEM").front();
  CHECK(map["metadata"]["namespace"] == "mesh");
  CHECK(ReadSettings(map).value() == settings);
  for (const char* bad : {"", "{", "[]", "{}", R"({"namespace":"a","port":0,"selector":{},"versions":[]})",
                          R"({"namespace":"a","port":1,"selector":{"a":1},"versions":[]})",
                          R"({"namespace":"a","port":1,"selector":{},"versions":["v9"]})"}) {
    INFO(bad);
    const auto read = ReadSettings({{"data", {{"settings", bad}}}});
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().reason() == "METRICS_API_CONFIG_INVALID");
  }
}

TEST_CASE("discovery is told in the form that is asked for", "[metrics_api]") {
  const std::vector<Version> versions = {Version::kV1Alpha1, Version::kV1Alpha2};
  const auto plain = GroupList(versions, "application/json");
  CHECK(plain.content_type == "application/json");
  const json list = json::parse(plain.body);
  CHECK(list["kind"] == "APIGroupList");
  CHECK(list["groups"][0]["preferredVersion"]["groupVersion"] == "metrics.smi-spec.io/v1alpha1");
  CHECK(list["groups"][0]["versions"].size() == 2);

  for (const std::string form : {"v2", "v2beta1"}) {
    const std::string accept = "application/json;g=apidiscovery.k8s.io;v=" + form + ";as=APIGroupDiscoveryList";
    const auto aggregated = GroupList(versions, accept + ",application/json");
    CHECK(aggregated.content_type == accept);
    const json document = json::parse(aggregated.body);
    CHECK(document["apiVersion"] == "apidiscovery.k8s.io/" + form);
    const json& first = document["items"][0]["versions"][0];
    CHECK(first["version"] == "v1alpha1");
    CHECK(first["resources"].size() == metrics::ResourceList(Version::kV1Alpha1)["resources"].size());
    for (const json& resource : first["resources"]) {
      CHECK(resource["responseKind"]["kind"] == "TrafficMetrics");
      CHECK(resource["scope"] == (resource["resource"] == "namespaces" ? "Cluster" : "Namespaced"));
    }
  }
}

TEST_CASE("the mesh's condition tells whether the API server reaches the adapter, and whose fault it is",
          "[metrics_api]") {
  Settings settings = SettingsAt("192.0.2.7");
  settings.versions = {Version::kV1Alpha1, Version::kV1Alpha2};
  CHECK_FALSE(ConditionOf(MetricsApiReport{}).has_value());
  std::vector<json> services;
  for (const Version version : settings.versions) {
    services.push_back(ApiServiceObject(settings, version, "istio", "PEM"));
    services.back()["status"]["conditions"] = json::array({{{"type", "Available"}, {"status", "True"}}});
  }
  const auto told = [&] { return ConditionOf(ReportOf(settings, "istio", services)).value(); };
  CHECK(told().type() == "SmiMetricsApi");
  CHECK(told().status() == adapter::v1::CONDITION_STATUS_TRUE);
  CHECK(told().reason() == "Served");

  services[1]["status"]["conditions"][0] = {
      {"type", "Available"}, {"status", "False"}, {"reason", "FailedDiscoveryCheck"}, {"message", "no route"}};
  CHECK(told().status() == adapter::v1::CONDITION_STATUS_FALSE);
  CHECK(told().reason() == "Unavailable");
  CHECK(told().message().find("no route") != std::string::npos);
  services[0] = nullptr;
  CHECK(told().reason() == "APIServiceMissing");
  services[0] = {{"metadata", {{"name", "v1alpha1.metrics.smi-spec.io"}}}};
  CHECK(told().reason() == "APIServiceTaken");
  CHECK(ReportOf(settings, "istio", services).mesh_key == "istio-system/default");
}
